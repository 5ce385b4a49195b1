/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory in blocks of one size. A free block's memory goes back to the kernel by itself, in the
 * call that frees it: no call ever gives back more than one block and a few spare ones, so none
 * takes long or keeps another thread waiting. Any thread. For base/mem.c; others use that. */
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
    struct cu_list open; /* guarded by lock: maps with a free block */
    bool has_empty;      /* guarded by lock: one map in open has no other ones */
    unsigned warm_count; /* guarded by lock: of all maps */
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
/* block came from this pool. */
void cu_blocks_give(struct cu_blocks *pool, void *block);

#endif
