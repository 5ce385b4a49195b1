/* SPDX-License-Identifier: BSD-3-Clause */
/* Measures how long the loop's turns take: requests wait for the turn under way, at worst for the
 * longest. Time in which the loop sleeps does not count. */
#ifndef CU_COPPERD_LOOPTIME_H
#define CU_COPPERD_LOOPTIME_H

#include <stdint.h>
#include <uv.h>

struct cu_looptime {
    uv_prepare_t prepare;
    uint64_t *longest_us, *busy_us;
    uint64_t since_ns, idle_ns; /* when the turn began */
    uint64_t read_ns, cpu_ns;   /* when the thread's clock was read, and what it said */
};

/* From now on *longest_us is the longest turn, and *busy_us the most processor time that one took,
 * up to 1 ms too much: on a busy machine a turn is longer than that. Both are borrowed. Called on
 * the loop's thread. Does not keep the loop alive. With libuv before 1.39 they stay as they are. */
void cu_looptime_start(struct cu_looptime *t, uv_loop_t *loop, uint64_t *longest_us,
                       uint64_t *busy_us);

#endif
