/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory in blocks of one size. A free block's memory goes back to the kernel: in the call that
 * frees it, or later, in steps on a thread that may wait. No call gives back more than one block
 * and a few spare ones, and none keeps the lock meanwhile. Any thread. For base/mem.c; others use
 * that. */
#ifndef CU_BASE_BLOCKS_H
#define CU_BASE_BLOCKS_H

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define CU_BLOCKS_PER_MAP 63u

struct cu_blocks {
    size_t bytes;      /* of a block: a multiple of 64 */
    size_t map_bytes;  /* the power of two from 64 blocks on */
    unsigned warm_max; /* so many free blocks keep their memory, and are used first */
    bool huge;         /* of huge pages where the kernel has them */
    pthread_mutex_t lock;
    struct cu_list open;  /* guarded by lock: maps with a free block */
    unsigned empty_count; /* guarded by lock: maps of free blocks only */
    unsigned warm_count;  /* guarded by lock: of all maps */
};

/* A pool as a static variable. */
#define CU_BLOCKS(bytes_, map_bytes_, warm_max_, huge_)                                            \
    {                                                                                              \
        .bytes = (bytes_), .map_bytes = (map_bytes_), .warm_max = (warm_max_), .huge = (huge_),    \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* A block, aligned to 64; to 64 KiB where its size is a multiple of that. Contents undefined. NULL:
 * out of memory. */
void *cu_blocks_take(struct cu_blocks *pool);
/* block came from this pool. later: it keeps its memory until cu_blocks_return. True when more
 * than twice warm_max free blocks have memory now. */
bool cu_blocks_give(struct cu_blocks *pool, void *block, bool later);
/* Returns the memory of one free block above warm_max. False: there was none, or it could not. */
bool cu_blocks_return(struct cu_blocks *pool);

#endif
