/* SPDX-License-Identifier: BSD-3-Clause */
/* Extended attributes travel together, because a path has none or few, and listxattr(2) is followed
 * by getxattr(2) of the same path: one object answers both.
 *
 * Invariant: both directions refuse what the kernel itself would refuse. */
#include "proto/xattr.h"

#include "proto/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PAIR_HEAD     6
#define NAME_LEN_MAX  255   /* XATTR_NAME_MAX of linux/limits.h */
#define VALUE_LEN_MAX 65536 /* XATTR_SIZE_MAX */
#define IS_ERROR      UINT32_C(0x80000000)
#define ERRNO_MAX     4095 /* of the kernel */

static bool pair_is_valid(const struct cu_xattr *pair)
{
    if (pair->error > ERRNO_MAX || (pair->error && pair->value_len > 0))
        return false;
    if (pair->name_len == 0)
        return pair->error != 0;
    return pair->name_len <= NAME_LEN_MAX && !memchr(pair->name, '\0', pair->name_len);
}

/* bytes, or a larger one in its place, with room for size more; NULL when out of memory. */
static struct cu_buf *make_room(struct cu_buf *bytes, size_t size)
{
    size_t used = bytes ? bytes->size : 0;
    size_t capacity = 128;
    struct cu_buf *larger;

    if (bytes && size <= bytes->capacity - used)
        return bytes;
    while (capacity < used + size)
        capacity *= 2;
    larger = cu_buf_new(capacity);
    if (!larger)
        return NULL;
    larger->size = used;
    if (bytes)
        memcpy(larger->data, bytes->data, used);
    cu_buf_unref(bytes);
    return larger;
}

int cu_xattr_append(struct cu_buf **bytes, const struct cu_xattr *pair)
{
    size_t used = *bytes ? (*bytes)->size : 0;
    size_t size = PAIR_HEAD + (size_t)pair->name_len + pair->value_len;
    size_t bound = pair->error ? CU_XATTR_BYTES_MAX : CU_XATTR_VALUES_MAX;
    struct cu_buf *room;
    struct cu_writer w;

    if (!pair_is_valid(pair))
        return -EINVAL;
    if (pair->value_len > VALUE_LEN_MAX || used > bound || size > bound - used)
        return -E2BIG;
    room = make_room(*bytes, size);
    if (!room)
        return -ENOMEM;
    *bytes = room;
    cu_writer_init(&w, room->data + used, size);
    cu_wire_put_u16(&w, pair->name_len);
    cu_wire_put_u32(&w, pair->error ? IS_ERROR | pair->error : pair->value_len);
    cu_wire_put_bytes(&w, pair->name, pair->name_len);
    cu_wire_put_bytes(&w, pair->value, pair->value_len);
    room->size = used + size;
    return 0;
}

int cu_xattr_next(const struct cu_buf *bytes, size_t *at, struct cu_xattr *pair)
{
    size_t size = bytes ? bytes->size : 0;
    struct cu_reader r;
    uint32_t len;

    if (*at == size)
        return 0;
    if (*at > size || size > CU_XATTR_BYTES_MAX)
        return -EINVAL;
    cu_reader_init(&r, bytes->data + *at, size - *at);
    pair->name_len = cu_wire_get_u16(&r);
    len = cu_wire_get_u32(&r);
    pair->error = 0;
    pair->value_len = len;
    if (len & IS_ERROR) {
        pair->value_len = 0;
        pair->error = (len & ~IS_ERROR) <= ERRNO_MAX ? (uint16_t)len : UINT16_MAX;
    }
    pair->name = cu_wire_get_bytes(&r, pair->name_len);
    pair->value = cu_wire_get_bytes(&r, pair->value_len);
    if (r.failed || pair->value_len > VALUE_LEN_MAX || (len == IS_ERROR) || !pair_is_valid(pair))
        return -EINVAL;
    *at += r.at;
    if (!pair->error && *at > CU_XATTR_VALUES_MAX)
        return -EINVAL;
    return 1;
}
