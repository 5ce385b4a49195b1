/* SPDX-License-Identifier: BSD-3-Clause */
/* The struct of the core: the state of all its modules. Each module's header explains its fields,
 * and only its .c file changes them. Outside of src/core, only the simulator's checkers and
 * tests/unit/core_* include this. */
#ifndef CU_CORE_STATE_H
#define CU_CORE_STATE_H

#include "base/list.h"
#include "base/table.h"
#include "base/topk.h"
#include "core/core.h"
#include "core/effects.h"
#include "core/lanes.h"
#include "core/names.h"
#include "core/neighbors.h"
#include "core/refresh.h"
#include "core/renew.h"
#include "core/slots.h"

#include <stdbool.h>
#include <stdint.h>

#define MS_NS 1000000ull
#define S_NS  1000000000ull

struct cu_core {
    struct cu_core_config config;
    uint64_t created_ns;
    uint64_t now_ns;     /* of the input under way */
    uint32_t generation; /* the latest refresh */

    /* cache.h */
    struct cu_names *names;
    bool own_names;
    struct cu_table objects;
    struct cu_list lru;  /* struct object, oldest first */
    uint64_t held_bytes; /* of listings whose versions are being asked for, in flight */

    /* slots.h */
    struct slot *slots;
    uint32_t slot_count;
    uint32_t slot_free; /* UINT32_MAX: none */

    /* neighbors.h */
    struct cu_list neighbors;                          /* struct neighbor */
    struct neighbor *neighbors_found[NEIGHBORS_FOUND]; /* by rank, some asked for lately */
    uint64_t neighbors_deadline_ns;                    /* when they want a tick, or earlier */
    struct route *routes;                              /* tree_count, and then the bulk trees */
    uint32_t route_count;

    struct lane lanes[LANES];
    struct cu_core_ahead ahead;      /* under way */
    struct cu_core_ahead reading_on; /* readon.h: under way */
    uint64_t parked_bytes;           /* of all neighbors (flow.h) */
    struct cu_table flow_paths;      /* the same: the paths of their wants */
    uint64_t queued_bytes;           /* child_queued of all neighbors */
    uint64_t reading_bytes;          /* chunks for which storage was asked (lanes.h) */
    uint64_t outside_bytes;          /* the driver's, for names */

    /* ready.h */
    uint8_t *ready_bits;
    uint8_t *ready_scratch; /* two such sets */
    uint32_t ready_count;
    bool self_ready;
    bool mounted;
    bool ready_changed;
    uint64_t ready_ns; /* when to send READY up; 0: nothing to send */

    struct cu_list pending; /* struct pending */
    struct pending news;
    struct refreshes refreshes;
    struct renews renews;
    struct cu_value peeked; /* what the driver peeks at; borrows from an object */

    struct cu_topk *bypassed; /* bypass.h: files by bytes; NULL: none so far */
    uint64_t counters[CU_COUNTER_COUNT];
};

#define COUNT(core, name) ((core)->counters[CU_COUNT_##name]++)

#endif
