/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariant: heap[i] is not earlier than heap[(i - 1) / 2], earlier meaning time, then sequence. */
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY 1024u

void *cu_sim_alloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);

    if (!p) {
        fputs("copper-sim: out of memory\n", stderr);
        exit(3);
    }
    return p;
}

struct cu_buf *cu_sim_buf(size_t size)
{
    struct cu_buf *buf = cu_buf_new(size);

    if (!buf) {
        fputs("copper-sim: out of memory\n", stderr);
        exit(3);
    }
    return buf;
}

void *cu_sim_grow(void *old, size_t count, size_t size)
{
    void *p = reallocarray(old, count ? count : 1, size);

    if (!p) {
        fputs("copper-sim: out of memory\n", stderr);
        exit(3);
    }
    return p;
}

void cu_sim_engine_free(struct cu_sim_engine *engine)
{
    free(engine->heap);
    *engine = (struct cu_sim_engine){0};
}

static bool earlier(const struct cu_sim_event *a, const struct cu_sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->seq < b->seq;
}

void cu_sim_engine_push(struct cu_sim_engine *engine, uint64_t at_ns, uint32_t type, uint32_t node,
                        uint64_t a, void *p)
{
    struct cu_sim_event event = {
        .at_ns = at_ns > engine->now_ns ? at_ns : engine->now_ns,
        .seq = engine->next_seq++,
        .type = type,
        .node = node,
        .a = a,
        .p = p,
    };
    size_t i = engine->count++;

    if (engine->count > engine->capacity) {
        engine->capacity = engine->capacity ? engine->capacity * 2 : FIRST_CAPACITY;
        engine->heap = cu_sim_grow(engine->heap, engine->capacity, sizeof *engine->heap);
    }
    while (i > 0 && earlier(&event, &engine->heap[(i - 1) / 2])) {
        engine->heap[i] = engine->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    engine->heap[i] = event;
}

bool cu_sim_engine_pop(struct cu_sim_engine *engine, struct cu_sim_event *event)
{
    struct cu_sim_event last;
    size_t i = 0;

    if (engine->count == 0)
        return false;
    *event = engine->heap[0];
    last = engine->heap[--engine->count];
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= engine->count)
            break;
        if (child + 1 < engine->count && earlier(&engine->heap[child + 1], &engine->heap[child]))
            child++;
        if (!earlier(&engine->heap[child], &last))
            break;
        engine->heap[i] = engine->heap[child];
        i = child;
    }
    engine->heap[i] = last;
    engine->now_ns = event->at_ns;
    engine->popped++;
    return true;
}
