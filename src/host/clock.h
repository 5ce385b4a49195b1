/* SPDX-License-Identifier: BSD-3-Clause */
/* The monotonic clock, of processes that run no loop (those that do ask uv_hrtime, which is the
 * same clock), and waits that end by it. */
#ifndef CU_HOST_CLOCK_H
#define CU_HOST_CLOCK_H

#include <stdint.h>

#define CU_CLOCK_NS_PER_S INT64_C(1000000000)

int64_t cu_clock_ns(void);
int64_t cu_clock_ms(void);
/* Until deadline_ms, of cu_clock_ms; 0 when it is over. As poll(2) wants it. */
int cu_clock_left_ms(int64_t deadline_ms);
/* Waits for events (poll(2)) on a descriptor. 0, -ETIMEDOUT or -errno. */
__attribute__((warn_unused_result)) int cu_clock_wait(int fd, short events, int64_t deadline_ms);

#endif
