/* SPDX-License-Identifier: BSD-3-Clause */
/* The choice of the hash function: XXH3 has the same result on every architecture and runs at
 * memory speed, so that every node can verify a chunk that it receives. */
#include "base/hash.h"

#include <stdlib.h>
#include <xxhash.h>

struct cu_hash_stream {
    XXH3_state_t *state;
};

uint64_t cu_hash_bytes(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t cu_hash_seeded(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

struct cu_hash_stream *cu_hash_stream_new(void)
{
    struct cu_hash_stream *stream = malloc(sizeof(*stream));

    if (!stream)
        return NULL;
    stream->state = XXH3_createState();
    if (!stream->state) {
        free(stream);
        return NULL;
    }
    (void)XXH3_64bits_reset(stream->state);
    return stream;
}

void cu_hash_stream_add(struct cu_hash_stream *stream, const void *bytes, size_t size)
{
    (void)XXH3_64bits_update(stream->state, bytes, size);
}

uint64_t cu_hash_stream_value(const struct cu_hash_stream *stream)
{
    return XXH3_64bits_digest(stream->state);
}

void cu_hash_stream_free(struct cu_hash_stream *stream)
{
    if (!stream)
        return;
    (void)XXH3_freeState(stream->state);
    free(stream);
}
