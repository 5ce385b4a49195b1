/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of holes. Invariant: what append makes is valid; all else takes valid ones only. */
#include "proto/holes.h"

#include "proto/wire.h"

#include <errno.h>
#include <string.h>

#define PAIR        16u
#define PAIRS_START 8u

static struct cu_hole hole_at(const struct cu_buf *list, size_t index)
{
    struct cu_hole hole;
    struct cu_reader r;

    cu_reader_init(&r, list->data + index * PAIR, PAIR);
    hole.start = cu_wire_get_u64(&r);
    hole.end = cu_wire_get_u64(&r);
    return hole;
}

static size_t count_of(const struct cu_buf *list)
{
    return list ? list->size / PAIR : 0;
}

static bool may_follow(const struct cu_buf *list, size_t count, struct cu_hole hole)
{
    if (hole.end <= hole.start || hole.end > INT64_MAX)
        return false;
    return count == 0 || hole.start > hole_at(list, count - 1).end;
}

int cu_holes_append(struct cu_buf **list, struct cu_hole hole)
{
    size_t count = count_of(*list);
    struct cu_writer w;
    int rc;

    if (!may_follow(*list, count, hole))
        return -EINVAL;
    if (count >= CU_HOLES_MAX)
        return -E2BIG;
    rc = cu_buf_room(list, PAIR, (size_t)PAIRS_START * PAIR);
    if (rc < 0)
        return rc;
    cu_writer_init(&w, (*list)->data + count * PAIR, PAIR);
    cu_wire_put_u64(&w, hole.start);
    cu_wire_put_u64(&w, hole.end);
    (*list)->size += PAIR;
    return 0;
}

bool cu_holes_is_valid(const struct cu_buf *list)
{
    if (!list)
        return true;
    if (list->size % PAIR || list->size > CU_HOLES_BYTES_MAX)
        return false;
    for (size_t i = 0; i < count_of(list); i++)
        if (!may_follow(list, i, hole_at(list, i)))
            return false;
    return true;
}

bool cu_holes_next(const struct cu_buf *list, uint64_t at, struct cu_hole *hole)
{
    size_t low = 0, high = count_of(list);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (hole_at(list, middle).end > at)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == count_of(list))
        return false;
    *hole = hole_at(list, low);
    return true;
}

bool cu_holes_cover(const struct cu_buf *list, uint64_t start, uint64_t end)
{
    struct cu_hole hole;

    return cu_holes_next(list, start, &hole) && hole.start <= start && end <= hole.end;
}

uint64_t cu_holes_data_from(const struct cu_buf *list, uint64_t size, uint64_t at)
{
    struct cu_hole hole;

    if (cu_holes_next(list, at, &hole) && hole.start <= at)
        at = hole.end;
    return at < size ? at : size;
}

uint64_t cu_holes_hole_from(const struct cu_buf *list, uint64_t size, uint64_t at)
{
    struct cu_hole hole;

    if (!cu_holes_next(list, at, &hole))
        return size;
    if (hole.start > at)
        at = hole.start;
    return at < size ? at : size;
}
