/* What leaves the core: one queue, in the order in which things arose. What waits in it is a
 * waiter, a flight, a peer or the core itself, each with a link of its own, so that no effect
 * needs memory. */
#include "core/internal.h"

void cu_pending_add(struct cu_core *core, struct pending *pending, enum pending_kind kind)
{
    pending->kind = kind;
    if (cu_list_empty(&pending->link))
        cu_list_push_back(&core->pending, &pending->link);
}

static void effect_of_waiter(struct cu_core *core, struct waiter *waiter, struct cu_effect *effect)
{
    core->spent = waiter;
    if (!waiter->child) {
        effect->type = CU_EFFECT_REPLY;
        effect->reply.cookie = waiter->cookie;
        effect->reply.value = &waiter->value;
        return;
    }
    cu_flow_answered(core, waiter);
    effect->type = CU_EFFECT_SEND;
    effect->send.rank = waiter->rank;
    effect->send.child = true;
    effect->send.msg = (struct cu_msg){.type = CU_MSG_ANSWER, .id = waiter->cookie};
    effect->send.msg.answer.kind = (enum cu_kind)waiter->kind;
    effect->send.msg.answer.generation = core->generation;
    effect->send.msg.answer.value = waiter->value; /* references move */
    waiter->value = (struct cu_value){0};
}

static void effect_of_flight(struct cu_core *core, const struct flight *flight,
                             struct cu_effect *effect)
{
    const struct object *object = flight->object;
    struct cu_request request = cu_object_request(object);
    struct cu_msg_want *want;

    if (object->state == CU_FLIGHT_READING) {
        effect->type = CU_EFFECT_READ;
        effect->read.id = cu_slot_id(core, flight);
        effect->read.request = request;
        effect->read.direct = flight->direct;
        return;
    }
    effect->type = CU_EFFECT_SEND;
    effect->send.rank = flight->asked;
    effect->send.child = false;
    effect->send.msg = (struct cu_msg){.type = CU_MSG_WANT, .id = cu_slot_id(core, flight)};
    want = &effect->send.msg.want;
    want->kind = request.kind;
    want->flags = request.flags;
    want->tree = object->tree;
    want->chunk = request.chunk;
    want->piece = request.piece;
    want->generation = core->generation;
    want->version = request.version;
    want->path = object->name->path;
    want->path_len = object->name->len;
}

static void message_of_peer(struct cu_core *core, struct peer *peer, unsigned what,
                            struct cu_effect *effect)
{
    struct cu_msg *msg = &effect->send.msg;

    effect->type = CU_EFFECT_SEND;
    effect->send.rank = peer->rank;
    effect->send.child = what == SEND_PONG;
    *msg = (struct cu_msg){0};
    if (what == SEND_JOIN) {
        msg->type = CU_MSG_JOIN;
        for (uint32_t t = 0; t < core->config.tree_count; t++)
            if (core->routes[t].parent == peer->rank)
                msg->join.trees |= 1ull << t;
        peer->joined = msg->join.trees;
    } else if (what == SEND_READY) {
        msg->type = CU_MSG_READY;
        msg->ready.count = core->config.node_count;
        msg->ready.bits = core->ready_bits;
    } else if (what == SEND_PING) {
        msg->type = CU_MSG_PING;
        msg->id = core->now_ns;
    } else {
        msg->type = CU_MSG_PONG;
        msg->id = peer->pong_id;
    }
}

/* One thing at a time, lowest bit first: an old connection is closed before a new one is opened. */
static void effect_of_peer(struct cu_core *core, struct peer *peer, struct cu_effect *effect)
{
    unsigned what = peer->todo & -peer->todo;

    peer->todo &= ~what;
    if (peer->todo)
        cu_pending_add(core, &peer->pending, PENDING_PEER);
    if (what == SEND_DISCONNECT_PARENT || what == SEND_DISCONNECT_CHILD) {
        effect->type = CU_EFFECT_DISCONNECT;
        effect->disconnect.rank = peer->rank;
        effect->disconnect.child = what == SEND_DISCONNECT_CHILD;
    } else if (what == SEND_CONNECT) {
        effect->type = CU_EFFECT_CONNECT;
        effect->connect.rank = peer->rank;
    } else {
        message_of_peer(core, peer, what, effect);
    }
}

/* The core's own news: readiness, and what the kernel should forget. */
static void effect_of_core(struct cu_core *core, struct cu_effect *effect)
{
    if (core->forget_len) {
        effect->type = CU_EFFECT_FORGET;
        effect->forget.path = core->forget_path;
        effect->forget.path_len = core->forget_len;
        effect->forget.pages = core->forget_pages;
        core->forget_len = 0;
        if (core->ready_changed)
            cu_pending_add(core, &core->forget, PENDING_FORGET);
    } else {
        effect->type = CU_EFFECT_READY;
        core->ready_changed = false;
    }
}

bool cu_core_next_effect(struct cu_core *core, struct cu_effect *effect)
{
    struct cu_list *link;
    struct pending *pending;

    cu_waiter_free(core->spent);
    core->spent = NULL;
    for (;;) {
        link = cu_list_pop_front(&core->pending);
        if (!link && cu_flow_pump(core)) {
            cu_lanes_pump(core);
            continue;
        }
        if (!link)
            return false;
        pending = CU_LIST_ENTRY(link, struct pending, link);
        if (pending->kind != PENDING_PEER ||
            CU_LIST_ENTRY(pending, struct peer, pending)->todo != 0)
            break;
    }
    switch (pending->kind) {
    case PENDING_WAITER:
        effect_of_waiter(core, CU_LIST_ENTRY(pending, struct waiter, pending), effect);
        break;
    case PENDING_FLIGHT:
        effect_of_flight(core, CU_LIST_ENTRY(pending, struct flight, pending), effect);
        break;
    case PENDING_PEER:
        effect_of_peer(core, CU_LIST_ENTRY(pending, struct peer, pending), effect);
        break;
    case PENDING_FORGET:
        effect_of_core(core, effect);
        break;
    }
    return true;
}
