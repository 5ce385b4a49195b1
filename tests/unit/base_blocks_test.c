/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory in blocks: they do not overlap, are used again, and go back to the system, little at a
 * time. */
#include "base/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "resident.h"

/* Sanitizers have memory of their own for all memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false
#else
#define MEASURED true
#endif
#define COUNT    200 /* more than three maps */
#define WARM_MAX 8
#define ABOUT    4096 /* KiB: resident pages are counted per processor and added up late */

static struct cu_blocks chunks =
    CU_BLOCKS((size_t)256 * 1024 + 64, (size_t)16 << 20, WARM_MAX, true);
static struct cu_blocks pages = CU_BLOCKS((size_t)64 * 1024, (size_t)4 << 20, WARM_MAX, false);

/* What was returned to the system in one call. */
static size_t returned_most, returned_maps;

int __real_madvise(void *at, size_t bytes, int advice);
int __wrap_madvise(void *at, size_t bytes, int advice);
int __real_munmap(void *at, size_t bytes);
int __wrap_munmap(void *at, size_t bytes);

int __wrap_madvise(void *at, size_t bytes, int advice)
{
    if (advice == MADV_DONTNEED && bytes > returned_most)
        returned_most = bytes;
    return __real_madvise(at, bytes, advice);
}

int __wrap_munmap(void *at, size_t bytes)
{
    returned_maps++;
    return __real_munmap(at, bytes);
}

static size_t mapped_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long n = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &n), 1);
    fclose(f);
    return n * 4;
}

static void take_all(struct cu_blocks *pool, unsigned char *blocks[COUNT])
{
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = cu_blocks_take(pool);
        assert_non_null(blocks[i]);
        memset(blocks[i], i, pool->bytes);
    }
}

static void give_all(struct cu_blocks *pool, unsigned char *blocks[COUNT])
{
    for (int i = 0; i < COUNT; i++)
        (void)cu_blocks_give(pool, blocks[i], false);
}

static void blocks_are_apart_of(struct cu_blocks *pool, size_t aligned)
{
    unsigned char *blocks[COUNT];

    take_all(pool, blocks);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal((uintptr_t)blocks[i] % aligned, 0);
        assert_int_equal(blocks[i][0], (unsigned char)i);
        assert_int_equal(blocks[i][pool->bytes - 1], (unsigned char)i);
    }
    give_all(pool, blocks);
}

static void blocks_are_apart(void **state)
{
    (void)state;
    blocks_are_apart_of(&chunks, 64);
    blocks_are_apart_of(&pages, 65536);
}

static void what_is_given_is_used_again(void **state)
{
    unsigned char *blocks[COUNT];

    (void)state;
    take_all(&chunks, blocks);
    for (int round = 0; round < COUNT; round++) {
        (void)cu_blocks_give(&chunks, blocks[round], false);
        assert_ptr_equal(cu_blocks_take(&chunks), blocks[round]);
    }
    give_all(&chunks, blocks);
}

/* A cache that turns from chunks to small objects gives back a chunk here and there. */
static void scattered_free_blocks_hold_little_memory(void **state)
{
    unsigned char *blocks[COUNT];
    size_t full;

    (void)state;
    take_all(&chunks, blocks);
    full = resident_kib();
    for (int i = 0; i < COUNT; i += 2)
        (void)cu_blocks_give(&chunks, blocks[i], false);
    assert_true(resident_kib() + (COUNT / 2 - 4 * WARM_MAX - 1) * 248 <= full);
    for (int i = 0; i < COUNT; i += 2) { /* what is left is whole, what comes again can be used */
        assert_int_equal(blocks[i + 1][0], (unsigned char)(i + 1));
        assert_int_equal(blocks[i + 1][chunks.bytes - 1], (unsigned char)(i + 1));
        blocks[i] = cu_blocks_take(&chunks);
        memset(blocks[i], 2, chunks.bytes);
    }
    give_all(&chunks, blocks);
}

/* Whatever the order: but one map, and a few blocks in it. */
static void all_goes_back(void **state)
{
    unsigned char *blocks[COUNT];
    size_t before, resident;

    (void)state;
    take_all(&pages, blocks);
    give_all(&pages, blocks);
    before = mapped_kib();
    resident = resident_kib();
    for (int step = 1; step < COUNT; step += 2) { /* odd and no multiple of 5: every block once */
        if (step % 5 == 0)
            continue;
        take_all(&pages, blocks);
        assert_true(mapped_kib() >= before + (COUNT - 63) * 64);
        for (int i = 0; i < COUNT; i++)
            (void)cu_blocks_give(&pages, blocks[(i * step) % COUNT], false);
        assert_true(mapped_kib() <= before + 64);
        assert_true(!MEASURED || resident_kib() <= resident + WARM_MAX * 64 + ABOUT);
    }
}

/* The loop frees, too, and other threads wait for its lock: so never much in one call. */
static void little_goes_back_at_a_time(void **state)
{
    unsigned char *blocks[COUNT];

    (void)state;
    take_all(&chunks, blocks);
    returned_most = 0;
    for (int i = COUNT - 1; i >= 0; i--) {
        returned_maps = 0;
        (void)cu_blocks_give(&chunks, blocks[i], false);
        assert_true(returned_maps <= 1);
    }
    assert_in_range(returned_most, 1, chunks.bytes);
}

/* Given to be returned later: nothing goes back before cu_blocks_return, and then all but what
 * stays warm. */
static void what_is_given_for_later_is_returned_later(void **state)
{
    unsigned char *blocks[COUNT];
    size_t full, mapped;
    int steps = 0;

    (void)state;
    take_all(&pages, blocks);
    full = resident_kib();
    mapped = mapped_kib();
    returned_most = returned_maps = 0;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(cu_blocks_give(&pages, blocks[i], true), i >= 2 * WARM_MAX);
    assert_int_equal(returned_most + returned_maps, 0);
    take_all(&pages, blocks); /* what was not returned is used again */
    assert_false(cu_blocks_return(&pages));
    for (int i = 0; i < COUNT; i++)
        (void)cu_blocks_give(&pages, blocks[(i * 7) % COUNT], true);
    for (; cu_blocks_return(&pages); steps++) {
        assert_true(returned_maps <= 1);
        returned_maps = 0;
    }
    assert_in_range(steps, 1, COUNT);
    assert_in_range(returned_most, 1, pages.bytes);
    assert_true(mapped_kib() + 2 * 4096 <= mapped);
    assert_true(!MEASURED || resident_kib() + (COUNT - 2 * WARM_MAX) * 64 <= full + ABOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_apart),
        cmocka_unit_test(what_is_given_is_used_again),
        cmocka_unit_test(scattered_free_blocks_hold_little_memory),
        cmocka_unit_test(all_goes_back),
        cmocka_unit_test(little_goes_back_at_a_time),
        cmocka_unit_test(what_is_given_for_later_is_returned_later),
    };

    keep_returned_memory_away();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
