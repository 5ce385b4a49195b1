/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions on values that do not depend on their holder: versions, copies, release.
 *
 * Invariant: a cleared value is all zero, so that clearing twice is harmless. */
#include "proto/object.h"

#include "proto/dirview.h"
#include "proto/wire.h"

#define UNREAD_BYTES 3u /* NUL, which no target has, u16 errno */

static bool same_time(const struct cu_time *a, const struct cu_time *b)
{
    return a->sec == b->sec && a->nsec == b->nsec;
}

uint64_t cu_object_key(enum cu_kind kind, uint64_t path_hash, uint64_t chunk, uint32_t piece)
{
    uint64_t part =
        (chunk * 8 + (uint64_t)kind) * 0x9e3779b97f4a7c15u + piece * 0xd6e8feb86659fd93u;

    return path_hash ^ part ^ part >> 32;
}

struct cu_version cu_version_of(const struct cu_attr *attr)
{
    return (struct cu_version){.size = attr->size, .mtime = attr->mtime, .ctime = attr->ctime};
}

bool cu_version_equal(const struct cu_version *a, const struct cu_version *b)
{
    return a->size == b->size && same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

bool cu_version_is_none(const struct cu_version *version)
{
    static const struct cu_version none;

    return cu_version_equal(version, &none);
}

struct cu_buf *cu_target_unread(int error)
{
    struct cu_buf *buf = cu_buf_new(UNREAD_BYTES);
    struct cu_writer w;

    if (!buf)
        return NULL;
    cu_writer_init(&w, buf->data, UNREAD_BYTES);
    cu_wire_put_u8(&w, 0);
    cu_wire_put_u16(&w, (uint16_t)error);
    return buf;
}

int cu_target_error(const struct cu_buf *target)
{
    struct cu_reader r;

    if (!target || target->size != UNREAD_BYTES || target->data[0] != '\0')
        return 0;
    cu_reader_init(&r, target->data + 1, UNREAD_BYTES - 1);
    return cu_wire_get_u16(&r);
}

void cu_value_copy(struct cu_value *to, const struct cu_value *from)
{
    *to = *from;
    cu_buf_ref(to->bytes);
    cu_dirview_ref(to->view);
    cu_buf_ref(to->content);
}

void cu_value_clear(struct cu_value *value)
{
    cu_buf_unref(value->bytes);
    cu_dirview_unref(value->view);
    cu_buf_unref(value->content);
    *value = (struct cu_value){0};
}
