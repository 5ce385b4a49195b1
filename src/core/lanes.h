/* SPDX-License-Identifier: BSD-3-Clause */
/* Lanes: the bounds of concurrent storage operations. One lane is for reads as a root or for the
 * node itself, one for reads as an orphan, whose parents have died.
 *
 * A lane has a width. An operation that hangs does not take of it, within bounds: of one file
 * system CU_LANE_STUCK lanes may hang, of all together CU_LANE_STUCK_ALL. One path has three
 * quarters of a lane; where operations of its file system hang, a quarter; where half of what may
 * hang hangs, one operation. So at a width of 16 it takes more than 64 files, whatever hangs of
 * each, until others of their file system wait. Then what waits fails with ETIMEDOUT after 60 s,
 * unless the file system answers nothing at all: then it waits until that does. */
#ifndef CU_CORE_LANES_H
#define CU_CORE_LANES_H

#include "base/list.h"
#include "core/haste.h"

#include <stdint.h>

struct cu_core;
struct flight;

#define LANES             2u
#define CU_LANE_STUCK     8u
#define CU_LANE_STUCK_ALL 12u
/* The most operations that run in a lane of that width. */
#define CU_LANE_RUNNING_MAX(width) ((width) * (1 + CU_LANE_STUCK_ALL) + (width) / 4)
#define LANE_ALIVE                 8u

struct tally;

/* A file system has answered an operation that was issued while another was known to hang. */
struct lane_alive {
    uint64_t space;
    uint64_t since_ns; /* the first such answer */
    uint64_t asked_ns; /* when the last such operation was issued; 0: none */
};

/* Flights that wait for their turn, for which somebody waits or nobody does. */
struct lane_line {
    struct cu_list queue;   /* struct flight, READING, not issued */
    struct cu_list blocked; /* the same, older than those in queue: no place was free for them */
};

struct lane {
    struct lane_line lines[LINES];
    struct cu_list running; /* struct flight, READING, issued */
    uint32_t used;          /* length of running */
    uint32_t max;
    uint32_t ended;      /* operations that have ended since the blocked ones were last tried */
    uint32_t stuck;      /* when they were last tried */
    uint64_t give_up_ns; /* when one of blocked is; UINT64_MAX: none */
    struct lane_alive alive[LANE_ALIVE]; /* by hash of space; a collision forgets one */
    struct tally *tallies;               /* scratch memory of a pump */
    uint32_t tallies_size;
};

void cu_lanes_init(struct cu_core *core);
void cu_lanes_clear(struct cu_core *core);
/* A flight that is READING and in no list waits for its turn. */
void cu_lane_queue(struct cu_core *core, struct flight *flight);
/* An operation that was issued has ended, or its result counts no more. */
void cu_lane_ended(struct cu_core *core, struct flight *flight);
/* Somebody waits from now on for the flight (READING). */
void cu_lane_wanted(struct cu_core *core, struct flight *flight);
/* Issues reads while there is room. */
void cu_lanes_pump(struct cu_core *core);
/* When an operation that runs is taken for stuck, while others wait; UINT64_MAX: never. */
uint64_t cu_lanes_deadline(const struct cu_core *core);

#endif
