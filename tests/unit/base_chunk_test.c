/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for chunks: blocks do not overlap, are used again, and go back to the system. */
#include "base/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 200 /* more than three slabs */

static size_t mapped_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    return pages * 4;
}

static size_t resident_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*u %lu", &pages), 1);
    fclose(f);
    return pages * 4;
}

static void blocks_are_apart(void **state)
{
    unsigned char *blocks[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = cu_chunk_take();
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], i, CU_CHUNK_SLOT_BYTES);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(blocks[i][0], (unsigned char)i);
        assert_int_equal(blocks[i][CU_CHUNK_SLOT_BYTES - 1], (unsigned char)i);
    }
    for (int i = 0; i < COUNT; i++)
        cu_chunk_give(blocks[i]);
}

static void what_is_given_is_used_again(void **state)
{
    void *blocks[COUNT], *again;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        blocks[i] = cu_chunk_take();
    for (int round = 0; round < COUNT; round++) {
        cu_chunk_give(blocks[round]);
        again = cu_chunk_take();
        assert_ptr_equal(again, blocks[round]);
    }
    for (int i = 0; i < COUNT; i++)
        cu_chunk_give(blocks[i]);
}

/* A cache that turns from chunks to small objects gives back a chunk here and there. */
static void scattered_free_blocks_hold_little_memory(void **state)
{
    unsigned char *blocks[COUNT];
    size_t full;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = cu_chunk_take();
        memset(blocks[i], 1, CU_CHUNK_SLOT_BYTES);
    }
    full = resident_kib();
    for (int i = 0; i < COUNT; i += 2)
        cu_chunk_give(blocks[i]);
    assert_true(resident_kib() + (COUNT / 2 - 33) * 248 <= full);
    for (int i = 0; i < COUNT; i += 2) { /* what is left is whole, what comes again can be used */
        assert_int_equal(blocks[i + 1][0], 1);
        assert_int_equal(blocks[i + 1][CU_CHUNK_SLOT_BYTES - 1], 1);
        blocks[i] = cu_chunk_take();
        memset(blocks[i], 2, CU_CHUNK_SLOT_BYTES);
    }
    for (int i = 0; i < COUNT; i++)
        cu_chunk_give(blocks[i]);
}

static void trim_gives_all_back(void **state)
{
    void *blocks[COUNT];
    size_t before, full;

    (void)state;
    cu_chunk_trim();
    before = mapped_kib();
    for (int i = 0; i < COUNT; i++)
        blocks[i] = cu_chunk_take();
    full = mapped_kib();
    assert_true(full >= before + COUNT * 256);
    for (int i = COUNT - 1; i >= 0; i--)
        cu_chunk_give(blocks[i]);
    cu_chunk_trim();
    assert_true(mapped_kib() <= before + 64);
    cu_chunk_trim();
    assert_non_null(blocks[0] = cu_chunk_take());
    cu_chunk_give(blocks[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_apart),
        cmocka_unit_test(what_is_given_is_used_again),
        cmocka_unit_test(scattered_free_blocks_hold_little_memory),
        cmocka_unit_test(trim_gives_all_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
