/* SPDX-License-Identifier: BSD-3-Clause */
/* The route of a tree has changed: the flights that went along it start again (flight.h). */
#include "core/flight.h"
#include "core/object.h"
#include "core/state.h"

static void reroute_list(struct cu_core *core, const struct route *route, struct cu_list *list)
{
    cu_list_for_each_safe (link, list) {
        struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);

        if (!flight->direct && &core->routes[cu_flight_tree(core, flight)] == route)
            cu_flight_step(core, flight->object, CU_EVENT_REROUTE, &(struct flight_input){0});
    }
}

/* An orphan's reads that wait for their turn go back to the tree when there is a parent again. */
static void reroute_queued(struct cu_core *core, const struct route *route)
{
    if (route->parent == core->config.rank || route->parent == CU_RANK_NONE)
        return;
    for (unsigned i = 0; i < LINES; i++) {
        reroute_list(core, route, &core->lanes[1].lines[i].blocked);
        reroute_list(core, route, &core->lanes[1].lines[i].queue);
    }
}

void cu_flight_reroute(struct cu_core *core, struct route *route, uint32_t lost)
{
    struct cu_list flights;

    reroute_queued(core, route);
    cu_list_init(&flights);
    cu_list_splice_back(&flights, &route->flights);
    while (!cu_list_empty(&flights)) {
        struct flight *flight = CU_LIST_ENTRY(cu_list_pop_front(&flights), struct flight, link);

        cu_list_push_back(&route->flights, &flight->link);
        if (flight->asked == CU_RANK_NONE || flight->asked == lost)
            cu_flight_step(core, flight->object, CU_EVENT_REROUTE, &(struct flight_input){0});
    }
}
