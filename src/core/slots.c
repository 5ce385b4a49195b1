/* Ids of flights, and the budgets of storage operations. An id is generation << 32 | index, so an
 * answer that comes after its flight has ended or was started anew finds nothing. */
#include "core/internal.h"

#include <errno.h>
#include <stdlib.h>

#define STUCK_NS (5 * S_NS) /* no healthy storage takes as long */

static int slots_grow(struct cu_core *core)
{
    uint32_t count = core->slot_count ? core->slot_count * 2 : 64;
    struct slot *slots = realloc(core->slots, count * sizeof *slots);

    if (!slots)
        return -ENOMEM;
    core->slots = slots;
    for (uint32_t i = core->slot_count; i < count; i++)
        slots[i] = (struct slot){.generation = 1, .next_free = i + 1 < count ? i + 1 : UINT32_MAX};
    core->slot_free = core->slot_count;
    core->slot_count = count;
    return 0;
}

int cu_slot_take(struct cu_core *core, struct flight *flight)
{
    if (core->slot_free == UINT32_MAX && slots_grow(core) < 0)
        return -ENOMEM;
    flight->slot = core->slot_free;
    core->slot_free = core->slots[flight->slot].next_free;
    core->slots[flight->slot].flight = flight;
    return 0;
}

void cu_slot_give(struct cu_core *core, struct flight *flight)
{
    struct slot *slot;

    if (flight->slot == UINT32_MAX)
        return;
    slot = &core->slots[flight->slot];
    slot->flight = NULL;
    slot->generation++;
    slot->next_free = core->slot_free;
    core->slot_free = flight->slot;
    flight->slot = UINT32_MAX;
}

uint64_t cu_slot_id(const struct cu_core *core, const struct flight *flight)
{
    return (uint64_t)core->slots[flight->slot].generation << 32 | flight->slot;
}

struct flight *cu_slot_find(const struct cu_core *core, uint64_t id)
{
    uint32_t index = (uint32_t)id;

    if (index >= core->slot_count || core->slots[index].generation != (uint32_t)(id >> 32))
        return NULL;
    return core->slots[index].flight;
}

/* How many operations may run: an operation that hangs does not hold its place, up to a bound, so
 * that other paths go on. The oldest are first in the list. */
static uint32_t lane_limit(const struct cu_core *core, const struct lane *lane)
{
    uint32_t stuck = 0, stuck_max = lane->max + lane->max / 2;

    cu_list_for_each (link, &lane->running) {
        const struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);

        if (stuck == stuck_max || core->now_ns < flight->asked_ns + STUCK_NS)
            break;
        stuck++;
    }
    return lane->max + stuck;
}

uint64_t cu_lanes_deadline(const struct cu_core *core)
{
    uint64_t at = UINT64_MAX;

    for (unsigned i = 0; i < 2; i++) {
        const struct lane *lane = &core->lanes[i];

        if (cu_list_empty(&lane->queue))
            continue;
        cu_list_for_each (link, &lane->running) {
            uint64_t stuck_ns = CU_LIST_ENTRY(link, struct flight, link)->asked_ns + STUCK_NS;

            if (stuck_ns > core->now_ns) {
                at = stuck_ns < at ? stuck_ns : at;
                break;
            }
        }
    }
    return at;
}

void cu_lanes_pump(struct cu_core *core)
{
    for (unsigned i = 0; i < 2; i++) {
        struct lane *lane = &core->lanes[i];

        if (cu_list_empty(&lane->queue) ||
            (lane->used >= lane->max && lane->used >= lane_limit(core, lane)))
            continue;
        while (lane->used < lane_limit(core, lane) && !cu_list_empty(&lane->queue)) {
            struct flight *flight =
                CU_LIST_ENTRY(cu_list_pop_front(&lane->queue), struct flight, link);

            cu_list_push_back(&lane->running, &flight->link);
            lane->used++;
            flight->issued = true;
            flight->asked_ns = core->now_ns;
            cu_pending_add(core, &flight->pending, PENDING_FLIGHT);
        }
    }
}
