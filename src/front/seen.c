/* SPDX-License-Identifier: BSD-3-Clause */
/* A short array: most files have one part, and a sequential reader notes the same part again. */
#include "front/seen.h"

#include "base/mem.h"

#include <string.h>

#define CAPACITY_MIN 1u

static struct cu_seen_part *find(const struct cu_seen *seen, uint64_t chunk, uint16_t piece)
{
    for (uint32_t i = seen->count; i-- > 0;) {
        if (seen->parts[i].chunk == chunk && seen->parts[i].piece == piece)
            return &seen->parts[i];
    }
    return NULL;
}

/* Room for one more, or false. */
static bool grow(struct cu_seen *seen)
{
    uint32_t capacity = seen->capacity ? 2 * seen->capacity : CAPACITY_MIN;
    struct cu_seen_part *parts;

    if (seen->count < seen->capacity)
        return true;
    if (seen->count >= CU_SEEN_MAX)
        return false;
    parts = cu_mem_take(capacity * sizeof(*parts));
    if (!parts)
        return false;
    if (seen->count > 0)
        memcpy(parts, seen->parts, seen->count * sizeof(*parts));
    cu_mem_give(seen->parts, seen->capacity * sizeof(*parts));
    seen->parts = parts;
    seen->capacity = capacity;
    return true;
}

void cu_seen_note(struct cu_seen *seen, uint64_t chunk, uint16_t piece, uint64_t hash)
{
    const struct cu_seen_part *part;

    if (seen->lost)
        return;
    part = find(seen, chunk, piece);
    if (part && part->hash == hash)
        return;
    if (part || !grow(seen)) {
        seen->lost = true;
        return;
    }
    seen->parts[seen->count++] =
        (struct cu_seen_part){.chunk = chunk, .hash = hash, .piece = piece};
}

void cu_seen_clear(struct cu_seen *seen)
{
    cu_mem_give(seen->parts, seen->capacity * sizeof(*seen->parts));
    *seen = (struct cu_seen){0};
}
