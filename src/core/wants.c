/* SPDX-License-Identifier: BSD-3-Clause */
/* Wants: what the kernel, a child or read-ahead asks for finds its object, and becomes an event of
 * the flight machine. */
#include "core/wants.h"

#include "core/cache.h"
#include "core/pieces.h"
#include "core/state.h"
#include "core/waiters.h"
#include "proto/piece.h"

#include <errno.h>

/* Does the value held answer this request? */
static bool believed(const struct cu_core *core, const struct object *object,
                     const struct cu_request *request)
{
    struct cu_version version;

    if (object->state != CU_FLIGHT_FILLED)
        return true;
    if (!cu_flight_fresh(core, object))
        return false;
    if (object->kind != CU_KIND_ATTR || object->error)
        return true;
    version = cu_version_of(cu_object_attr(object));
    return cu_version_is_none(&request->version) || !cu_version_equal(&version, &request->version);
}

/* A want with CU_WANT_HOME was sent here by the root of the chunk's own tree. It must not wait for
 * a request of this node to that root: the two would wait for each other. */
static void turn_home(struct cu_core *core, const struct cu_request *request)
{
    struct object *object = cu_pieces_around(core, request);

    if (!object)
        object = cu_cache_find(core, request);
    if (!object || object->state != CU_FLIGHT_ASKING || object->flight->home)
        return;
    object->flight->home = true;
    cu_flight_step(core, object, CU_EVENT_REROUTE, &(struct flight_input){0});
}

void cu_want(struct cu_core *core, const struct cu_request *request, struct waiter *waiter)
{
    struct object *object;

    object = cu_pieces_around(core, request);
    if (!object)
        object = cu_cache_get(core, request);
    if (!object) {
        COUNT(core, no_memory);
        if (waiter)
            cu_waiter_fail(core, waiter, ENOMEM);
        return;
    }
    cu_flight_step(core, object, believed(core, object, request) ? CU_EVENT_WANT : CU_EVENT_EXPIRED,
                   &(struct flight_input){.request = request, .waiter = waiter});
    if (request->flags & CU_WANT_HOME)
        turn_home(core, request);
}

/* The flight of the object, and of any part that the object's bytes are in: the want may wait for
 * either (pieces.h). */
static void hurry(struct cu_core *core, struct cu_request what)
{
    while (true) {
        struct object *object = cu_cache_find(core, &what);

        if (object)
            cu_flight_step(core, object, CU_EVENT_NOW, &(struct flight_input){0});
        if (what.kind != CU_KIND_DATA || what.piece == CU_PIECE_WHOLE)
            return;
        what.piece = (uint16_t)cu_piece_around(what.piece);
    }
}

void cu_want_now(struct cu_core *core, const struct cu_request *request)
{
    const struct object *object;
    struct cu_request content;

    hurry(core, *request);
    if (request->kind != CU_KIND_ATTR || !(request->flags & CU_WANT_CONTENT))
        return;
    object = cu_cache_find(core, request);
    if (!object || object->state != CU_FLIGHT_FILLED || object->error)
        return;
    content = *request; /* the want has gone on to that (waiters.c) */
    content.kind = CU_KIND_DATA;
    content.version = cu_version_of(cu_object_attr(object));
    hurry(core, content);
}
