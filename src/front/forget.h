/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells the kernel, after a refresh or when a file has changed, that what it holds may be out of
 * date. In steps on the loop, and on the invalidator's thread (front/invalidate.h). */
#ifndef CU_FRONT_FORGET_H
#define CU_FRONT_FORGET_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cu_front;
struct cu_front_request;
struct cu_inode;

/* Notifications to the kernel that are under way. */
struct cu_front_forgets {
    struct cu_list jobs;      /* struct forget (forget.c); the first is under way */
    struct cu_inode *at;      /* reference: the last node visited; NULL: none yet */
    uint64_t negatives_at;    /* the same for names that do not exist */
    bool walked;              /* all nodes were visited */
    uint64_t settle_ns;       /* ... and ends not before this */
    uint64_t failures;        /* notifications that could not be made, of jobs that are over */
    uint64_t failures_before; /* as the invalidator counts */
    uv_async_t wake;
    uv_timer_t timer;
};

/* 0 or -ENOMEM: no thread, or no memory. */
__attribute__((warn_unused_result)) int cu_front_forgets_init(struct cu_front *front);
/* Drops notifications that were not sent yet, and closes the handles (open_handles). */
void cu_front_forgets_close(struct cu_front *front);
/* A libuv handle was closed; frees the front after the last one. */
void cu_front_closed(uv_handle_t *handle);
/* inode may be out of date: kernel and front revalidate it before the next use. Processes that use
 * it keep it (a working directory, a running program, a mount on it). 0, or -ENOMEM, which is
 * counted. */
int cu_front_doubt(struct cu_front *front, struct cu_inode *inode, bool pages);
/* inode is known not to belong to its name any more, and the kernel has asked for its attributes or
 * its target. The answer is ESTALE; the kernel then looks the name up again. */
void cu_front_replaced(struct cu_front *front, struct cu_front_request *r);

#endif
