/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for chunks. A chunk from malloc costs 64 page faults until it is filled, more than all
 * later work on it. So chunks are allocated in slabs of huge pages, and slots of evicted chunks are
 * reused first.
 *
 * Invariants: a slab is aligned to its size, so that a slot's slab is known by its address; `open`
 * has exactly the slabs with a free slot; at most one slab is empty, kept so that the first chunk
 * of a slab does not map and unmap it again and again; at most WARM_MAX free slots hold memory: a
 * cache that turns from chunks to small objects frees a slot here and there, and no slab ever. */
#include "base/chunk.h"

#include "base/list.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#define SLAB_BYTES ((size_t)16 << 20)
#define SLOT_BYTES (CU_CHUNK_SLOT_BYTES)
#define SLOTS      63u
#define HEAD_BYTES 64u
#define WARM_MAX   8u
#define PAGE_BYTES ((uintptr_t)4096) /* at least; where pages are larger nothing is given back */
#define ALL_FREE   ((UINT64_C(1) << SLOTS) - 1)

struct slab {
    struct cu_list link; /* in `open` */
    uint64_t free;       /* bit i: slot i */
    uint64_t warm;       /* of these, those that were in use and still hold memory */
};

_Static_assert(sizeof(struct slab) <= HEAD_BYTES, "a slab's head is too large");
_Static_assert(HEAD_BYTES + SLOTS * SLOT_BYTES <= SLAB_BYTES, "a slab is too small");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct cu_list open = {&open, &open}; /* guarded by lock */
static bool has_empty;                       /* guarded by lock: one in `open` is empty */
static unsigned warm_count;                  /* guarded by lock: warm slots of all slabs */

static struct slab *slab_new(void)
{
    unsigned char *map =
        mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;
    struct slab *slab;

    if (map == MAP_FAILED)
        return NULL;
    before = (SLAB_BYTES - (uintptr_t)map % SLAB_BYTES) % SLAB_BYTES;
    if (before > 0)
        munmap(map, before);
    munmap(map + before + SLAB_BYTES, SLAB_BYTES - before);
    slab = (struct slab *)(map + before);
    (void)madvise(slab, SLAB_BYTES, MADV_HUGEPAGE); /* without: slower */
    slab->free = ALL_FREE;
    slab->warm = 0;
    cu_list_init(&slab->link);
    return slab;
}

static void slab_free(struct slab *slab)
{
    warm_count -= (unsigned)__builtin_popcountll(slab->warm);
    cu_list_remove(&slab->link);
    munmap(slab, SLAB_BYTES);
}

static unsigned take_slot(struct slab *slab)
{
    unsigned slot = (unsigned)__builtin_ctzll(slab->warm ? slab->warm : slab->free);
    uint64_t bit = UINT64_C(1) << slot;

    if (slab->warm & bit)
        warm_count--;
    slab->warm &= ~bit;
    slab->free &= ~bit;
    return slot;
}

static void give_slot(struct slab *slab, size_t slot, void *at)
{
    uint64_t bit = UINT64_C(1) << slot;
    uintptr_t begin = ((uintptr_t)at + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    uintptr_t end = ((uintptr_t)at + SLOT_BYTES) & ~(PAGE_BYTES - 1);

    assert(slot < SLOTS && (slab->free & bit) == 0); /* else: given back twice */
    slab->free |= bit;
    if (warm_count < WARM_MAX || madvise((void *)begin, end - begin, MADV_DONTNEED) != 0) {
        slab->warm |= bit;
        warm_count++;
    }
}

void *cu_chunk_take(void)
{
    struct slab *slab = NULL;
    void *at = NULL;

    pthread_mutex_lock(&lock);
    if (!cu_list_empty(&open)) {
        slab = CU_LIST_ENTRY(open.next, struct slab, link);
    } else {
        slab = slab_new();
        if (slab)
            cu_list_push_front(&open, &slab->link);
    }
    if (slab) {
        if (slab->free == ALL_FREE)
            has_empty = false;
        at = (unsigned char *)slab + HEAD_BYTES + take_slot(slab) * SLOT_BYTES;
        if (slab->free == 0)
            cu_list_remove(&slab->link);
    }
    pthread_mutex_unlock(&lock);
    return at;
}

void cu_chunk_give(void *chunk)
{
    struct slab *slab = (struct slab *)((uintptr_t)chunk & ~(uintptr_t)(SLAB_BYTES - 1));
    size_t slot =
        ((size_t)((unsigned char *)chunk - (unsigned char *)slab) - HEAD_BYTES) / SLOT_BYTES;

    pthread_mutex_lock(&lock);
    if (slab->free == 0)
        cu_list_push_front(&open, &slab->link);
    give_slot(slab, slot, chunk);
    if (slab->free == ALL_FREE && has_empty) {
        slab_free(slab);
    } else if (slab->free == ALL_FREE) {
        has_empty = true;
        cu_list_remove(&slab->link); /* used last */
        cu_list_push_back(&open, &slab->link);
    }
    pthread_mutex_unlock(&lock);
}

void cu_chunk_trim(void)
{
    pthread_mutex_lock(&lock);
    if (has_empty) {
        slab_free(CU_LIST_ENTRY(open.prev, struct slab, link));
        has_empty = false;
    }
    pthread_mutex_unlock(&lock);
}
