/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiters: wants of this node's kernel and of children that are not answered yet. Invariant: a
 * waiter is in exactly one place, a flight's list or the queue of effects; so each is answered
 * exactly once. */
#include "core/waiters.h"

#include "core/flight.h"
#include "core/object.h"
#include "core/pieces.h"
#include "core/state.h"
#include "core/wants.h"

#include <assert.h>
#include <stdlib.h>

struct waiter *cu_waiter_new(struct cu_core *core)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);

    if (!waiter) {
        COUNT(core, no_memory);
        return NULL;
    }
    cu_list_init(&waiter->link);
    cu_list_init(&waiter->pending.link);
    return waiter;
}

void cu_waiter_free(struct waiter *waiter)
{
    if (!waiter)
        return;
    assert(cu_list_empty(&waiter->link) && cu_list_empty(&waiter->pending.link));
    cu_value_clear(&waiter->value);
    free(waiter);
}

/* Hands the waiter to the queue of effects, or to the answers to a CHECK, with what its value holds
 * now. */
static void send_off(struct cu_core *core, struct waiter *waiter)
{
    assert(cu_list_empty(&waiter->pending.link));
    cu_list_remove(&waiter->link);
    if (waiter->check)
        cu_renew_answered(core, waiter);
    else
        cu_pending_add(core, &waiter->pending, PENDING_WAITER);
}

void cu_waiter_fail(struct cu_core *core, struct waiter *waiter, int error)
{
    if (!waiter->has_attr) { /* else: the attr alone, without the content */
        cu_value_clear(&waiter->value);
        waiter->value.error = error;
    }
    send_off(core, waiter);
}

static bool content_may_travel(const struct cu_core *core, const struct cu_attr *attr)
{
    return (attr->mode & 0170000u) == 0100000u && attr->size > 0 &&
           attr->size <= core->config.inline_bytes &&
           attr->size <= core->config.max_cacheable_bytes;
}

/* A child wants the content along with the attr that its waiter now holds: the waiter moves on to
 * the file's only chunk. */
static void want_content(struct cu_core *core, const struct object *object, struct waiter *waiter)
{
    struct cu_request request = cu_object_request(object);

    request.kind = CU_KIND_DATA;
    request.flags = 0;
    request.chunk = 0;
    request.version = cu_version_of(&waiter->value.attr);
    waiter->has_attr = true;
    cu_list_remove(&waiter->link);
    cu_want(core, &request, waiter);
}

static void answer_part(struct cu_core *core, const struct object *object, struct waiter *waiter)
{
    int rc = cu_pieces_take(core, object, waiter);

    if (rc < 0)
        cu_waiter_fail(core, waiter, -rc);
    else
        send_off(core, waiter);
}

void cu_waiter_answer(struct cu_core *core, const struct object *object, struct waiter *waiter)
{
    struct cu_value *value = &waiter->value;

    if (waiter->has_attr) {
        value->content = cu_buf_ref(object->bytes);
        value->content_hash = object->bytes_hash;
        send_off(core, waiter);
        return;
    }
    waiter->key = cu_object_key_of(object, waiter->piece);
    if (cu_pieces_part(object, waiter)) {
        answer_part(core, object, waiter);
        return;
    }
    cu_object_peek(object, value);
    value->age_ms = cu_flight_age_ms(core, object);
    if (waiter->child && object->kind == CU_KIND_DIR && object->error == 0 &&
        cu_version_equal(&waiter->held, &value->version)) {
        value->bytes = NULL;
        value->hash = 0;
        value->unchanged = true;
        value->cut = false; /* the asker holds that, too */
    }
    if (waiter->child)
        value->view = NULL;
    cu_buf_ref(value->bytes);
    cu_dirview_ref(value->view);
    if (waiter->content && object->error == 0 && content_may_travel(core, &value->attr))
        want_content(core, object, waiter);
    else
        send_off(core, waiter);
}

/* The waiters are moved to a list of this function's own: answering one may start a flight of
 * another object. */
void cu_waiters_answer(struct cu_core *core, const struct object *object, struct cu_list *waiters,
                       int error)
{
    while (!cu_list_empty(waiters)) {
        struct waiter *waiter = CU_LIST_ENTRY(cu_list_pop_front(waiters), struct waiter, link);

        if (error)
            cu_waiter_fail(core, waiter, error);
        else
            cu_waiter_answer(core, object, waiter);
    }
}

static void forget_child(struct cu_list *flights, uint32_t rank)
{
    cu_list_for_each (at, flights) {
        struct flight *flight = CU_LIST_ENTRY(at, struct flight, link);

        cu_list_for_each_safe (link, &flight->waiters) {
            struct waiter *waiter = CU_LIST_ENTRY(link, struct waiter, link);

            if (!waiter->child || waiter->rank != rank)
                continue;
            cu_list_remove(&waiter->link);
            cu_waiter_free(waiter);
        }
    }
}

void cu_waiters_forget_child(struct cu_core *core, uint32_t rank)
{
    for (uint32_t t = 0; t < core->route_count; t++)
        forget_child(&core->routes[t].flights, rank);
    for (unsigned i = 0; i < LANES; i++) {
        for (unsigned j = 0; j < LINES; j++) {
            forget_child(&core->lanes[i].lines[j].queue, rank);
            forget_child(&core->lanes[i].lines[j].blocked, rank);
        }
        forget_child(&core->lanes[i].running, rank);
    }
}
