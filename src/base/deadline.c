/* SPDX-License-Identifier: BSD-3-Clause */
/* Thousands of flights wait at once and most are answered before their time, so arming, moving and
 * disarming must be cheap and must not allocate. Invariants: heap[i]->index == i for 1 <= i <=
 * count; no entry is earlier than heap[i / 2]; an entry outside the heap has index 0. */
#include "base/deadline.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64u

void cu_deadline_init(struct cu_deadline_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
}

void cu_deadline_free(struct cu_deadline_queue *queue)
{
    for (uint32_t i = 1; i <= queue->count; i++)
        queue->heap[i]->index = 0;
    free(queue->heap);
    cu_deadline_init(queue);
}

static void place(struct cu_deadline_queue *queue, uint32_t i, struct cu_deadline *d)
{
    queue->heap[i] = d;
    d->index = i;
}

static void sift_up(struct cu_deadline_queue *queue, uint32_t i, struct cu_deadline *d)
{
    while (i > 1 && d->at_ns < queue->heap[i / 2]->at_ns) {
        place(queue, i, queue->heap[i / 2]);
        i /= 2;
    }
    place(queue, i, d);
}

static void sift_down(struct cu_deadline_queue *queue, uint32_t i, struct cu_deadline *d)
{
    for (;;) {
        uint32_t child = 2 * i;

        if (child > queue->count)
            break;
        if (child < queue->count && queue->heap[child + 1]->at_ns < queue->heap[child]->at_ns)
            child++;
        if (d->at_ns <= queue->heap[child]->at_ns)
            break;
        place(queue, i, queue->heap[child]);
        i = child;
    }
    place(queue, i, d);
}

static void restore(struct cu_deadline_queue *queue, uint32_t i, struct cu_deadline *d)
{
    if (i > 1 && d->at_ns < queue->heap[i / 2]->at_ns)
        sift_up(queue, i, d);
    else
        sift_down(queue, i, d);
}

static int grow(struct cu_deadline_queue *queue)
{
    uint32_t capacity = queue->capacity > 0 ? queue->capacity * 2 : FIRST_CAPACITY;
    struct cu_deadline **heap;

    if (capacity > UINT32_MAX / 4) /* 2 * i must not wrap */
        return -ENOMEM;
    heap = realloc(queue->heap, ((size_t)capacity + 1) * sizeof(struct cu_deadline *));
    if (!heap)
        return -ENOMEM;
    queue->heap = heap;
    queue->capacity = capacity;
    return 0;
}

int cu_deadline_arm(struct cu_deadline_queue *queue, struct cu_deadline *d, uint64_t at_ns)
{
    if (d->index == 0) {
        if (queue->count == queue->capacity) {
            int rc = grow(queue);

            if (rc != 0)
                return rc;
        }
        d->at_ns = at_ns;
        sift_up(queue, ++queue->count, d);
        return 0;
    }
    d->at_ns = at_ns;
    restore(queue, d->index, d);
    return 0;
}

void cu_deadline_disarm(struct cu_deadline_queue *queue, struct cu_deadline *d)
{
    uint32_t i = d->index;
    struct cu_deadline *last;

    if (i == 0)
        return;
    assert(i <= queue->count && queue->heap[i] == d);
    last = queue->heap[queue->count--];
    d->index = 0;
    if (last != d)
        restore(queue, i, last);
}

uint64_t cu_deadline_next(const struct cu_deadline_queue *queue)
{
    return queue->count > 0 ? queue->heap[1]->at_ns : CU_DEADLINE_NEVER;
}

struct cu_deadline *cu_deadline_pop(struct cu_deadline_queue *queue, uint64_t now_ns)
{
    struct cu_deadline *d;

    if (queue->count == 0 || queue->heap[1]->at_ns > now_ns)
        return NULL;
    d = queue->heap[1];
    cu_deadline_disarm(queue, d);
    return d;
}
