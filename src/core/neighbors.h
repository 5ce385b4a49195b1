/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbors and routes. A neighbor is the state kept about one other rank: as a parent, over the
 * connection that this node opened, and as a child, over the one that the other opened. A route
 * holds the candidates for the parent in one tree and the one in use. */
#ifndef CU_CORE_NEIGHBORS_H
#define CU_CORE_NEIGHBORS_H

#include "core/claims.h"
#include "core/effects.h"
#include "core/flow.h"
#include "core/peer.h"
#include "core/renew.h"
#include "core/tree.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_core;

enum parent_state {
    PARENT_NONE = 1,
    PARENT_CONNECTING,
    PARENT_UP,
};

/* Messages that are to be sent to a neighbor, lowest bit first. */
#define SEND_DISCONNECT_PARENT 1u
#define SEND_DISCONNECT_CHILD  2u
#define SEND_CONNECT           4u
#define SEND_REFRESH_PARENT    8u
#define SEND_REFRESH_CHILD     16u
#define SEND_JOIN              32u
#define SEND_READY             64u
#define SEND_PING              128u
#define SEND_PONG              256u
#define SEND_CHECKED           512u

struct neighbor {
    struct pending pending;
    struct cu_list link; /* core->neighbors */
    uint32_t rank;
    unsigned todo;                   /* SEND_* */
    uint32_t refresh_told[CU_SIDES]; /* refreshes told, by side */
    /* as a parent: the connection that this node opened */
    enum parent_state state;
    bool dead; /* not considered until it is up again */
    bool ever_up;
    uint32_t failures;
    uint64_t retry_ns; /* when to connect again; 0: at once when wanted */
    uint64_t slow_ns;  /* CONNECTING: when others are tried, too, for bulk trees */
    uint64_t heard_ns;
    uint64_t pinged_ns; /* 0: no ping out */
    uint32_t inflight;  /* asks without answer */
    uint64_t joined;    /* trees told in the last JOIN */
    /* as a child: the connection that it opened */
    bool child;
    uint64_t child_trees;
    uint64_t child_heard_ns;
    uint64_t pong_id;
    uint64_t child_queued; /* bytes sent, and not taken by the network yet */
    uint8_t *ready;        /* ready ranks at and below it; NULL: none said */
    bool ready_wide;       /* some of these are not in its subtree */
    struct checks checks;
    struct flow flows[]; /* by tree */
};

#define CANDIDATES_MAX  CU_CLAIMS_PLACES
#define NEIGHBORS_FOUND 16u

struct route {
    struct cu_tree tree;
    uint32_t candidates[CANDIDATES_MAX]; /* best first */
    uint32_t candidate_count;
    uint32_t parent; /* rank in use; own rank: root; CU_RANK_NONE: looking for one */
    bool joined;     /* had a parent, or is the tree's root */
    bool bulk;
    bool wanted;            /* a bulk tree is joined when something is asked of it */
    struct cu_list flights; /* struct flight, ASKING */
};

/* 0 or -ENOMEM; cu_neighbors_free either way. */
int cu_neighbors_init(struct cu_core *core);
void cu_neighbors_free(struct cu_core *core);
/* Something is asked of the route: joins a bulk tree that is not joined so far. */
void cu_neighbors_want(struct cu_core *core, struct route *route);
/* NULL: there was never contact with it. Lives as long as the core. */
struct neighbor *cu_neighbors_find(struct cu_core *core, uint32_t rank);
void cu_neighbors_up(struct cu_core *core, struct cu_peer peer);
/* error: positive errno, or 0. */
void cu_neighbors_down(struct cu_core *core, struct cu_peer peer, int error);
/* A message has arrived from the peer. */
void cu_neighbors_heard(struct cu_core *core, struct cu_peer peer);
/* Queues the messages of these SEND_* bits. */
void cu_neighbors_todo(struct cu_core *core, struct neighbor *neighbor, unsigned what);
/* A parent has sent an answer that was not asked for: closes its connection, and does not ask it
 * for a while.
 * */
void cu_neighbors_distrust(struct cu_core *core, uint32_t rank);
/* Counts asks under way at a parent. */
void cu_neighbors_asked(struct cu_core *core, uint32_t rank, int change);
void cu_neighbors_tick(struct cu_core *core);
uint64_t cu_neighbors_deadline(const struct cu_core *core);

#endif
