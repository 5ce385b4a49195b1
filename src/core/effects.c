/* SPDX-License-Identifier: BSD-3-Clause */
/* The queue of effects, in the order of their creation. Its entries are waiters, flights, neighbors
 * and the core itself, each with a link of its own, so that no effect needs memory; except the set
 * of ready ranks, which is sent later when memory is out. An effect owns what it carries, or holds
 * a counted reference. */
#include "core/effects.h"

#include "core/flow.h"
#include "core/haste.h"
#include "core/object.h"
#include "core/ready.h"
#include "core/state.h"
#include "core/waiters.h"

#include <assert.h>

void cu_pending_add(struct cu_core *core, struct pending *pending, enum pending_kind kind)
{
    assert(cu_list_empty(&pending->link) || pending->kind == kind);
    pending->kind = kind;
    if (cu_list_empty(&pending->link))
        cu_list_push_back(&core->pending, &pending->link);
}

void cu_effect_clear(struct cu_effect *effect)
{
    if (effect->type == CU_EFFECT_REPLY)
        cu_value_clear(&effect->reply.value);
    else if (effect->type == CU_EFFECT_SEND)
        cu_msg_clear(&effect->send.msg);
    if (effect->name)
        cu_names_put(effect->names, effect->name);
    cu_buf_unref(effect->held);
    *effect = (struct cu_effect){0};
}

/* The path of an object, for as long as the effect lives. */
static void hold_name(struct cu_core *core, const struct object *object, struct cu_effect *effect)
{
    effect->names = core->names;
    effect->name = cu_names_ref(object->name);
}

static void effect_of_answer(struct cu_core *core, struct waiter *waiter, struct cu_effect *effect)
{
    cu_flow_answered(core, waiter);
    effect->type = CU_EFFECT_SEND;
    effect->send.peer = cu_peer_child(waiter->rank);
    effect->send.msg = (struct cu_msg){.type = CU_MSG_ANSWER, .id = waiter->cookie};
    effect->send.msg.answer.kind = (enum cu_kind)waiter->kind;
    effect->send.msg.answer.generation = core->generation;
    effect->send.msg.answer.key = waiter->key;
    effect->send.msg.answer.value = waiter->value;
}

/* The value's references move into the effect. */
static void effect_of_waiter(struct cu_core *core, struct waiter *waiter, struct cu_effect *effect)
{
    if (waiter->child) {
        effect_of_answer(core, waiter, effect);
    } else {
        effect->type = CU_EFFECT_REPLY;
        effect->reply.cookie = waiter->cookie;
        effect->reply.where = (enum cu_core_where)waiter->where;
        effect->reply.value = waiter->value;
    }
    waiter->value = (struct cu_value){0};
    cu_waiter_free(waiter);
}

static void effect_of_flight(struct cu_core *core, struct flight *flight, struct cu_effect *effect)
{
    const struct object *object = flight->object;
    struct cu_request request = cu_object_request(object);
    struct cu_msg_want *want;

    if (flight->check && !flight->told && object->state == CU_FLIGHT_ASKING &&
        cu_renew_message(core, flight, effect))
        return;
    hold_name(core, object, effect);
    if (object->state == CU_FLIGHT_READING) {
        effect->type = CU_EFFECT_READ;
        effect->read.id = cu_slot_id(core, flight);
        effect->read.request = request;
        effect->read.direct = flight->direct;
        return;
    }
    effect->type = CU_EFFECT_SEND;
    effect->send.peer = cu_peer_parent(flight->asked);
    effect->send.msg = (struct cu_msg){.type = CU_MSG_WANT, .id = cu_slot_id(core, flight)};
    want = &effect->send.msg.want;
    want->kind = request.kind;
    want->flags = request.flags | cu_haste_flags(flight);
    want->tree = cu_flight_tree(core, flight);
    want->chunk = request.chunk;
    want->piece = request.piece;
    want->generation = cu_refresh_asks_for(core);
    want->version = request.version;
    want->path = object->name->path;
    want->path_len = object->name->len;
}

/* Which of the two connections the effect is for. */
static struct cu_peer peer_of(const struct neighbor *neighbor, unsigned what)
{
    return what & (SEND_DISCONNECT_CHILD | SEND_PONG | SEND_REFRESH_CHILD | SEND_CHECKED)
               ? cu_peer_child(neighbor->rank)
               : cu_peer_parent(neighbor->rank);
}

/* False: no memory for it now, or there is nothing to send any more. */
static bool message_of_neighbor(struct cu_core *core, struct neighbor *neighbor, unsigned what,
                                struct cu_effect *effect)
{
    struct cu_msg *msg = &effect->send.msg;

    effect->type = CU_EFFECT_SEND;
    effect->send.peer = peer_of(neighbor, what);
    if (what == SEND_REFRESH_PARENT || what == SEND_REFRESH_CHILD)
        return cu_refresh_message(core, neighbor, effect->send.peer.side, effect);
    if (what == SEND_CHECKED)
        return cu_renew_answers(core, neighbor, msg);
    if (what == SEND_JOIN) {
        msg->type = CU_MSG_JOIN;
        for (uint32_t t = 0; t < core->route_count; t++)
            if (core->routes[t].parent == neighbor->rank)
                msg->join.trees |= 1ull << t;
        neighbor->joined = msg->join.trees;
    } else if (what == SEND_READY) {
        effect->held = cu_buf_copy(core->ready_bits, (core->config.node_count + 7) / 8);
        if (!effect->held) {
            COUNT(core, no_memory);
            cu_ready_later(core);
            return false;
        }
        msg->type = CU_MSG_READY;
        msg->ready.count = core->config.node_count;
        msg->ready.bits = effect->held->data;
    } else if (what == SEND_PING) {
        msg->type = CU_MSG_PING;
        msg->id = core->now_ns;
    } else {
        msg->type = CU_MSG_PONG;
        msg->id = neighbor->pong_id;
    }
    return true;
}

/* One thing at a time, lowest bit first: an old connection is closed before a new one is opened. */
static bool effect_of_neighbor(struct cu_core *core, struct neighbor *neighbor,
                               struct cu_effect *effect)
{
    unsigned what = neighbor->todo & -neighbor->todo;

    if (what == 0)
        return false;
    neighbor->todo &= ~what;
    if (neighbor->todo)
        cu_pending_add(core, &neighbor->pending, PENDING_NEIGHBOR);
    if (what == SEND_DISCONNECT_PARENT || what == SEND_DISCONNECT_CHILD) {
        effect->type = CU_EFFECT_DISCONNECT;
        effect->disconnect.peer = peer_of(neighbor, what);
    } else if (what == SEND_CONNECT) {
        effect->type = CU_EFFECT_CONNECT;
        effect->connect.rank = neighbor->rank;
    } else {
        return message_of_neighbor(core, neighbor, what, effect);
    }
    return true;
}

/* Effects of the core itself: readiness, and FORGET effects for the kernel. */
static void effect_of_core(struct cu_core *core, struct cu_effect *effect)
{
    if (cu_refresh_forget(core, effect)) {
        if (core->ready_changed || core->refreshes.forgotten != core->refreshes.made)
            cu_pending_add(core, &core->news, PENDING_NEWS);
    } else {
        effect->type = CU_EFFECT_READY;
        core->ready_changed = false;
    }
}

/* False: the effect is not needed any more. */
static bool effect_of(struct cu_core *core, struct pending *pending, struct cu_effect *effect)
{
    *effect = (struct cu_effect){0};
    switch (pending->kind) {
    case PENDING_WAITER:
        effect_of_waiter(core, CU_LIST_ENTRY(pending, struct waiter, pending), effect);
        return true;
    case PENDING_FLIGHT:
        effect_of_flight(core, CU_LIST_ENTRY(pending, struct flight, pending), effect);
        return true;
    case PENDING_NEIGHBOR:
        return effect_of_neighbor(core, CU_LIST_ENTRY(pending, struct neighbor, pending), effect);
    case PENDING_NEWS:
        effect_of_core(core, effect);
        return true;
    }
    return false;
}

bool cu_core_next_effect(struct cu_core *core, struct cu_effect *effect)
{
    struct cu_list *link;

    do {
        link = cu_list_pop_front(&core->pending);
        if (!link && cu_flow_pump(core)) {
            cu_lanes_pump(core);
            link = cu_list_pop_front(&core->pending);
        }
        if (!link)
            return false;
    } while (!effect_of(core, CU_LIST_ENTRY(link, struct pending, link), effect));
    return true;
}
