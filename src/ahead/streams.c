/* SPDX-License-Identifier: BSD-3-Clause */
/* A plain table, searched linearly for each READ; that costs less than the kernel's request
 * itself. */
#include "ahead/streams.h"

#include <stddef.h>

#define SPARE_FACTOR 3u

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* How far the read is from the stream's end that it continues; UINT64_MAX: from none. */
static uint64_t gap_to(const struct cu_stream *s, uint64_t from, uint64_t end)
{
    uint64_t slack = end - from, gap = UINT64_MAX;

    if (from > s->next ? from - s->next <= slack : s->next <= end + slack)
        gap = distance(from, s->next);
    if (from < s->low && s->low <= end + slack && distance(end, s->low) < gap)
        gap = distance(end, s->low);
    return gap;
}

struct cu_stream *cu_streams_find(struct cu_streams *streams, uint64_t node, uint64_t from,
                                  uint64_t end)
{
    uint64_t best = UINT64_MAX;
    struct cu_stream *found = NULL;

    for (size_t i = 0; i < CU_STREAMS_MAX; i++) {
        struct cu_stream *s = &streams->at[i];
        uint64_t gap = s->node == node ? gap_to(s, from, end) : UINT64_MAX;

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

struct cu_stream *cu_streams_new(struct cu_streams *streams, uint64_t node, uint64_t from,
                                 uint64_t end)
{
    struct cu_stream *first = &streams->at[0], *own = NULL;
    unsigned short_ones = 0, jumps = 0;

    for (size_t i = 0; i < CU_STREAMS_MAX; i++) {
        struct cu_stream *s = &streams->at[i];

        if (goes_before(s, first))
            first = s;
        if (s->node != node || s->window)
            continue;
        short_ones++;
        jumps += !s->on;
        if (!own || s->used < own->used)
            own = s;
    }
    if (short_ones >= CU_STREAMS_JUMPS)
        first = own;
    *first = (struct cu_stream){.node = node,
                                .low = from,
                                .next = end,
                                .from = from,
                                .to = from,
                                .whole = CU_STREAMS_NOWHERE,
                                .used = ++streams->reads,
                                .run = end - from,
                                .last = end - from,
                                .sure = jumps < CU_STREAMS_FEW};
    return first;
}

uint64_t cu_stream_grows(const struct cu_stream *s, uint64_t from, uint64_t end)
{
    if (end > s->next)
        return end - (from > s->next ? from : s->next);
    if (from < s->low)
        return (end < s->low ? end : s->low) - from;
    return 0;
}

uint64_t cu_stream_spare(const struct cu_stream *s, uint64_t from, uint64_t end)
{
    uint64_t used = s->run - s->last, asked = s->run + cu_stream_grows(s, from, end);

    return used * SPARE_FACTOR > asked ? used * SPARE_FACTOR - asked : 0;
}

void cu_stream_grow(struct cu_stream *s, uint64_t from, uint64_t end)
{
    uint64_t grows = cu_stream_grows(s, from, end);

    if (grows == 0)
        return;
    s->run += grows;
    s->last = grows;
    s->on = true;
    if (end > s->next)
        s->next = end;
    if (from < s->low)
        s->low = from;
}
