/* SPDX-License-Identifier: BSD-3-Clause */
/* Returns freed memory to the kernel, on a worker thread: after much was freed, this takes longer
 * than the loop may be blocked. */
#ifndef CU_COPPERD_TRIM_H
#define CU_COPPERD_TRIM_H

#include <stdbool.h>
#include <uv.h>

struct cu_trim {
    uv_loop_t *loop;
    uv_work_t work;
    bool busy;
    bool again; /* asked for while busy: once more afterwards */
};

/* All of it belongs to the loop's thread. The loop is borrowed. */
void cu_trim_init(struct cu_trim *trim, uv_loop_t *loop);
/* Asks for it; returns at once. At most one is under way. */
void cu_trim_ask(struct cu_trim *trim);

#endif
