/* SPDX-License-Identifier: BSD-3-Clause */
/* A send queue is a ring of references: a payload that goes to ten children is in memory once.
 *
 * Invariant: no buffer in the ring is empty or wholly gone, so `offset` is inside the first one. */
#include "net/txq.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_MIN 16u

static struct cu_buf **slot(const struct cu_txq *q, uint32_t i)
{
    return &q->ring[(q->first + i) & (q->capacity - 1)];
}

static int grow(struct cu_txq *q)
{
    uint32_t capacity = q->capacity ? q->capacity * 2 : RING_MIN;
    struct cu_buf **ring = calloc(capacity, sizeof(struct cu_buf *));

    if (!ring)
        return -ENOMEM;
    for (uint32_t i = 0; i < q->count; i++)
        ring[i] = *slot(q, i);
    free(q->ring);
    q->ring = ring;
    q->first = 0;
    q->capacity = capacity;
    return 0;
}

static void put(struct cu_txq *q, struct cu_buf *buf)
{
    if (!buf || buf->size == 0) {
        cu_buf_unref(buf);
        return;
    }
    assert(q->count < q->capacity);
    *slot(q, q->count++) = buf;
    q->bytes += buf->size;
}

int cu_txq_reserve(struct cu_txq *q)
{
    return q->count + 2 > q->capacity ? grow(q) : 0;
}

void cu_txq_push_reserved(struct cu_txq *q, struct cu_buf *a, struct cu_buf *b)
{
    put(q, a);
    put(q, b);
}

int cu_txq_push(struct cu_txq *q, struct cu_buf *a, struct cu_buf *b)
{
    int r = cu_txq_reserve(q);

    if (r == 0)
        cu_txq_push_reserved(q, a, b);
    return r;
}

unsigned cu_txq_peek(const struct cu_txq *q, uv_buf_t *iov, unsigned iov_max, uint64_t bytes_max,
                     uint64_t *total)
{
    size_t skip = q->offset;
    unsigned n = 0;

    *total = 0;
    while (n < q->count && n < iov_max && *total < bytes_max) {
        struct cu_buf *buf = *slot(q, n);

        iov[n].base = (char *)buf->data + skip;
        iov[n].len = buf->size - skip;
        if (iov[n].len > bytes_max - *total)
            iov[n].len = bytes_max - *total;
        *total += iov[n].len;
        skip = 0;
        n++;
    }
    return n;
}

size_t cu_txq_copy(const struct cu_txq *q, void *to, size_t size)
{
    size_t skip = q->offset, done = 0;

    for (uint32_t i = 0; i < q->count && done < size; i++) {
        const struct cu_buf *buf = *slot(q, i);
        size_t part = buf->size - skip < size - done ? buf->size - skip : size - done;

        memcpy((unsigned char *)to + done, buf->data + skip, part);
        done += part;
        skip = 0;
    }
    return done;
}

void cu_txq_advance(struct cu_txq *q, uint64_t size)
{
    assert(size <= q->bytes);
    q->bytes -= size;
    while (size > 0) {
        struct cu_buf *buf = *slot(q, 0);
        size_t left = buf->size - q->offset;

        assert(q->count > 0 && left > 0);

        if (size < left) {
            q->offset += size;
            return;
        }
        size -= left;
        q->offset = 0;
        q->first = (q->first + 1) & (q->capacity - 1);
        q->count--;
        cu_buf_unref(buf);
    }
}

void cu_txq_clear(struct cu_txq *q)
{
    for (uint32_t i = 0; i < q->count; i++)
        cu_buf_unref(*slot(q, i));
    free(q->ring);
    *q = (struct cu_txq){0};
}
