/* SPDX-License-Identifier: BSD-3-Clause */
/* One block holds count and bytes, so that a payload costs one allocation. The thread that drops
 * the last reference must see everything the others did with the bytes: release on each drop,
 * acquire before the free. */
#include "base/buf.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct cu_buf *cu_buf_new(size_t capacity)
{
    struct cu_buf *buf;

    if (capacity > SIZE_MAX / 2 - sizeof(*buf))
        return NULL;
    buf = cu_mem_take(sizeof(*buf) + capacity);
    if (!buf)
        return NULL;
    buf->digested = 0;
    buf->hashed = 0;
    buf->refs = 1;
    buf->size = capacity;
    buf->capacity = capacity;
    return buf;
}

struct cu_buf *cu_buf_copy(const void *bytes, size_t size)
{
    struct cu_buf *buf = cu_buf_new(size);

    if (buf && size > 0)
        memcpy(buf->data, bytes, size);
    return buf;
}

int cu_buf_room(struct cu_buf **buf, size_t size, size_t start)
{
    size_t used = *buf ? (*buf)->size : 0, capacity = used > 0 ? 2 * used : start;
    struct cu_buf *larger;

    if (*buf && size <= (*buf)->capacity - used)
        return 0;
    if (size > SIZE_MAX - used)
        return -ENOMEM;
    larger = cu_buf_new(capacity > used + size ? capacity : used + size);
    if (!larger)
        return -ENOMEM;
    if (used > 0)
        memcpy(larger->data, (*buf)->data, used);
    larger->size = used;
    cu_buf_unref(*buf);
    *buf = larger;
    return 0;
}

uint64_t cu_buf_hash(const struct cu_buf *buf)
{
    return buf->hashed ? buf->hash : cu_hash_bytes(buf->data, buf->size);
}

struct cu_buf *cu_buf_ref(struct cu_buf *buf)
{
    if (buf)
        __atomic_add_fetch(&buf->refs, 1, __ATOMIC_RELAXED);
    return buf;
}

void cu_buf_unref(struct cu_buf *buf)
{
    uint32_t left;

    if (!buf)
        return;
    left = __atomic_sub_fetch(&buf->refs, 1, __ATOMIC_ACQ_REL);
    assert(left != UINT32_MAX); /* one reference too many was dropped */
    if (left == 0)
        cu_mem_give(buf, sizeof(*buf) + buf->capacity);
}
