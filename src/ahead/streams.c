/* SPDX-License-Identifier: BSD-3-Clause */
/* A plain table, searched linearly for each READ; that costs less than the kernel's request
 * itself. */
#include "ahead/streams.h"

#include <stdbool.h>
#include <stddef.h>

struct cu_stream *cu_streams_find(struct cu_streams *streams, uint64_t node, uint64_t from,
                                  uint64_t end)
{
    uint64_t slack = end - from, best = UINT64_MAX;
    struct cu_stream *found = NULL;

    for (size_t i = 0; i < CU_STREAMS_MAX; i++) {
        struct cu_stream *s = &streams->at[i];
        uint64_t gap = from > s->next ? from - s->next : s->next - from;

        if (s->node != node || (from > s->next ? gap > slack : s->next > end + slack))
            continue;
        if (gap < best) {
            best = gap;
            found = s;
        }
    }
    if (found)
        found->used = ++streams->reads;
    return found;
}

/* Which of two streams is replaced first. */
static bool goes_before(const struct cu_stream *a, const struct cu_stream *b)
{
    if (!a->node || !b->node)
        return !a->node;
    if (!a->window != !b->window)
        return !a->window;
    return a->used < b->used;
}

struct cu_stream *cu_streams_new(struct cu_streams *streams, uint64_t node, uint64_t end)
{
    struct cu_stream *first = &streams->at[0], *own = NULL;
    unsigned jumps = 0;

    for (size_t i = 0; i < CU_STREAMS_MAX; i++) {
        struct cu_stream *s = &streams->at[i];

        if (goes_before(s, first))
            first = s;
        if (s->node != node || s->window)
            continue;
        jumps++;
        if (!own || s->used < own->used)
            own = s;
    }
    if (jumps >= CU_STREAMS_JUMPS)
        first = own;
    *first = (struct cu_stream){.node = node, .next = end, .used = ++streams->reads};
    first->run = jumps < CU_STREAMS_FEW;

    return first;
}
