/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks lie in mappings of 63. The memory of a free block is returned by madvise(2), which works
 * on any block; a mapping goes when all of its blocks are free. The kernel needs about 0.1 us a
 * page for either, and takes it from the thread that frees, outside of the lock.
 *
 * A block that was just given back is often taken again at once, so a few keep their memory.
 *
 * Huge pages: the kernel's khugepaged fills the gaps of an aligned range of 2 MiB that has a page.
 * So free blocks beside a used one can get memory by themselves: at most 7 chunks for one that is
 * used, and at most 16 MiB in 10 s with the kernel's defaults; and the first 2 MiB of the empty
 * map. A range without a used block has no page, and stays empty. Switching huge pages off for a
 * map that becomes empty costs a third of a stream's speed.
 *
 * Invariants: a map is aligned to its size, so that a block's map is known by its address; `open`
 * has exactly the maps with a free block, those with a warm one first; a map that becomes empty
 * goes when another one is empty, which is kept so that the first block of a map does not map and
 * unmap it again and again. */
#include "base/blocks.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALL_FREE   ((UINT64_C(1) << CU_BLOCKS_PER_MAP) - 1)
#define HEAD_BYTES ((size_t)64)
#define SMALL_PAGE ((size_t)4096)
#define LARGE_PAGE ((size_t)65536) /* of some arm64 kernels */

struct map {
    struct cu_list link; /* in `open` */
    uint64_t free;       /* bit i: block i */
    uint64_t warm;       /* of these, those that were in use and still hold memory */
};

_Static_assert(sizeof(struct map) <= HEAD_BYTES, "a map's head is too large");

/* Where the first block is: on a page's boundary when blocks are whole pages. */
static size_t first_of(const struct cu_blocks *pool)
{
    if (pool->bytes % LARGE_PAGE == 0)
        return LARGE_PAGE;
    return pool->bytes % SMALL_PAGE == 0 ? SMALL_PAGE : HEAD_BYTES;
}

static struct map *map_new(const struct cu_blocks *pool)
{
    size_t bytes = pool->map_bytes, before;
    unsigned char *at =
        mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct map *map;

    if (at == MAP_FAILED)
        return NULL;
    assert(first_of(pool) + CU_BLOCKS_PER_MAP * pool->bytes <= bytes);
    before = bytes - (uintptr_t)at % bytes; /* the last place: next to the map before this one */
    munmap(at, before);
    if (before < bytes)
        munmap(at + before + bytes, bytes - before);
    map = (struct map *)(at + before);
    (void)madvise(map, bytes, pool->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* without: slower */
    map->free = ALL_FREE;
    map->warm = 0;
    cu_list_init(&map->link);
    return map;
}

/* Under the lock. */
static unsigned char *take_from(struct cu_blocks *pool, struct map *map)
{
    unsigned i = (unsigned)__builtin_ctzll(map->warm ? map->warm : map->free);
    uint64_t bit = UINT64_C(1) << i;

    if (map->free == ALL_FREE)
        pool->empty_count--;
    map->free &= ~bit;
    if (map->warm & bit) {
        map->warm &= ~bit;
        pool->warm_count--;
        if (map->warm == 0) { /* behind those that have some */
            cu_list_remove(&map->link);
            cu_list_push_back(&pool->open, &map->link);
        }
    }
    if (map->free == 0)
        cu_list_remove(&map->link);
    return (unsigned char *)map + first_of(pool) + i * pool->bytes;
}

void *cu_blocks_take(struct cu_blocks *pool)
{
    struct map *map = NULL;
    void *at = NULL;

    pthread_mutex_lock(&pool->lock);
    if (!pool->open.next)
        cu_list_init(&pool->open);
    if (!cu_list_empty(&pool->open)) {
        map = CU_LIST_ENTRY(pool->open.next, struct map, link);
    } else {
        map = map_new(pool);
        if (map) {
            cu_list_push_front(&pool->open, &map->link);
            pool->empty_count++;
        }
    }
    if (map)
        at = take_from(pool, map);
    pthread_mutex_unlock(&pool->lock);
    return at;
}

/* Gives the whole pages of a block back to the kernel: are there none in it any more? */
static bool cool(const struct cu_blocks *pool, void *block)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)block + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)block + pool->bytes) & ~(page - 1);

    return begin < end && madvise((void *)begin, end - begin, MADV_DONTNEED) == 0;
}

/* Under the lock: a block is free. Returns a map to be unmapped, or NULL. */
static struct map *give_to(struct cu_blocks *pool, struct map *map, uint64_t bit, bool warm,
                           bool later)
{
    bool was_full = map->free == 0;

    map->free |= bit;
    if (warm) {
        map->warm |= bit;
        pool->warm_count++;
    }
    if (!was_full)
        cu_list_remove(&map->link);
    if (map->free == ALL_FREE && pool->empty_count > 0 && !later) {
        pool->warm_count -= (unsigned)__builtin_popcountll(map->warm);
        return map;
    }
    if (map->free == ALL_FREE)
        pool->empty_count++;
    if (map->warm != 0)
        cu_list_push_front(&pool->open, &map->link);
    else
        cu_list_push_back(&pool->open, &map->link);
    return NULL;
}

/* The block's map, and its bit there. */
static struct map *map_of(const struct cu_blocks *pool, void *block, uint64_t *bit)
{
    struct map *map = (struct map *)((uintptr_t)block & ~(uintptr_t)(pool->map_bytes - 1));
    size_t at = (size_t)((unsigned char *)block - (unsigned char *)map) - first_of(pool);

    assert(at / pool->bytes < CU_BLOCKS_PER_MAP && at % pool->bytes == 0);
    *bit = UINT64_C(1) << at / pool->bytes;
    return map;
}

bool cu_blocks_give(struct cu_blocks *pool, void *block, bool later)
{
    uint64_t bit;
    struct map *map = map_of(pool, block, &bit), *empty;
    bool warm, over;

    pthread_mutex_lock(&pool->lock);
    assert((map->free & bit) == 0); /* else: given back twice */
    warm = later || pool->warm_count < pool->warm_max;
    if (!warm) {
        pthread_mutex_unlock(&pool->lock);
        warm = !cool(pool, block);
        pthread_mutex_lock(&pool->lock);
    }
    empty = give_to(pool, map, bit, warm, later);
    over = pool->warm_count > 2 * pool->warm_max;
    pthread_mutex_unlock(&pool->lock);
    if (empty)
        munmap(empty, pool->map_bytes);
    return over;
}

bool cu_blocks_return(struct cu_blocks *pool)
{
    struct map *map, *empty;
    void *block = NULL;
    uint64_t bit;
    bool warm;

    pthread_mutex_lock(&pool->lock);
    if (pool->warm_count > pool->warm_max)
        block = take_from(pool, CU_LIST_ENTRY(pool->open.next, struct map, link));
    pthread_mutex_unlock(&pool->lock);
    if (!block)
        return false;
    map = map_of(pool, block, &bit);
    warm = !cool(pool, block);
    pthread_mutex_lock(&pool->lock);
    empty = give_to(pool, map, bit, warm, false);
    pthread_mutex_unlock(&pool->lock);
    if (empty)
        munmap(empty, pool->map_bytes);
    return !warm;
}
