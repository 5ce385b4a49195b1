/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashing: XXH3 (xxHash, https://github.com/Cyan4973/xxHash), 64 bits. Not for secrets. */
#ifndef CU_BASE_HASH_H
#define CU_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Checksum of a payload and hash of a key. The same on every machine of a job. */
uint64_t cu_hash_bytes(const void *bytes, size_t size);
uint64_t cu_hash_seeded(const void *bytes, size_t size, uint64_t seed);

/* The same as cu_hash_bytes of all that was added, where bytes come bit by bit. */
struct cu_hash_stream;
struct cu_hash_stream *cu_hash_stream_new(void); /* NULL: out of memory */
void cu_hash_stream_add(struct cu_hash_stream *stream, const void *bytes, size_t size);
uint64_t cu_hash_stream_value(const struct cu_hash_stream *stream);
void cu_hash_stream_free(struct cu_hash_stream *stream); /* NULL does nothing */

#endif
