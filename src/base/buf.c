/* One block holds count and bytes, so that a payload costs one allocation. The thread that drops
 * the last reference must see everything the others did with the bytes: release on each drop,
 * acquire before the free. */
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

struct cu_buf *cu_buf_new(size_t capacity)
{
    struct cu_buf *buf;

    if (capacity > SIZE_MAX / 2 - sizeof(*buf))
        return NULL;
    buf = malloc(sizeof(*buf) + capacity);
    if (buf == NULL)
        return NULL;
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
    if (buf != NULL && __atomic_sub_fetch(&buf->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(buf);
}
