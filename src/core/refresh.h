/* SPDX-License-Identifier: BSD-3-Clause */
/* Refresh: everything cached about a path and all below it becomes out of date, on all nodes, and
 * what could keep the path from being found. A refresh is a generation and a path; the latest are
 * in a log. */
#ifndef CU_CORE_REFRESH_H
#define CU_CORE_REFRESH_H

#include "core/peer.h"
#include "proto/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_core;
struct cu_effect;
struct neighbor;
struct object;

#define REFRESH_LOG  32u   /* told to who connects */
#define REFRESH_KEPT 1024u /* to compare objects with, until all have been */

struct refresh {
    uint32_t generation; /* 0: of this node alone */
    bool drop;           /* chunks of files, too */
    struct cu_buf *path; /* reference; NULL: "/" */
};

/* The latest refreshes, by number. */
struct refreshes {
    struct refresh log[REFRESH_KEPT];
    uint32_t made;      /* how many there were */
    uint32_t swept;     /* those before have been compared with every object */
    uint32_t sweep_to;  /* those before are, when the sweep under way is through */
    uint32_t forgotten; /* those before the kernel was told */
    size_t sweep_at;    /* bucket */
    bool lost_drop;     /* one that is neither swept nor kept was of chunks, too */
    uint32_t heard;     /* the latest generation that a child named */
};

void cu_refresh_free(struct cu_core *core);
/* Compares a FILLED object with the refreshes since it came. True: it is out of date, and dropped.
 */
bool cu_refresh_apply(struct cu_core *core, struct object *object);
/* Would cu_refresh_apply drop it? */
bool cu_refresh_outdates(const struct cu_core *core, const struct object *object);
/* Drops path and all below it here, chunks too. */
void cu_refresh_drop(struct cu_core *core, const char *path, size_t path_len);
/* A refresh has arrived. news: from a peer; else it was commanded here. One that is known already
 * is ignored. */
void cu_refresh_learn(struct cu_core *core, uint32_t generation, const char *path, size_t path_len,
                      bool news);
/* To be called for a child's WANT before it is worked on: the child may know of a refresh that this
 * node does not know yet.
 * */
void cu_refresh_heard(struct cu_core *core, const struct cu_msg_want *want);
/* The generation that a WANT of this node names. */
uint32_t cu_refresh_asks_for(const struct cu_core *core);
/* A connection on that side is new: the neighbor may have missed some. */
void cu_refresh_tell_anew(struct cu_core *core, struct neighbor *neighbor, enum cu_side side);
/* The next REFRESH for a neighbor over that connection; false: it knows all. */
bool cu_refresh_message(struct cu_core *core, struct neighbor *neighbor, enum cu_side side,
                        struct cu_effect *effect);
/* The next CU_EFFECT_FORGET; false: none. */
bool cu_refresh_forget(struct cu_core *core, struct cu_effect *effect);
/* Objects are still being compared: cu_refresh_tick goes on. */
bool cu_refresh_sweeps(const struct cu_core *core);
void cu_refresh_tick(struct cu_core *core);

#endif
