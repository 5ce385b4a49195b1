/* SPDX-License-Identifier: BSD-3-Clause */
/* What a message does: to which module it goes. Anything may stand in it, and it may come at any
 * time: what a peer must not send is counted, and does nothing. */
#include "core/message.h"

#include "core/arrivals.h"
#include "core/flow.h"
#include "core/ready.h"
#include "core/state.h"

#include <errno.h>

/* Messages about the connection itself must not be lost: when one cannot be sent, the connection is
 * closed, and a new one starts over. */
static void lose(struct cu_core *core, struct cu_peer peer, int error)
{
    struct neighbor *neighbor = cu_neighbors_find(core, peer.rank);

    if (!neighbor)
        return;
    cu_neighbors_todo(core, neighbor,
                      peer.side == CU_CHILD ? SEND_DISCONNECT_CHILD : SEND_DISCONNECT_PARENT);
    cu_neighbors_down(core, peer, error);
}

static void message_want(struct cu_core *core, struct neighbor *neighbor, const struct cu_msg *msg)
{
    const struct cu_msg_want *want = &msg->want;
    bool known = (want->flags & CU_WANT_NOW) != 0;
    int rc;

    core->counters[CU_COUNT_child_wants] += !known;
    cu_refresh_heard(core, want);
    rc = known ? cu_flow_now(core, neighbor, msg->id, want)
               : cu_flow_want(core, neighbor, msg->id, want);
    if (rc == 0)
        return;
    /* No memory for this answer, or it cannot be sent: the child finds another parent. */
    lose(core, cu_peer_child(neighbor->rank), ENOMEM);
}

static void message_check(struct cu_core *core, struct neighbor *neighbor, const struct cu_msg *msg)
{
    if (cu_renew_asked(core, neighbor, msg) < 0)
        lose(core, cu_peer_child(neighbor->rank), ENOMEM);
}

static void message_refresh(struct cu_core *core, const struct cu_msg *msg)
{
    cu_refresh_learn(core, msg->refresh.generation, msg->refresh.path, msg->refresh.path_len, true);
}

/* A parent has a lower place than its child, in each tree. */
static void message_join(struct cu_core *core, struct neighbor *child, uint64_t trees)
{
    for (uint32_t t = 0; t < core->route_count; t++) {
        const struct cu_tree *tree = &core->routes[t].tree;

        if ((trees & 1ull << t) != 0 &&
            cu_tree_place(tree, child->rank) < cu_tree_place(tree, core->config.rank)) {
            COUNT(core, bad_messages);
            trees &= ~(1ull << t);
        }
    }
    child->child_trees = trees;
    cu_ready_joined(core);
}

void cu_message_from_child(struct cu_core *core, uint32_t rank, const struct cu_msg *msg)
{
    struct neighbor *neighbor = cu_neighbors_find(core, rank);

    if (!neighbor || !neighbor->child)
        return;
    switch (msg->type) {
    case CU_MSG_WANT:
        message_want(core, neighbor, msg);
        break;
    case CU_MSG_JOIN:
        message_join(core, neighbor, msg->join.trees);
        break;
    case CU_MSG_PING:
        neighbor->pong_id = msg->id;
        cu_neighbors_todo(core, neighbor, SEND_PONG);
        break;
    case CU_MSG_READY:
        cu_ready_hear(core, neighbor, msg->ready.first, msg->ready.count, msg->ready.bits);
        break;
    case CU_MSG_REFRESH:
        message_refresh(core, msg);
        break;
    case CU_MSG_CHECK:
        message_check(core, neighbor, msg);
        break;
    case CU_MSG_BYE:
        break; /* the connection's end follows */
    case CU_MSG_ANSWER:
    case CU_MSG_CHECKED:
    case CU_MSG_PONG:
    case CU_MSG_CONTROL:
    case CU_MSG_RESULT:
        COUNT(core, bad_messages);
        break;
    }
}

void cu_message_from_parent(struct cu_core *core, uint32_t rank, const struct cu_msg *msg)
{
    switch (msg->type) {
    case CU_MSG_ANSWER:
        cu_arrival_answer(core, rank, msg->id, &msg->answer);
        break;
    case CU_MSG_CHECKED:
        cu_arrival_checked(core, rank, msg->check.list);
        break;
    case CU_MSG_REFRESH:
        message_refresh(core, msg);
        break;
    case CU_MSG_PONG:
    case CU_MSG_BYE:
        break;
    case CU_MSG_WANT:
    case CU_MSG_CHECK:
    case CU_MSG_JOIN:
    case CU_MSG_PING:
    case CU_MSG_READY:
    case CU_MSG_CONTROL:
    case CU_MSG_RESULT:
        COUNT(core, bad_messages);
        break;
    }
}

void cu_message_unsent(struct cu_core *core, struct cu_peer peer, const struct cu_msg *msg,
                       int error)
{
    struct neighbor *neighbor = cu_neighbors_find(core, peer.rank);

    if (msg->type == CU_MSG_WANT) {
        COUNT(core, unsent);
        cu_arrival_unsent(core, peer.rank, msg->id);
    } else if (msg->type == CU_MSG_CHECK) {
        COUNT(core, unsent);
        cu_arrival_unasked(core, peer.rank, msg->check.list);
    } else if (msg->type == CU_MSG_ANSWER) {
        COUNT(core, unsent);
        if (neighbor && neighbor->child &&
            cu_flow_unsent(core, neighbor, msg->id, &msg->answer) < 0)
            lose(core, peer, error);
    } else {
        lose(core, peer, error);
    }
}
