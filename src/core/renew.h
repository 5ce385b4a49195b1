/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings whose time is over are renewed together. A program that starts again uses the
 * directories that it used before. So when this node's kernel needs a listing that has expired,
 * those that were used together with it are renewed, too: all in one message to the parent (CHECK),
 * which the parent answers from what it knows, or asks for in the same way. Nobody waits for them,
 * so they give way (haste.h) until somebody does. Each listing has a flight of its own, so whatever
 * can happen to a request (a lost parent, a refresh, other waiters) happens to it as to any other.
 * docs/design/later.md has the rules.
 *
 * This node's kernel uses a listing: cu_renew_used. A child's CHECK: its questions are wants whose
 * waiters (waiter->check) are answered together. */
#ifndef CU_CORE_RENEW_H
#define CU_CORE_RENEW_H

#include "base/list.h"
#include "proto/msg.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_core;
struct cu_effect;
struct flight;
struct flight_input;
struct neighbor;
struct object;
struct waiter;

struct renews {
    struct cu_list used; /* struct dir_object, by their last use here, oldest first */
    uint32_t window;     /* how many are renewed once more although it was in vain before */
    uint32_t gained;     /* uses of renewed listings since this was last decided */
    uint64_t due_ns;     /* the earliest of all children, or earlier; UINT64_MAX: none */
};

/* An answer that waits for others. */
struct checked {
    uint64_t id;
    uint64_t valid_ns; /* when storage said so; UINT64_MAX: not confirmed */
};

/* What a child asked in CHECKs. */
struct checks {
    struct checked *answers; /* owned: `count` to be sent, room for those of all that are open */
    uint32_t count;
    uint32_t room;
    uint32_t open;       /* questions without an answer */
    uint32_t open_bytes; /* their paths */
    uint32_t round;      /* messages sent; a question knows in which it came */
    uint32_t awaited;    /* of the open ones, those of this round */
    uint32_t late;       /* messages sent since the last CHECK while questions were open */
    uint64_t due_ns;     /* when answers are sent although questions are open; 0: no answers */
};

void cu_renew_init(struct cu_core *core);
/* This node's kernel uses a listing that is held, or under way. */
void cu_renew_used(struct cu_core *core, struct object *object);
/* The flight of a listing has begun, for what is in `in`. When this node's kernel needs it, and it
 * had expired, those of the listings used together with it are begun, too. */
void cu_renew_begun(struct cu_core *core, struct object *object, const struct flight_input *in);
/* The object is about to be freed. */
void cu_renew_forget(struct object *object);

/* The CHECK for a flight and all others that can go with it; false: it is alone, or no memory. */
bool cu_renew_message(struct cu_core *core, struct flight *flight, struct cu_effect *effect);
/* The parent has answered: sends on what waits for that. */
void cu_renew_flush(struct cu_core *core);

/* A CHECK of a child. -ENOMEM, -ENOBUFS: it cannot be answered. */
__attribute__((warn_unused_result)) int
cu_renew_asked(struct cu_core *core, struct neighbor *neighbor, const struct cu_msg *msg);
/* A question's waiter, on no list, has its value; it is freed. */
void cu_renew_answered(struct cu_core *core, struct waiter *waiter);
/* The next CHECKED for a child; false: nothing to send, or no memory now. */
bool cu_renew_answers(struct cu_core *core, struct neighbor *neighbor, struct cu_msg *msg);
/* Its connection has ended, or the core ends. */
void cu_renew_child_lost(struct neighbor *neighbor);
uint64_t cu_renew_deadline(const struct cu_core *core);
void cu_renew_tick(struct cu_core *core);

#endif
