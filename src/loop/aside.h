/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure computations on a thread of their own, so that they do not block the loop. libuv's workers
 * cannot be used for them, because all of those may hang in calls to storage; work done here never
 * waits for storage or for another node. Jobs run one after the other, in order. All functions and
 * callbacks are called on the loop thread, except `work`. */
#ifndef CU_LOOP_ASIDE_H
#define CU_LOOP_ASIDE_H

#include <uv.h>

struct cu_aside;

/* Owned by the caller, who must not access it until done is called. */
struct cu_aside_job {
    void (*work)(struct cu_aside_job *job); /* on the thread */
    void (*done)(struct cu_aside_job *job); /* on the loop; may free the job */
    struct cu_aside_job *next;              /* the thread's */
};

/* NULL: no thread or no memory. Does not keep the loop alive. */
struct cu_aside *cu_aside_create(uv_loop_t *loop);
void cu_aside_run(struct cu_aside *aside, struct cu_aside_job *job);
/* Completes all jobs: each `done` is called before this returns. The memory is freed when libuv has
 * closed the handle, in a later turn of the loop. NULL does nothing. */
void cu_aside_close(struct cu_aside *aside);

#endif
