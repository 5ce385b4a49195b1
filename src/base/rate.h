/* SPDX-License-Identifier: BSD-3-Clause */
/* A rate in bytes a second, given out in parts as time passes. */
#ifndef CU_BASE_RATE_H
#define CU_BASE_RATE_H

#include <stdint.h>

struct cu_rate {
    uint64_t given_ns; /* until when it was given; 0: never */
};

/* Bytes at bytes_s a second for the time since the last call: for one second at most, and none the
 * first time. Parts of a byte are kept for the next call, also when it comes after nanoseconds.
 * now_ns: monotonic. */
uint64_t cu_rate_take(struct cu_rate *rate, uint64_t bytes_s, uint64_t now_ns);

#endif
