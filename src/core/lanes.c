/* SPDX-License-Identifier: BSD-3-Clause */
/* Which storage operations run, and which wait for their turn. Invariants: a flight that reads is
 * in one list of one lane; `used` is the length of `running`, which is in the order of asked_ns. */
#include "core/lanes.h"

#include "core/object.h"
#include "core/state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STUCK_NS      (5 * S_NS)  /* no healthy storage takes as long */
#define NEXT_STUCK_NS (1 * S_NS)  /* the same, where another operation hangs */
#define GIVE_UP_NS    (60 * S_NS) /* a flight has waited for places of operations that hang */
#define LATER_SHARE   2u          /* of what may hang, a fraction, for what nobody waits for */

/* The operations of one path or of one file system that run in a lane, counted. In a table with
 * open addressing; a slot of count 0 is free. */
struct tally {
    uint64_t key;
    uint32_t count, stuck;
    uint64_t oldest_ns; /* of those that hang */
};

/* All that run, counted for those that want to start. */
struct census {
    uint32_t all, stuck;
    uint32_t mask; /* of the two tables, which are parts of lane->tallies */
    struct tally *paths, *spaces;
};

static void init(struct lane *lane, uint32_t max)
{
    for (unsigned i = 0; i < LINES; i++) {
        cu_list_init(&lane->lines[i].queue);
        cu_list_init(&lane->lines[i].blocked);
    }
    cu_list_init(&lane->running);
    lane->max = max;
    lane->give_up_ns = UINT64_MAX;
}

void cu_lanes_init(struct cu_core *core)
{
    init(&core->lanes[0], core->config.storage_slots);
    init(&core->lanes[1], core->config.orphan_slots);
}

void cu_lanes_clear(struct cu_core *core)
{
    for (unsigned i = 0; i < LANES; i++)
        free(core->lanes[i].tallies);
}

static struct lane *lane_of(struct cu_core *core, const struct flight *flight)
{
    return &core->lanes[flight->orphan ? 1 : 0];
}

void cu_lane_queue(struct cu_core *core, struct flight *flight)
{
    struct lane *lane = lane_of(core, flight);

    assert(cu_list_empty(&flight->link) && !flight->issued);
    flight->asked_ns = core->now_ns;
    cu_list_push_back(&lane->lines[flight->later ? LINE_LATER : LINE_NOW].queue, &flight->link);
}

void cu_lane_wanted(struct cu_core *core, struct flight *flight)
{
    if (flight->object->state != CU_FLIGHT_READING || flight->issued)
        return;
    cu_list_remove(&flight->link);
    cu_lane_queue(core, flight);
}

/* When the lane's oldest operation was taken for hanging; UINT64_MAX: it is not, or there is none.
 */
static uint64_t stuck_since(const struct cu_core *core, const struct lane *lane)
{
    const struct flight *oldest;

    if (cu_list_empty(&lane->running))
        return UINT64_MAX;
    oldest = CU_LIST_ENTRY(lane->running.next, struct flight, link);
    return core->now_ns >= oldest->asked_ns + STUCK_NS ? oldest->asked_ns + STUCK_NS : UINT64_MAX;
}

static struct lane_alive *alive_of(struct lane *lane, uint64_t space)
{
    return &lane->alive[(space * 0x9e3779b97f4a7c15U >> 32) % LANE_ALIVE];
}

/* The operation has ended soon, although others hang. */
static void note_alive(struct cu_core *core, struct lane *lane, const struct flight *flight)
{
    struct lane_alive *alive = alive_of(lane, flight->space);
    uint64_t hangs_ns = stuck_since(core, lane);

    if (flight->asked_ns < hangs_ns || core->now_ns >= flight->asked_ns + NEXT_STUCK_NS)
        return;
    if (alive->space != flight->space || alive->asked_ns < hangs_ns)
        *alive = (struct lane_alive){.space = flight->space, .since_ns = core->now_ns};
    alive->asked_ns = flight->asked_ns;
}

/* Memory that storage fills for the operation. */
static uint64_t reading_bytes(const struct cu_core *core, const struct flight *flight)
{
    return cu_object_fill_bytes(core->config.chunk_bytes, flight->object);
}

void cu_lane_ended(struct cu_core *core, struct flight *flight)
{
    struct lane *lane = lane_of(core, flight);

    assert(flight->issued && lane->used > 0);
    note_alive(core, lane, flight);
    assert(core->reading_bytes >= reading_bytes(core, flight));
    core->reading_bytes -= reading_bytes(core, flight);
    lane->used--;
    lane->ended++;
    flight->issued = false;
    cu_list_remove(&flight->link);
}

/* While one operation hangs, others are taken for hanging earlier: who waits behind them waits for
 * less. */
static uint64_t stuck_after(const struct cu_core *core, const struct lane *lane)
{
    return stuck_since(core, lane) == UINT64_MAX ? STUCK_NS : NEXT_STUCK_NS;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint64_t smaller_ns(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* How many operations of a lane may hang besides the lane's width: of one file system, of all. */
static uint32_t stuck_max(const struct lane *lane)
{
    return CU_LANE_STUCK * lane->max;
}

static uint32_t stuck_max_all(const struct lane *lane)
{
    return CU_LANE_STUCK_ALL * lane->max;
}

/* --- census ---------------------------------------------------------------------------------- */

static struct tally *tally_of(struct tally *tallies, uint32_t mask, uint64_t key)
{
    uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15U) >> 32) & mask;

    while (tallies[at].count > 0 && tallies[at].key != key)
        at = (at + 1) & mask;
    tallies[at].key = key;
    return &tallies[at];
}

static struct tally *path_tally(struct census *census, const struct flight *flight)
{
    return tally_of(census->paths, census->mask, (uint64_t)(uintptr_t)flight->object->name);
}

static struct tally *space_tally(struct census *census, const struct flight *flight)
{
    return tally_of(census->spaces, census->mask, flight->space);
}

static void add(struct tally *tally, const struct flight *flight, bool stuck)
{
    if (stuck && tally->stuck++ == 0)
        tally->oldest_ns = flight->asked_ns;
    tally->count++;
}

static void census_add(struct census *census, const struct flight *flight, bool stuck)
{
    census->all++;
    census->stuck += stuck;
    add(path_tally(census, flight), flight, stuck);
    add(space_tally(census, flight), flight, stuck);
}

/* Tables of twice what runs now and can be started by one pump. False: out of memory. */
static bool census_take(const struct cu_core *core, struct lane *lane, struct census *census)
{
    uint64_t after = stuck_after(core, lane);
    uint32_t size = 64;

    while (size < 2 * (lane->used + 2 * lane->max))
        size *= 2;
    if (size > lane->tallies_size) {
        struct tally *tallies = malloc(2 * size * sizeof(*tallies));

        if (!tallies)
            return false;
        free(lane->tallies);
        lane->tallies = tallies;
        lane->tallies_size = size;
    }
    memset(lane->tallies, 0, 2 * size * sizeof(*lane->tallies));
    *census =
        (struct census){.mask = size - 1, .paths = lane->tallies, .spaces = lane->tallies + size};
    cu_list_for_each (link, &lane->running) {
        const struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);

        census_add(census, flight, core->now_ns >= flight->asked_ns + after);
    }
    return true;
}

/* --- places ---------------------------------------------------------------------------------- */

enum place {
    PLACE_FREE,
    PLACE_NOT_FOR_PATH,
    PLACE_NOT_FOR_SPACE,
    PLACE_HUNG, /* for its space: as many hang there as may */
};

/* Of one path: three quarters of a lane; fewer the more operations of its file system hang, so that
 * it takes many files to use up what may hang. */
static uint32_t path_max(const struct lane *lane, uint32_t space_stuck)
{
    if (space_stuck == 0)
        return lane->max - lane->max / 4;
    return space_stuck < stuck_max(lane) / 2 ? larger(lane->max / 4, 1) : 1;
}

/* May the flight start? A hanging operation does not occupy its place, within bounds. A quarter of
 * a lane is reserved for file systems with few running operations, so that they need not wait until
 * others are found to hang. */
static enum place place_for(const struct lane *lane, struct census *census,
                            const struct flight *flight)
{
    const struct tally *path = path_tally(census, flight), *space = space_tally(census, flight);
    uint32_t all = census->all - smaller(census->stuck, stuck_max_all(lane));
    uint32_t here = space->count - smaller(space->stuck, stuck_max(lane));
    uint32_t spare = lane->max / 4;

    if (flight->later && (space->stuck >= stuck_max(lane) / LATER_SHARE ||
                          census->stuck >= stuck_max_all(lane) / LATER_SHARE))
        return PLACE_HUNG;
    if (path->count >= path_max(lane, space->stuck))
        return PLACE_NOT_FOR_PATH;
    if (here < lane->max && all < lane->max)
        return PLACE_FREE;
    if (space->count < spare && all < lane->max + spare)
        return PLACE_FREE;
    return space->stuck >= stuck_max(lane) || census->stuck >= stuck_max_all(lane)
               ? PLACE_HUNG
               : PLACE_NOT_FOR_SPACE;
}

static void issue(struct cu_core *core, struct lane *lane, struct census *census,
                  struct flight *flight)
{
    cu_list_remove(&flight->link);
    cu_list_push_back(&lane->running, &flight->link);
    lane->used++;
    core->reading_bytes += reading_bytes(core, flight);
    flight->issued = true;
    flight->asked_ns = core->now_ns;
    census_add(census, flight, false);
    cu_pending_add(core, &flight->pending, PENDING_FLIGHT);
}

/* When a flight that was refused with PLACE_HUNG fails. UINT64_MAX: it waits, because its file
 * system has answered nothing since something hangs there: it may hang as a whole, and go on later.
 */
static uint64_t gives_up_ns(struct lane *lane, struct census *census, const struct flight *flight)
{
    const struct lane_alive *alive = alive_of(lane, flight->space);
    uint64_t oldest_ns = space_tally(census, flight)->oldest_ns;

    if (alive->space != flight->space || alive->asked_ns == 0 ||
        alive->asked_ns < oldest_ns + STUCK_NS)
        return UINT64_MAX;
    return (flight->asked_ns > alive->since_ns ? flight->asked_ns : alive->since_ns) + GIVE_UP_NS;
}

/* Frees the flight, or has it tried again later. */
static void refuse(struct cu_core *core, struct lane *lane, struct census *census,
                   struct flight *flight, enum place place)
{
    uint64_t at = place == PLACE_HUNG ? gives_up_ns(lane, census, flight) : UINT64_MAX;

    if (core->now_ns >= at) {
        const struct cu_value value = {.error = ETIMEDOUT};

        COUNT(core, storage_given_up);
        cu_flight_step(core, flight->object, CU_EVENT_FAILED,
                       &(struct flight_input){.value = &value});
        return;
    }
    if (at < lane->give_up_ns)
        lane->give_up_ns = at;
}

/* What nobody waits for leaves a fourth of the lane free, so that what somebody asks for next
 * starts at once. */
static bool is_full_for(const struct lane *lane, const struct census *census, enum line line)
{
    uint32_t all = census->all - smaller(census->stuck, stuck_max_all(lane));

    return line == LINE_LATER && all >= lane->max - lane->max / 4;
}

/* Starts at most so many of the list, which is one of the line's; those that may not run are moved
 * to the end of its `blocked`, where they keep their order. */
static void examine(struct cu_core *core, struct lane *lane, struct census *census, enum line line,
                    struct cu_list *from, uint32_t most)
{
    struct cu_list *blocked = &lane->lines[line].blocked;

    cu_list_for_each_safe (link, from) {
        struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);
        enum place place;

        if (most == 0 || is_full_for(lane, census, line))
            return;
        place = place_for(lane, census, flight);
        if (place == PLACE_FREE) {
            issue(core, lane, census, flight);
            most--;
            continue;
        }
        if (from != blocked) {
            cu_list_remove(link);
            cu_list_push_back(blocked, link);
        }
        refuse(core, lane, census, flight, place);
    }
}

static bool is_idle(const struct lane *lane)
{
    for (unsigned i = 0; i < LINES; i++)
        if (!cu_list_empty(&lane->lines[i].queue) || !cu_list_empty(&lane->lines[i].blocked))
            return false;
    return true;
}

/* When the next one is taken for stuck, or one that waits is given up, while others wait. The
 * oldest are first in the list. */
static uint64_t lane_deadline(const struct cu_core *core, const struct lane *lane)
{
    uint64_t after = stuck_after(core, lane);

    if (is_idle(lane))
        return UINT64_MAX;
    cu_list_for_each (link, &lane->running) {
        uint64_t at = CU_LIST_ENTRY(link, struct flight, link)->asked_ns + after;

        if (at > core->now_ns)
            return smaller_ns(at, lane->give_up_ns);
    }
    return lane->give_up_ns;
}

uint64_t cu_lanes_deadline(const struct cu_core *core)
{
    return smaller_ns(lane_deadline(core, &core->lanes[0]), lane_deadline(core, &core->lanes[1]));
}

static void pump(struct cu_core *core, struct lane *lane)
{
    uint32_t most = lane->ended;
    struct census census;

    if (is_idle(lane)) {
        lane->ended = 0;
        return;
    }
    if (!census_take(core, lane, &census))
        return;
    lane->ended = 0;
    if (census.stuck > lane->stuck || core->now_ns >= lane->give_up_ns) {
        most = UINT32_MAX;
        lane->give_up_ns = UINT64_MAX;
    }
    lane->stuck = census.stuck;
    for (unsigned i = 0; i < LINES; i++) {
        struct lane_line *line = &lane->lines[i];

        examine(core, lane, &census, (enum line)i, &line->blocked, most);
        examine(core, lane, &census, (enum line)i, &line->queue, UINT32_MAX);
    }
}

/* Blocked flights are tried again when operations have ended, one of each line for each, or when
 * more are stuck, or one is to be given up. */
void cu_lanes_pump(struct cu_core *core)
{
    for (unsigned i = 0; i < LANES; i++)
        pump(core, &core->lanes[i]);
}
