/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of chunks: a want for a piece is answered from any object that is held or under way and
 * contains its bytes, so no byte is requested twice as part of something smaller. The reverse does
 * not hold: a chunk that is wanted when some of its pieces are here is requested as a whole.
 *
 * Invariant: a checksum of a part is made only from bytes whose own checksum was looked at. */
#include "core/pieces.h"

#include "base/hash.h"
#include "core/cache.h"
#include "core/state.h"
#include "core/waiters.h"
#include "proto/piece.h"

#include <assert.h>
#include <errno.h>

struct object *cu_pieces_around(struct cu_core *core, const struct cu_request *request)
{
    struct cu_request larger = *request;
    struct object *object;

    if (request->kind != CU_KIND_DATA)
        return NULL;
    while (larger.piece != CU_PIECE_WHOLE) {
        larger.piece = (uint16_t)cu_piece_around(larger.piece);
        object = cu_cache_find(core, &larger);
        if (object && object->state != CU_FLIGHT_ABSENT)
            return object;
    }
    return NULL;
}

bool cu_pieces_part(const struct object *object, const struct waiter *waiter)
{
    return object->kind == CU_KIND_DATA && !object->error &&
           cu_object_data(object)->piece != waiter->piece;
}

int cu_pieces_take(const struct cu_core *core, const struct object *object, struct waiter *waiter)
{
    const struct data_object *data = cu_object_data(object);
    uint32_t chunk_bytes = core->config.chunk_bytes;
    size_t at =
        cu_piece_start(chunk_bytes, waiter->piece) - cu_piece_start(chunk_bytes, data->piece);
    size_t size = cu_piece_bytes(chunk_bytes, waiter->piece), held;
    struct cu_value *value = &waiter->value;

    held = object->bytes ? object->bytes->size : 0;
    if (at >= held)
        return -EINVAL;
    if (size > held - at)
        size = held - at; /* the file's end */
    assert(object->verified);
    value->bytes = cu_buf_copy(object->bytes->data + at, size);
    if (!value->bytes)
        return -ENOMEM;
    value->hash = cu_hash_bytes(value->bytes->data, size);
    value->version = data->version;
    return 0;
}
