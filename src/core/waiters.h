/* SPDX-License-Identifier: BSD-3-Clause */
/* A waiter: a want of this node's kernel or of a child that is not answered yet. It is in exactly
 * one place, a flight's list or the queue of effects; so each is answered exactly once. */
#ifndef CU_CORE_WAITERS_H
#define CU_CORE_WAITERS_H

#include "core/effects.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_core;
struct object;

struct waiter {
    struct pending pending;
    struct cu_list link; /* in flight->waiters */
    bool child;
    bool advance;           /* as in struct cu_request */
    bool later;             /* wanted with CU_WANT_LATER, and nobody waits for it so far */
    bool hastened;          /* was so, until somebody did */
    bool content;           /* a child that wants a small file's content with its attr */
    bool check;             /* a question of a CHECK: answered with others (renew.h) */
    bool has_attr;          /* waits for that content; value holds the attr to send */
    uint8_t kind;           /* of the object first wanted */
    uint8_t where;          /* enum cu_core_where */
    uint16_t piece;         /* DATA: wanted; the object may hold more */
    uint8_t tree;           /* child: the window it is counted in */
    uint32_t rank;          /* child */
    uint32_t bytes;         /* child: what the answer may have, as flow.c counts it; 0: refused */
    uint64_t cookie;        /* kernel's cookie or child's message id */
    uint64_t key;           /* child: cu_object_key of what answers */
    uint64_t flow_key;      /* child: of the path, in flow.c */
    uint32_t period;        /* child: in which its service began, as in flow.h; check: its round */
    struct cu_version held; /* DIR: version that the child holds */
    struct cu_value value;  /* filled when answered */
};

/* NULL: out of memory, which is counted. */
struct waiter *cu_waiter_new(struct cu_core *core);
/* It is on no list. NULL does nothing. */
void cu_waiter_free(struct waiter *waiter);
/* Answers it with a positive errno. Takes it off the list that it is on. */
void cu_waiter_fail(struct cu_core *core, struct waiter *waiter, int error);
/* Answers a waiter that is on no list with what the object holds. */
void cu_waiter_answer(struct cu_core *core, const struct object *object, struct waiter *waiter);
/* Answers all on the list, with what the object holds or with an error. */
void cu_waiters_answer(struct cu_core *core, const struct object *object, struct cu_list *waiters,
                       int error);
/* The child's connection has ended: frees its waiter without an answer. */
void cu_waiters_forget_child(struct cu_core *core, uint32_t rank);

#endif
