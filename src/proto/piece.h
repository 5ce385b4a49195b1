/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of a chunk: the unit that random reads of a file ask for. A chunk is halved again and
 * again, and the parts are numbered as in a heap: the halves of part p are 2p and 2p + 1. The whole
 * chunk is 0 (it would be 1, which is no number of a piece). So a piece lies within another one
 * when halving its number leads there, and all its bytes are of one chunk. */
#ifndef CU_PROTO_PIECE_H
#define CU_PROTO_PIECE_H

#include <stdbool.h>
#include <stdint.h>

#define CU_PIECE_WHOLE 0u
#define CU_PIECE_MAX   8191u /* halved 12 times: 4 KiB of the largest chunk */

static inline bool cu_piece_is_valid(uint32_t piece)
{
    return piece != 1 && piece <= CU_PIECE_MAX;
}

/* How often the chunk was halved. */
static inline unsigned cu_piece_level(uint32_t piece)
{
    return piece ? 31u - (unsigned)__builtin_clz(piece) : 0;
}

static inline uint32_t cu_piece_bytes(uint32_t chunk_bytes, uint32_t piece)
{
    return chunk_bytes >> cu_piece_level(piece);
}

/* Where it begins in its chunk. */
static inline uint32_t cu_piece_start(uint32_t chunk_bytes, uint32_t piece)
{
    return piece ? (piece - (1u << cu_piece_level(piece))) * cu_piece_bytes(chunk_bytes, piece) : 0;
}

/* The next larger one around it; not of the whole. */
static inline uint32_t cu_piece_around(uint32_t piece)
{
    return piece > 3 ? piece >> 1 : CU_PIECE_WHOLE;
}

/* The piece of so many bytes (chunk_bytes halved) that has the byte at `at` of a chunk. */
static inline uint32_t cu_piece_at(uint32_t chunk_bytes, uint32_t at, uint32_t bytes)
{
    return bytes < chunk_bytes ? chunk_bytes / bytes + at / bytes : CU_PIECE_WHOLE;
}

#endif
