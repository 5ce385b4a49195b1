/* SPDX-License-Identifier: BSD-3-Clause */
/* The event queue: a binary heap by (time, sequence number). Events at the same time come out in
 * the order in which they were put in, so a run is a function of its seed. */
#ifndef CU_SIM_ENGINE_H
#define CU_SIM_ENGINE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_sim_event {
    uint64_t at_ns;
    uint64_t seq;
    uint32_t type;
    uint32_t node;
    uint64_t a;
    void *p;
};

struct cu_sim_engine {
    struct cu_sim_event *heap; /* owned; heap[0] is the earliest */
    size_t count;
    size_t capacity;
    uint64_t next_seq;
    uint64_t now_ns;
    uint64_t popped;
};

void cu_sim_engine_free(struct cu_sim_engine *engine);
/* at_ns earlier than now is taken as now. Ends the program when memory is out: so do all
 * allocations of the simulator. */
void cu_sim_engine_push(struct cu_sim_engine *engine, uint64_t at_ns, uint32_t type, uint32_t node,
                        uint64_t a, void *p);
/* Takes the earliest and moves now there; false when there is none. */
bool cu_sim_engine_pop(struct cu_sim_engine *engine, struct cu_sim_event *event);

/* Allocations that cannot fail. */
void *cu_sim_alloc(size_t count, size_t size); /* zeroed */
struct cu_buf *cu_sim_buf(size_t size);        /* as cu_buf_new */
void *cu_sim_grow(void *old, size_t count, size_t size);

#endif
