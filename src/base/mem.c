/* SPDX-License-Identifier: BSD-3-Clause */
/* Up to SMALL_MAX: slots of some hundred sizes, cut out of pieces of 64 KiB that hold one size
 * each; a piece without a slot in use is a free block of base/blocks.h. Up to a chunk: a block of
 * the next larger of 16 sizes; what is not touched of it takes no memory. Above that: malloc, which
 * maps it by itself (M_MMAP_THRESHOLD, host/process.c); the kernel takes 0.1 us for each page to
 * unmap it, and a listing has thousands.
 *
 * Waste: less than 16 bytes up to 1 KiB, then at most a fifth of a slot. A chunk from malloc costs
 * 64 page faults until it is filled, more than all later work on it, so chunks have huge pages.
 *
 * Invariant: `open` of a size has exactly its pieces with a free slot. */
#include "base/mem.h"

#include "base/blocks.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KIB         ((size_t)1024)
#define ALIGN       16u
#define PIECE_BYTES (64 * KIB)
#define HEAD_BYTES  64u
#define ROOM        (PIECE_BYTES - HEAD_BYTES)
#define SMALL_MAX   ((ROOM / 4) & ~(size_t)(ALIGN - 1))
#define EXACT_MAX   (1 * KIB) /* up to here sizes are 16 bytes apart */
#define EXACT_COUNT (EXACT_MAX / ALIGN)
#define SIZE_COUNT  (EXACT_COUNT + ROOM / EXACT_MAX + 1)

struct free_slot {
    struct free_slot *next;
};

struct piece {
    struct cu_list link; /* in its size's `open` */
    struct free_slot *free;
    uint32_t used;  /* slots in use */
    uint32_t fresh; /* slots from this one on were never used, and are not in free */
    uint32_t count; /* slots */
};

_Static_assert(sizeof(struct piece) <= HEAD_BYTES, "a piece's head is too large");

struct size {
    pthread_mutex_t lock;
    struct cu_list open; /* guarded by lock */
};

static struct size sizes[SIZE_COUNT] = {
    [0 ... SIZE_COUNT - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER},
};
static struct cu_blocks pieces = CU_BLOCKS(PIECE_BYTES, 64 * PIECE_BYTES, 16, false);
static struct cu_blocks chunks = CU_BLOCKS(CU_MEM_CHUNK_BYTES, 16384 * KIB, 8, true);
static struct cu_blocks larger[] = {
    CU_BLOCKS(20 * KIB, 2048 * KIB, 4, false),   CU_BLOCKS(24 * KIB, 2048 * KIB, 4, false),
    CU_BLOCKS(28 * KIB, 2048 * KIB, 4, false),   CU_BLOCKS(32 * KIB, 2048 * KIB, 4, false),
    CU_BLOCKS(40 * KIB, 4096 * KIB, 4, false),   CU_BLOCKS(48 * KIB, 4096 * KIB, 4, false),
    CU_BLOCKS(56 * KIB, 4096 * KIB, 4, false),   CU_BLOCKS(64 * KIB, 4096 * KIB, 4, false),
    CU_BLOCKS(80 * KIB, 8192 * KIB, 4, false),   CU_BLOCKS(96 * KIB, 8192 * KIB, 4, false),
    CU_BLOCKS(112 * KIB, 8192 * KIB, 4, false),  CU_BLOCKS(128 * KIB, 8192 * KIB, 4, false),
    CU_BLOCKS(160 * KIB, 16384 * KIB, 4, false), CU_BLOCKS(192 * KIB, 16384 * KIB, 4, false),
    CU_BLOCKS(224 * KIB, 16384 * KIB, 4, false),
};

/* The slot for size (1 to SMALL_MAX), and its number in sizes. */
static size_t slot_of(size_t size, size_t *number)
{
    size_t count;

    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size <= EXACT_MAX) {
        *number = size / ALIGN - 1;
        return size;
    }
    count = ROOM / size;
    *number = EXACT_COUNT + count;
    return (ROOM / count) & ~(size_t)(ALIGN - 1);
}

/* --- blocks ----------------------------------------------------------------------------------- */

static bool later; /* atomic, as is the next one */
static bool owes;

static void give_block(struct cu_blocks *pool, void *block)
{
    bool is_later = __atomic_load_n(&later, __ATOMIC_RELAXED);

    if (cu_blocks_give(pool, block, is_later) && is_later)
        __atomic_store_n(&owes, true, __ATOMIC_RELAXED);
}

void cu_mem_return_later(void)
{
    __atomic_store_n(&later, true, __ATOMIC_RELAXED);
}

bool cu_mem_owes(void)
{
    return __atomic_load_n(&owes, __ATOMIC_RELAXED);
}

/* --- large ------------------------------------------------------------------------------------ */

#define STEP_BYTES (1024 * KIB)

/* At the beginning of one that waits to be freed. */
struct huge {
    struct huge *next;
    size_t size;
};

static pthread_mutex_t huge_lock = PTHREAD_MUTEX_INITIALIZER;
static struct huge *huge_free; /* guarded by huge_lock */

static void give_huge(void *at, size_t size)
{
    struct huge *huge = at;

    if (!__atomic_load_n(&later, __ATOMIC_RELAXED)) {
        free(at);
        return;
    }
    huge->size = size;
    pthread_mutex_lock(&huge_lock);
    huge->next = huge_free;
    huge_free = huge;
    pthread_mutex_unlock(&huge_lock);
    __atomic_store_n(&owes, true, __ATOMIC_RELAXED);
}

/* In steps: while a mapping goes, no other thread can make one. */
static void free_huge(struct huge *huge)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t at = ((uintptr_t)(huge + 1) + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)huge + huge->size) & ~(page - 1);

    for (; at < end; at += STEP_BYTES)
        (void)madvise((void *)at, end - at < STEP_BYTES ? end - at : STEP_BYTES, MADV_DONTNEED);
    free(huge);
}

static bool return_huge(void)
{
    struct huge *huge;

    pthread_mutex_lock(&huge_lock);
    huge = huge_free;
    if (huge)
        huge_free = huge->next;
    pthread_mutex_unlock(&huge_lock);
    if (huge)
        free_huge(huge);
    return huge != NULL;
}

void cu_mem_return(void)
{
    __atomic_store_n(&owes, false, __ATOMIC_RELAXED);
    while (return_huge())
        ;
    while (cu_blocks_return(&pieces))
        ;
    while (cu_blocks_return(&chunks))
        ;
    for (size_t i = 0; i < sizeof(larger) / sizeof(larger[0]); i++)
        while (cu_blocks_return(&larger[i]))
            ;
}

/* --- small ------------------------------------------------------------------------------------ */

static struct piece *piece_new(size_t slot)
{
    struct piece *piece = cu_blocks_take(&pieces);

    if (!piece)
        return NULL;
    cu_list_init(&piece->link);
    piece->free = NULL;
    piece->used = 0;
    piece->fresh = 0;
    piece->count = (uint32_t)(ROOM / slot);
    return piece;
}

/* Under the lock. */
static void *take_from(struct piece *piece, size_t slot)
{
    void *at = piece->free;

    if (at)
        piece->free = piece->free->next;
    else
        at = (unsigned char *)piece + HEAD_BYTES + piece->fresh++ * slot;
    if (++piece->used == piece->count)
        cu_list_remove(&piece->link);
    return at;
}

static void *take_small(size_t size)
{
    size_t number, slot = slot_of(size, &number);
    struct size *s = &sizes[number];
    struct piece *piece = NULL;
    void *at = NULL;

    pthread_mutex_lock(&s->lock);
    if (!s->open.next)
        cu_list_init(&s->open);
    if (!cu_list_empty(&s->open)) {
        piece = CU_LIST_ENTRY(s->open.next, struct piece, link);
    } else {
        piece = piece_new(slot);
        if (piece)
            cu_list_push_front(&s->open, &piece->link);
    }
    if (piece)
        at = take_from(piece, slot);
    pthread_mutex_unlock(&s->lock);
    return at;
}

/* A piece that is no longer full is filled up last, so that it may become empty before. */
static void give_small(void *at, size_t size)
{
    struct piece *piece = (struct piece *)((uintptr_t)at & ~(uintptr_t)(PIECE_BYTES - 1));
    struct free_slot *slot = at;
    size_t number;
    struct size *s;
    bool empty;

    (void)slot_of(size, &number);
    s = &sizes[number];
    pthread_mutex_lock(&s->lock);
    assert(piece->used > 0 &&
           piece->count == ROOM / slot_of(size, &number)); /* else: not its size */
    if (piece->used == piece->count)
        cu_list_push_back(&s->open, &piece->link);
    slot->next = piece->free;
    piece->free = slot;
    empty = --piece->used == 0;
    if (empty)
        cu_list_remove(&piece->link);
    pthread_mutex_unlock(&s->lock);
    if (empty)
        give_block(&pieces, piece);
}

/* --- all -------------------------------------------------------------------------------------- */

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__ /* which must know the end and the use of each */
#define SMALL_TO 0u
#define BLOCK_TO 0u
#else
#define SMALL_TO SMALL_MAX
#define BLOCK_TO CU_MEM_CHUNK_BYTES
#endif

/* size: over SMALL_MAX, up to a chunk. */
static struct cu_blocks *pool_of(size_t size)
{
    for (size_t i = 0; i < sizeof(larger) / sizeof(larger[0]); i++)
        if (size <= larger[i].bytes)
            return &larger[i];
    return &chunks;
}

void *cu_mem_take(size_t size)
{
    size = size > 0 ? size : 1;
    if (size <= SMALL_TO)
        return take_small(size);
    return size <= BLOCK_TO ? cu_blocks_take(pool_of(size)) : malloc(size);
}

void *cu_mem_zero(size_t size)
{
    void *at = cu_mem_take(size);

    return at ? memset(at, 0, size) : NULL;
}

void cu_mem_give(void *at, size_t size)
{
    size = size > 0 ? size : 1;
    if (!at)
        return;
    if (size <= SMALL_TO)
        give_small(at, size);
    else if (size <= BLOCK_TO)
        give_block(pool_of(size), at);
    else if (size > CU_MEM_CHUNK_BYTES)
        give_huge(at, size);
    else
        free(at);
}
