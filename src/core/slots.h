/* SPDX-License-Identifier: BSD-3-Clause */
/* Ids of asks and reads, by which answers find their flight. An id is generation << 32 | index, so
 * an answer that comes after its flight has ended or was started again finds nothing. */
#ifndef CU_CORE_SLOTS_H
#define CU_CORE_SLOTS_H

#include <stdint.h>

struct cu_core;
struct flight;

struct slot {
    struct flight *flight; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

/* Gives a flight that has none a slot. 0 or -ENOMEM. */
int cu_slot_take(struct cu_core *core, struct flight *flight);
/* Frees the flight's slot: its id matches nothing from now on. Does nothing for a flight without a
 * slot. */
void cu_slot_give(struct cu_core *core, struct flight *flight);
/* Of a flight that has a slot. */
uint64_t cu_slot_id(const struct cu_core *core, const struct flight *flight);
/* Any id; NULL: there is no such flight any more. */
struct flight *cu_slot_find(const struct cu_core *core, uint64_t id);

#endif
