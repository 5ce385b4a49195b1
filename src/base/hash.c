/* SPDX-License-Identifier: BSD-3-Clause */
/* The choice of the hash function: XXH3 has the same result on every architecture and runs at
 * memory speed, so that every node can verify a chunk that it receives. */
#include "base/hash.h"

#include <xxhash.h>

uint64_t cu_hash_bytes(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t cu_hash_seeded(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}
