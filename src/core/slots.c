/* SPDX-License-Identifier: BSD-3-Clause */
/* Ids of flights. Invariants: a slot in use has a flight whose slot it is; a free one has none, and
 * a generation that no id of its was given out with. */
#include "core/slots.h"

#include "core/flight.h"
#include "core/state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

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
    assert(flight->slot == UINT32_MAX);
    flight->slot = core->slot_free;
    assert(!core->slots[flight->slot].flight);
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
    assert(slot->flight == flight);
    slot->flight = NULL;
    slot->generation++;
    slot->next_free = core->slot_free;
    core->slot_free = flight->slot;
    flight->slot = UINT32_MAX;
}

uint64_t cu_slot_id(const struct cu_core *core, const struct flight *flight)
{
    assert(flight->slot < core->slot_count && core->slots[flight->slot].flight == flight);
    return (uint64_t)core->slots[flight->slot].generation << 32 | flight->slot;
}

struct flight *cu_slot_find(const struct cu_core *core, uint64_t id)
{
    uint32_t index = (uint32_t)id;

    if (index >= core->slot_count || core->slots[index].generation != (uint32_t)(id >> 32))
        return NULL;
    return core->slots[index].flight;
}
