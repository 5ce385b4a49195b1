/* SPDX-License-Identifier: BSD-3-Clause */
/* The contents of objects. Each kind has a layout of its own after the common part, because a job
 * has thousands of objects on a node: 184 bytes for attributes, 120 for a chunk. */
#include "core/object.h"

#include "core/flight.h"
#include "core/state.h"
#include "proto/piece.h"
#include "proto/xattr.h"

uint32_t cu_object_fill_bytes(uint32_t chunk_bytes, const struct object *object)
{
    return object->kind == CU_KIND_DATA ? cu_piece_bytes(chunk_bytes, cu_object_data(object)->piece)
                                        : 0;
}

size_t cu_object_size(enum cu_kind kind)
{
    switch (kind) {
    case CU_KIND_ATTR:
        return sizeof(struct attr_object);
    case CU_KIND_DIR:
        return sizeof(struct dir_object);
    case CU_KIND_DATA:
    case CU_KIND_HOLES:
        return sizeof(struct data_object);
    case CU_KIND_STATFS:
        return sizeof(struct statfs_object);
    case CU_KIND_XATTR:
        break;
    }
    return sizeof(struct object);
}

static struct cu_statfs *statfs_of(const struct object *object)
{
    return &CU_LIST_ENTRY(object, struct statfs_object, object)->statfs;
}

uint64_t cu_object_content_bytes(const struct cu_core *core, const struct object *object)
{
    const struct data_object *data = cu_object_data(object);
    uint64_t start, chunk_bytes = core->config.chunk_bytes;

    if (object->kind != CU_KIND_DATA || data->piece != CU_PIECE_WHOLE)
        return object->bytes ? object->bytes->size : 0;
    start = data->chunk * chunk_bytes;
    if (start >= data->version.size)
        return 0;
    return data->version.size - start < chunk_bytes ? data->version.size - start : chunk_bytes;
}

struct cu_request cu_object_request(const struct object *object)
{
    struct cu_request request = {
        .kind = (enum cu_kind)object->kind,
        .path = object->name->path,
        .path_len = object->name->len,
    };

    if (cu_kind_of_version((enum cu_kind)object->kind)) {
        if (cu_object_in_flight(object) && object->flight->home)
            request.flags = CU_WANT_HOME;
        request.chunk = cu_object_data(object)->chunk;
        request.piece = cu_object_data(object)->piece;
        request.version = cu_object_data(object)->version;
    } else if (object->kind == CU_KIND_DIR && object->error == 0) {
        request.version = cu_object_dir(object)->version;
    } else if (object->kind == CU_KIND_ATTR && cu_object_in_flight(object)) {
        request.version = object->flight->stale;
        if (object->flight->content)
            request.flags = CU_WANT_CONTENT;
    }
    return request;
}

uint64_t cu_object_key_of(const struct object *object, uint32_t piece)
{
    uint64_t chunk = object->kind == CU_KIND_DATA ? cu_object_data(object)->chunk : 0;

    return cu_object_key((enum cu_kind)object->kind, object->name->hash, chunk, piece);
}

void cu_object_peek(const struct object *object, struct cu_value *value)
{
    *value = (struct cu_value){.error = object->error};
    if (object->error)
        return;
    value->bytes = object->bytes;
    value->hash = object->bytes_hash;
    switch ((enum cu_kind)object->kind) {
    case CU_KIND_ATTR:
        value->attr = *cu_object_attr(object);
        break;
    case CU_KIND_DIR:
        value->version = cu_object_dir(object)->version;
        value->view = cu_object_dir(object)->view;
        value->partial = cu_object_dir(object)->partial;
        value->cut = cu_object_dir(object)->cut;
        break;
    case CU_KIND_DATA:
    case CU_KIND_HOLES:
        value->version = cu_object_data(object)->version;
        break;
    case CU_KIND_STATFS:
        value->statfs = *statfs_of(object);
        break;
    case CU_KIND_XATTR:
        break;
    }
}

static bool has_errors(const struct cu_buf *xattrs)
{
    struct cu_xattr pair = {0};
    size_t at = 0;
    int rc;

    while ((rc = cu_xattr_next(xattrs, &at, &pair)) == 1 && pair.error == 0)
        continue;
    return rc != 0;
}

void cu_object_set(struct object *object, const struct cu_value *value)
{
    bool verified = object->verified;

    cu_object_forget(object);
    object->verified = verified;
    object->error = (uint16_t)value->error;
    object->bytes = cu_buf_ref(value->bytes);
    object->bytes_hash = value->hash;
    object->brief = (object->kind == CU_KIND_XATTR && has_errors(value->bytes)) ||
                    (object->kind == CU_KIND_ATTR && cu_target_error(value->bytes));
    if (object->kind == CU_KIND_ATTR)
        *cu_object_attr(object) = value->attr;
    else if (object->kind == CU_KIND_DIR) {
        cu_object_dir(object)->version = value->version;
        cu_object_dir(object)->view = cu_dirview_ref(value->view);
        cu_object_dir(object)->partial = value->partial;
        cu_object_dir(object)->cut = value->cut;
    } else if (object->kind == CU_KIND_STATFS)
        *statfs_of(object) = value->statfs;
}

void cu_object_forget(struct object *object)
{
    cu_buf_unref(object->bytes);
    object->bytes = NULL;
    object->bytes_hash = 0;
    object->error = 0;
    object->verified = false;
    if (object->kind == CU_KIND_DIR) {
        struct dir_object *dir = cu_object_dir(object);

        cu_dirview_unref(dir->view);
        dir->view = NULL;
        dir->partial = false;
        dir->cut = false;
        dir->version = (struct cu_version){0};
    }
}
