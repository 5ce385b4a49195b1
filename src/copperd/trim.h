/* SPDX-License-Identifier: BSD-3-Clause */
/* Returns freed memory to the kernel on a worker thread: after a refresh nearly all of it becomes
 * free in a few turns of the loop (base/mem.h), and this takes longer than one of them may. */
#ifndef CU_COPPERD_TRIM_H
#define CU_COPPERD_TRIM_H

#include <stdbool.h>
#include <uv.h>

struct cu_trim {
    uv_loop_t *loop;
    uv_work_t work;
    bool busy;
};

/* All of it belongs to the loop's thread. The loop is borrowed. */
void cu_trim_init(struct cu_trim *trim, uv_loop_t *loop);
/* Once a turn: begins when there is memory to be returned. Cheap. */
void cu_trim_poll(struct cu_trim *trim);

#endif
