/* SPDX-License-Identifier: BSD-3-Clause */
/* Which storage operations run, and which wait for their turn. Invariants: a flight that reads is
 * in one list of one lane; `used` is the length of `running`. */
#include "core/lanes.h"

#include "core/object.h"
#include "core/state.h"

#include <assert.h>

#define STUCK_NS (5 * S_NS) /* no healthy storage takes as long */

static void init(struct lane *lane, uint32_t max)
{
    cu_list_init(&lane->queue);
    cu_list_init(&lane->blocked);
    cu_list_init(&lane->later);
    cu_list_init(&lane->running);
    lane->max = max;
}

void cu_lanes_init(struct cu_core *core)
{
    init(&core->lanes[0], core->config.storage_slots);
    init(&core->lanes[1], core->config.orphan_slots);
}

static struct lane *lane_of(struct cu_core *core, const struct flight *flight)
{
    return &core->lanes[flight->orphan ? 1 : 0];
}

void cu_lane_queue(struct cu_core *core, struct flight *flight)
{
    struct lane *lane = lane_of(core, flight);

    assert(cu_list_empty(&flight->link) && !flight->issued);
    cu_list_push_back(flight->read_on && !flight->used ? &lane->later : &lane->queue,
                      &flight->link);
}

void cu_lane_wanted(struct cu_core *core, struct flight *flight)
{
    if (flight->object->state != CU_FLIGHT_READING || flight->issued)
        return;
    cu_list_remove(&flight->link);
    cu_lane_queue(core, flight);
}

void cu_lane_ended(struct cu_core *core, struct flight *flight)
{
    struct lane *lane = lane_of(core, flight);

    assert(flight->issued && lane->used > 0);
    lane->used--;
    lane->ended++;
    flight->issued = false;
    cu_list_remove(&flight->link);
}

/* The operations that run in a lane, counted for one that wants to start. */
struct load {
    uint32_t all, stuck;         /* of the lane */
    uint32_t space, space_stuck; /* of the same file system */
    uint32_t path;               /* of the same path */
};

static bool is_stuck(const struct cu_core *core, const struct flight *flight)
{
    return core->now_ns >= flight->asked_ns + STUCK_NS;
}

static struct load load_of(const struct cu_core *core, const struct lane *lane,
                           const struct flight *flight)
{
    struct load load = {0};

    cu_list_for_each (link, &lane->running) {
        const struct flight *other = CU_LIST_ENTRY(link, struct flight, link);
        bool stuck = is_stuck(core, other), same_space = other->space == flight->space;

        load.all++;
        load.stuck += stuck;
        load.space += same_space;
        load.space_stuck += same_space && stuck;
        load.path += other->object->name == flight->object->name;
    }
    return load;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

enum place {
    PLACE_FREE,
    PLACE_NOT_FOR_PATH,
    PLACE_NOT_FOR_SPACE,
};

/* May the flight start? A hanging operation does not occupy its place, within bounds. For one path,
 * at most three quarters of a lane run, hanging ones included. For one file system, a full lane may
 * run besides up to one and a half lanes of hanging operations; for all together, a full lane
 * besides up to two lanes of hanging ones. A quarter of a lane is reserved for file systems with
 * few running operations, so that they need not wait until others are found to hang. */
static enum place place_for(const struct cu_core *core, const struct lane *lane,
                            const struct flight *flight)
{
    struct load load = load_of(core, lane, flight);
    uint32_t all = load.all - smaller(load.stuck, 2 * lane->max);
    uint32_t space = load.space - smaller(load.space_stuck, lane->max + lane->max / 2);
    uint32_t spare = lane->max / 4;

    if (load.path >= lane->max - spare)
        return PLACE_NOT_FOR_PATH;
    if (space < lane->max && all < lane->max)
        return PLACE_FREE;
    return load.space < spare && all < lane->max + spare ? PLACE_FREE : PLACE_NOT_FOR_SPACE;
}

static void issue(struct cu_core *core, struct lane *lane, struct flight *flight)
{
    cu_list_remove(&flight->link);
    cu_list_push_back(&lane->running, &flight->link);
    lane->used++;
    flight->issued = true;
    flight->asked_ns = core->now_ns;
    cu_pending_add(core, &flight->pending, PENDING_FLIGHT);
}

/* Starts at most so many of the list; those that may not run are moved to the end of `blocked`,
 * where they keep their order. A refusal holds for all that follow of the same kind. */
static void examine(struct cu_core *core, struct lane *lane, struct cu_list *from, uint32_t most)
{
    const struct cu_name *full_path = NULL;
    bool full_space = false;
    uint64_t space = 0;

    cu_list_for_each_safe (link, from) {
        struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);
        enum place place = PLACE_NOT_FOR_PATH;

        if (most == 0)
            return;
        if (flight->object->name != full_path && !(full_space && flight->space == space))
            place = place_for(core, lane, flight);
        if (place == PLACE_FREE) {
            issue(core, lane, flight);
            most--;
            continue;
        }
        if (place == PLACE_NOT_FOR_SPACE) {
            full_space = true;
            space = flight->space;
        } else {
            full_path = flight->object->name;
        }
        if (from != &lane->blocked) {
            cu_list_remove(link);
            cu_list_push_back(&lane->blocked, link);
        }
    }
}

/* What nobody waits for starts only when nothing else waits, and leaves a fourth of the lane free,
 * so that what somebody asks for next starts at once. */
static void examine_later(struct cu_core *core, struct lane *lane)
{
    cu_list_for_each_safe (link, &lane->later) {
        struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);

        if (!cu_list_empty(&lane->queue) || !cu_list_empty(&lane->blocked) ||
            lane->used >= lane->max - lane->max / 4 || place_for(core, lane, flight) != PLACE_FREE)
            return;
        issue(core, lane, flight);
    }
}

/* When the next one is taken for stuck, while others wait. The oldest are first in the list. */
static uint64_t lane_deadline(const struct cu_core *core, const struct lane *lane)
{
    if (cu_list_empty(&lane->queue) && cu_list_empty(&lane->blocked))
        return UINT64_MAX;
    cu_list_for_each (link, &lane->running) {
        const struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);

        if (!is_stuck(core, flight))
            return flight->asked_ns + STUCK_NS;
    }
    return UINT64_MAX;
}

uint64_t cu_lanes_deadline(const struct cu_core *core)
{
    uint64_t a = lane_deadline(core, &core->lanes[0]), b = lane_deadline(core, &core->lanes[1]);

    return a < b ? a : b;
}

static uint32_t count_stuck(const struct cu_core *core, const struct lane *lane)
{
    uint32_t stuck = 0;

    cu_list_for_each (link, &lane->running) {
        if (!is_stuck(core, CU_LIST_ENTRY(link, struct flight, link)))
            break;
        stuck++;
    }
    return stuck;
}

/* Blocked flights are tried again when operations have ended, one for each, or when more are
 * stuck. */
void cu_lanes_pump(struct cu_core *core)
{
    for (unsigned i = 0; i < LANES; i++) {
        struct lane *lane = &core->lanes[i];
        uint32_t most = lane->ended;

        if (!cu_list_empty(&lane->blocked)) {
            uint32_t stuck = count_stuck(core, lane);

            if (stuck > lane->stuck)
                most = UINT32_MAX;
            lane->stuck = stuck;
            examine(core, lane, &lane->blocked, most);
        }
        lane->ended = 0;
        examine(core, lane, &lane->queue, UINT32_MAX);
        examine_later(core, lane);
    }
}
