/* SPDX-License-Identifier: BSD-3-Clause */
/* Time is given, not bytes: what is less than a byte stays as the time that it takes, and no
 * product can overflow because a second is the most. */
#include "base/rate.h"

#include <stdbool.h>

#define NS_PER_S UINT64_C(1000000000)

uint64_t cu_rate_take(struct cu_rate *rate, uint64_t bytes_s, uint64_t now_ns)
{
    bool first = rate->given_ns == 0;
    uint64_t passed_ns = now_ns > rate->given_ns ? now_ns - rate->given_ns : 0, bytes;

    if (first || passed_ns >= NS_PER_S) {
        rate->given_ns = first || passed_ns >= 2 * NS_PER_S ? now_ns : rate->given_ns + NS_PER_S;
        return first ? 0 : bytes_s;
    }
    bytes = (uint64_t)((double)bytes_s * (double)passed_ns / (double)NS_PER_S);
    if (bytes > 0)
        rate->given_ns += (uint64_t)((double)bytes / (double)bytes_s * (double)NS_PER_S);
    return bytes;
}
