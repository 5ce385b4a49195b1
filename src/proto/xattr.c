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

static bool name_is_valid(const char *name, size_t len)
{
    return len > 0 && len <= NAME_LEN_MAX && !memchr(name, '\0', len);
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
    struct cu_buf *room;
    struct cu_writer w;

    if (!name_is_valid(pair->name, pair->name_len))
        return -EINVAL;
    if (pair->value_len > VALUE_LEN_MAX || used > CU_XATTR_BYTES_MAX ||
        size > CU_XATTR_BYTES_MAX - used)
        return -E2BIG;
    room = make_room(*bytes, size);
    if (!room)
        return -ENOMEM;
    *bytes = room;
    cu_writer_init(&w, room->data + used, size);
    cu_wire_put_u16(&w, pair->name_len);
    cu_wire_put_u32(&w, pair->value_len);
    cu_wire_put_bytes(&w, pair->name, pair->name_len);
    cu_wire_put_bytes(&w, pair->value, pair->value_len);
    room->size = used + size;
    return 0;
}

int cu_xattr_next(const struct cu_buf *bytes, size_t *at, struct cu_xattr *pair)
{
    size_t size = bytes ? bytes->size : 0;
    struct cu_reader r;

    if (*at == size)
        return 0;
    if (*at > size || size > CU_XATTR_BYTES_MAX)
        return -EINVAL;
    cu_reader_init(&r, bytes->data + *at, size - *at);
    pair->name_len = cu_wire_get_u16(&r);
    pair->value_len = cu_wire_get_u32(&r);
    pair->name = cu_wire_get_bytes(&r, pair->name_len);
    pair->value = cu_wire_get_bytes(&r, pair->value_len);
    if (r.failed || pair->value_len > VALUE_LEN_MAX || !name_is_valid(pair->name, pair->name_len))
        return -EINVAL;
    *at += r.at;
    return 1;
}
