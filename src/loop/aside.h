/* SPDX-License-Identifier: BSD-3-Clause */
/* Work that only computes, on a thread of its own, so that the loop does not stand meanwhile. The
 * thread never waits for storage or for another node: libuv's workers may all be in calls that
 * hang, and what runs here must not wait for them. Jobs are done one after the other, in order.
 * Calls are made on the loop thread, but for `work`. */
#ifndef CU_LOOP_ASIDE_H
#define CU_LOOP_ASIDE_H

#include <uv.h>

struct cu_aside;

/* Owned by who asks, and not touched by him until done is called. */
struct cu_aside_job {
    void (*work)(struct cu_aside_job *job); /* on the thread */
    void (*done)(struct cu_aside_job *job); /* on the loop; may free the job */
    struct cu_aside_job *next;              /* the thread's */
};

/* NULL: no thread or no memory. Does not keep the loop alive. */
struct cu_aside *cu_aside_create(uv_loop_t *loop);
void cu_aside_run(struct cu_aside *aside, struct cu_aside_job *job);
/* Brings all that was asked for to its end: each done is called before this returns. The rest goes
 * with the handle, in a later turn of the loop. NULL does nothing. */
void cu_aside_close(struct cu_aside *aside);

#endif
