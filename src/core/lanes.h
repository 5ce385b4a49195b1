/* SPDX-License-Identifier: BSD-3-Clause */
/* Lanes: the bounds of concurrent storage operations. One lane is for reads as a root or for the
 * node itself, one for reads as an orphan, whose parents have died. */
#ifndef CU_CORE_LANES_H
#define CU_CORE_LANES_H

#include "base/list.h"

#include <stdint.h>

struct cu_core;
struct flight;

#define LANES 2u

struct lane {
    struct cu_list queue;   /* struct flight, READING, not issued */
    struct cu_list blocked; /* the same, older than those in queue: no place was free for them */
    struct cu_list later;   /* READING, not issued: read on, and nobody waits for it */
    struct cu_list running; /* struct flight, READING, issued */
    uint32_t used;          /* length of running */
    uint32_t max;
    uint32_t ended; /* operations that have ended since the blocked ones were last tried */
    uint32_t stuck; /* when they were last tried */
};

void cu_lanes_init(struct cu_core *core);
/* A flight that is READING and in no list waits for its turn. */
void cu_lane_queue(struct cu_core *core, struct flight *flight);
/* An operation that was issued has ended, or its result counts no more. */
void cu_lane_ended(struct cu_core *core, struct flight *flight);
/* Somebody waits from now on for a flight that was read on. */
void cu_lane_wanted(struct cu_core *core, struct flight *flight);
/* Issues reads while there is room. */
void cu_lanes_pump(struct cu_core *core);
/* When an operation that runs is taken for stuck, while others wait; UINT64_MAX: never. */
uint64_t cu_lanes_deadline(const struct cu_core *core);

#endif
