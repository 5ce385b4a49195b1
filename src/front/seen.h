/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a file's version that were handed to the kernel, with their checksums. When storage
 * shows other stamps for a file of the same size, they tell whether its bytes are still those that
 * readers have. Of a file of which more than CU_SEEN_MAX parts were read the first ones are kept.
 */
#ifndef CU_FRONT_SEEN_H
#define CU_FRONT_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#define CU_SEEN_MAX 256u /* parts: bounds memory (6 KiB a file) and what a comparison reads */

struct cu_seen_part {
    uint64_t chunk;
    uint64_t hash; /* XXH3 of its bytes */
    uint16_t piece;
};

struct cu_seen {
    struct cu_seen_part *parts; /* owned, in the order in which they were noted */
    uint32_t count;
    uint32_t capacity;
    bool lost; /* something was handed out that is not in parts */
};

/* A part is about to be handed out. Without memory for it, over the bound, or when that part was
 * handed out before with other bytes, seen is lost: what it has stays, and nothing more is noted.
 */
void cu_seen_note(struct cu_seen *seen, uint64_t chunk, uint16_t piece, uint64_t hash);
/* Frees what it holds and leaves it empty. */
void cu_seen_clear(struct cu_seen *seen);

#endif
