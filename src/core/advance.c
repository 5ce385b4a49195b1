/* SPDX-License-Identifier: BSD-3-Clause */
/* See advance.h. Invariants: recipe_used <= recipe_sent; recipe_unused_bytes <= recipe_bytes. */
#include "core/advance.h"

#include "core/cache.h"
#include "core/object.h"
#include "core/state.h"
#include "core/waiters.h"

void cu_advance_filled(struct cu_core *core, struct object *object)
{
    uint64_t bytes = cu_object_content_bytes(core, object);

    if (object->advance || object->kernel)
        return;
    object->advance = true;
    COUNT(core, recipe_sent);
    core->counters[CU_COUNT_recipe_bytes] += bytes;
    core->counters[CU_COUNT_recipe_unused_bytes] += bytes;
}

void cu_advance_asked(struct flight *flight, const struct waiter *waiter)
{
    if (!waiter || waiter->child)
        return;
    if (waiter->advance)
        flight->advance = true;
    else
        flight->kernel = true;
    flight->first |= flight->kernel && !flight->advance;
}

void cu_advance_ended(struct cu_core *core, struct object *object, const struct flight *flight)
{
    if (flight->advance && !flight->first)
        cu_advance_filled(core, object);
    if (flight->kernel)
        cu_advance_used(core, object);
}

void cu_advance_here(struct cu_core *core, struct object *object, const struct cu_request *request)
{
    struct cu_request content = *request;

    cu_advance_filled(core, object);
    if (object->kind != CU_KIND_ATTR || object->error || !(request->flags & CU_WANT_CONTENT))
        return;
    content.kind = CU_KIND_DATA;
    content.flags = 0;
    content.version = cu_version_of(cu_object_attr(object));
    object = cu_cache_find(core, &content);
    if (object && object->state == CU_FLIGHT_FILLED)
        cu_advance_filled(core, object);
}

void cu_advance_used(struct cu_core *core, struct object *object)
{
    uint64_t *unused = &core->counters[CU_COUNT_recipe_unused_bytes], bytes;

    object->kernel = true;
    if (!object->advance)
        return;
    object->advance = false;
    bytes = cu_object_content_bytes(core, object);
    COUNT(core, recipe_used);
    *unused -= bytes < *unused ? bytes : *unused;
}
