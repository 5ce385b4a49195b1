/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree along which a flight goes (flight.h): that of its object, or for a chunk the tree of its
 * path, whose root answers for the attributes. */
#include "core/flight.h"
#include "core/object.h"
#include "core/state.h"

static uint8_t home_of(const struct cu_core *core, const struct object *object)
{
    return (uint8_t)((object->name->hash >> 8) % core->config.tree_count);
}

uint8_t cu_flight_tree(const struct cu_core *core, const struct flight *flight)
{
    return flight->home ? home_of(core, flight->object) : flight->object->tree;
}

bool cu_flight_send_home(struct cu_core *core, struct flight *flight)
{
    const struct object *object = flight->object;

    if (object->kind != CU_KIND_DATA || flight->home ||
        core->routes[home_of(core, object)].parent == core->config.rank)
        return false;
    flight->home = true;
    return true;
}
