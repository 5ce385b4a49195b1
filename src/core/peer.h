/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer: the other end of a connection, as one value. Two nodes can have two connections, one
 * opened by each, so a rank alone does not identify one. */
#ifndef CU_CORE_PEER_H
#define CU_CORE_PEER_H

#include <stdbool.h>
#include <stdint.h>

/* What the other end is to this node. */
enum cu_side {
    CU_PARENT, /* this node opened the connection */
    CU_CHILD,  /* the other end opened it */
};
#define CU_SIDES 2

struct cu_peer {
    uint32_t rank; /* CU_RANK_NONE: no node (the copper command) */
    enum cu_side side;
};

static inline struct cu_peer cu_peer_parent(uint32_t rank)
{
    return (struct cu_peer){.rank = rank, .side = CU_PARENT};
}

static inline struct cu_peer cu_peer_child(uint32_t rank)
{
    return (struct cu_peer){.rank = rank, .side = CU_CHILD};
}

static inline bool cu_peer_equal(struct cu_peer a, struct cu_peer b)
{
    return a.rank == b.rank && a.side == b.side;
}

#endif
