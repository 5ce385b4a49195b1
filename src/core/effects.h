/* SPDX-License-Identifier: BSD-3-Clause */
/* The queue of effects, in the order of their creation; cu_core_next_effect takes from it. Whatever
 * waits to become an effect carries its own link in core->pending: a waiter (its reply), a flight
 * (its ask or its read), a neighbor (its control messages). So no effect needs memory of its own,
 * and one that became pointless is taken off the queue. */
#ifndef CU_CORE_EFFECTS_H
#define CU_CORE_EFFECTS_H

#include "base/list.h"

struct cu_core;

enum pending_kind {
    PENDING_WAITER = 1,
    PENDING_FLIGHT,
    PENDING_NEIGHBOR,
    PENDING_NEWS, /* of the core itself: readiness, and FORGET effects for the kernel */
};

struct pending {
    struct cu_list link;
    enum pending_kind kind;
};

/* Puts it at the end of the queue, unless it is in it already. Its link must be initialized. */
void cu_pending_add(struct cu_core *core, struct pending *pending, enum pending_kind kind);

#endif
