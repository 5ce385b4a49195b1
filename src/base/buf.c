/* SPDX-License-Identifier: BSD-3-Clause */
/* One block holds count and bytes, so that a payload costs one allocation. The thread that drops
 * the last reference must see everything the others did with the bytes: release on each drop,
 * acquire before the free. A block that is about as large as a chunk of a file is one of
 * base/chunk.h.
 */
#include "base/buf.h"

#include "base/chunk.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define POOLED_MIN                                                                                 \
    (CU_CHUNK_SLOT_BYTES - CU_CHUNK_SLOT_BYTES / 16) /* little of a block is wasted */

struct cu_buf *cu_buf_new(size_t capacity)
{
    size_t need = sizeof(struct cu_buf) + capacity;
    bool pooled = need <= CU_CHUNK_SLOT_BYTES && need >= POOLED_MIN;
    struct cu_buf *buf;

    if (capacity > SIZE_MAX / 2 - sizeof(*buf))
        return NULL;
#ifdef __SANITIZE_ADDRESS__ /* which must know each block's end and use */
    pooled = false;
#endif
    buf = pooled ? cu_chunk_take() : malloc(sizeof(*buf) + capacity);
    if (buf == NULL)
        return NULL;
    buf->pooled = pooled;
    buf->digested = false;
    buf->refs = 1;
    buf->size = capacity;
    buf->capacity = capacity;
    return buf;
}

struct cu_buf *cu_buf_copy(const void *bytes, size_t size)
{
    struct cu_buf *buf = cu_buf_new(size);

    if (buf != NULL && size > 0)
        memcpy(buf->data, bytes, size);
    return buf;
}

struct cu_buf *cu_buf_ref(struct cu_buf *buf)
{
    if (buf != NULL)
        __atomic_add_fetch(&buf->refs, 1, __ATOMIC_RELAXED);
    return buf;
}

void cu_buf_unref(struct cu_buf *buf)
{
    uint32_t left;

    if (buf == NULL)
        return;
    left = __atomic_sub_fetch(&buf->refs, 1, __ATOMIC_ACQ_REL);
    assert(left != UINT32_MAX); /* one reference too many was dropped */
    if (left != 0)
        return;
    if (buf->pooled)
        cu_chunk_give(buf);
    else
        free(buf);
}
