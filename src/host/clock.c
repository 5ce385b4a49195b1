/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/clock.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

int64_t cu_clock_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * CU_CLOCK_NS_PER_S + t.tv_nsec;
}

int64_t cu_clock_ms(void)
{
    return cu_clock_ns() / 1000000;
}

int cu_clock_left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - cu_clock_ms();

    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

int cu_clock_wait(int fd, short events, int64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int rc;

    do {
        rc = poll(&p, 1, cu_clock_left_ms(deadline_ms));
    } while (rc < 0 && errno == EINTR);
    return rc > 0 ? 0 : rc == 0 ? -ETIMEDOUT : -errno;
}
