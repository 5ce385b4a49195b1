/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/loglimit.h"

#define PERIOD_NS UINT64_C(60000000000)

static bool is_over(const struct cu_log_limit *limit, uint64_t now_ns)
{
    return limit->since_ns == 0 || now_ns - limit->since_ns >= PERIOD_NS;
}

bool cu_log_limit_has_room(const struct cu_log_limit *limit, uint64_t now_ns)
{
    return limit->written < limit->most || is_over(limit, now_ns);
}

bool cu_log_limit_take(struct cu_log_limit *limit, uint64_t now_ns, unsigned *left_out)
{
    *left_out = 0;
    if (is_over(limit, now_ns)) {
        *left_out = limit->left_out;
        *limit = (struct cu_log_limit){.most = limit->most, .since_ns = now_ns};
    }
    if (limit->written >= limit->most) {
        limit->left_out++;
        return false;
    }
    limit->written++;
    return true;
}
