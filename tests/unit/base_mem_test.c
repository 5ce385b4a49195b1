/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of any size: apart, whole, aligned, used by several threads, and back with the system when
 * it is free. */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resident.h"

/* Sanitizers keep what is freed for a while, and have memory of their own for all memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false
#else
#define MEASURED true
#endif

#define COUNT   20000
#define WARM    16384 /* KiB that may stay with the pools, and what the kernel has not counted yet */
#define THREADS 4

struct item {
    unsigned char *at;
    size_t size;
    unsigned char mark;
};

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Mostly small ones, as a cache has them. */
static size_t some_size(uint32_t *seed)
{
    static const size_t most[] = {64, 256, 1024, 4096, 20000, 70000, 300000};
    size_t of = next(seed) % 64;

    return next(seed) % most[of < 58 ? of % 4 : 4 + of % 3];
}

static struct item item_new(uint32_t *seed)
{
    struct item item = {.size = some_size(seed), .mark = (unsigned char)next(seed)};

    item.at = next(seed) % 2 ? cu_mem_take(item.size) : cu_mem_zero(item.size);
    if (item.at)
        memset(item.at, item.mark, item.size);
    return item;
}

static bool is_whole(const struct item *item)
{
    for (size_t i = 0; i < item->size; i += i < 256 ? 1 : 1021)
        if (item->at[i] != item->mark)
            return false;
    return item->at != NULL && (uintptr_t)item->at % 16 == 0 &&
           (item->size == 0 || item->at[item->size - 1] == item->mark);
}

static void each_size_is_apart_and_whole(void **state)
{
    static unsigned char *at[2][20000];

    (void)state;
    for (size_t size = 0; size < 20000; size++) {
        for (int k = 0; k < 2; k++) {
            at[k][size] = cu_mem_take(size);
            assert_non_null(at[k][size]);
            assert_int_equal((uintptr_t)at[k][size] % 16, 0);
            memset(at[k][size], (int)(size + (size_t)k), size);
        }
    }
    for (size_t size = 0; size < 20000; size++) {
        for (int k = 0; k < 2; k++) {
            struct item item = {at[k][size], size, (unsigned char)(size + (size_t)k)};

            assert_true(is_whole(&item));
            cu_mem_give(at[k][size], size);
        }
    }
}

static void zero_is_zero_also_where_something_was(void **state)
{
    (void)state;
    for (size_t size = 1; size < 300000; size += 1 + size / 7) {
        unsigned char *at = cu_mem_take(size), *again;

        assert_non_null(at);
        memset(at, 0xff, size);
        cu_mem_give(at, size);
        again = cu_mem_zero(size);
        assert_non_null(again);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(again[i], 0);
        cu_mem_give(again, size);
    }
    cu_mem_give(NULL, 5);
}

/* All is taken, then given in another order: what it took is free again, without a trim. */
static void what_is_given_goes_back(void **state)
{
    static struct item items[COUNT];
    size_t before, full, bytes = 0;
    uint32_t seed = 1;

    (void)state;
    before = resident_kib();
    for (int i = 0; i < COUNT; i++) {
        items[i] = item_new(&seed);
        assert_non_null(items[i].at);
        bytes += items[i].size;
    }
    full = resident_kib();
    assert_true(full >= before + bytes / 1024);
    assert_true(!MEASURED || full <= before + bytes / 1024 + bytes / 1024 / 8 + 4096);
    for (int i = 0; i < COUNT; i++) {
        struct item *item = &items[(size_t)i * 7919 % COUNT];

        assert_true(is_whole(item));
        cu_mem_give(item->at, item->size);
    }
    assert_true(!MEASURED || resident_kib() <= before + WARM); /* what stays warm */
}

/* Those that are mapped one by one, such as large listings. */
static void large_ones_are_owed(void)
{
    enum { EACH = 20 << 20, LARGE = 4 };
    size_t before = resident_kib();
    unsigned char *at[LARGE];

    for (int i = 0; i < LARGE; i++) {
        at[i] = cu_mem_take(EACH);
        assert_non_null(at[i]);
        memset(at[i], i + 1, EACH);
    }
    for (int i = 0; i < LARGE; i++) {
        assert_int_equal(at[i][EACH - 1], i + 1);
        cu_mem_give(at[i], EACH);
    }
    assert_true(cu_mem_owes());
    assert_true(!MEASURED || resident_kib() >= before + (LARGE * EACH >> 10) / 2);
    cu_mem_return();
    assert_false(cu_mem_owes());
    assert_true(!MEASURED || resident_kib() <= before + WARM);
}

/* In a full cache old objects go and new ones of other sizes come. */
static void a_full_cache_does_not_grow(void **state)
{
    static struct item items[COUNT];
    size_t bytes = 0, before = resident_kib(), full;
    uint32_t seed = 2;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        items[i] = item_new(&seed);
    for (int round = 0; round < 3 * COUNT; round++) {
        struct item *item = &items[next(&seed) % COUNT];

        assert_true(is_whole(item));
        cu_mem_give(item->at, item->size);
        *item = item_new(&seed);
        assert_non_null(item->at);
    }
    for (int i = 0; i < COUNT; i++)
        bytes += items[i].size;
    full = resident_kib();
    assert_true(!MEASURED || full <= before + bytes / 1024 + bytes / 1024 / 5 + 16384);
    for (int i = 0; i < COUNT; i++)
        cu_mem_give(items[i].at, items[i].size);
}

/* Items travel: one thread takes, another gives. */
static struct item shared[1024];
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static void *trade(void *from)
{
    uint32_t seed = (uint32_t)(uintptr_t)from;
    bool good = true;

    for (int i = 0; i < COUNT; i++) {
        struct item mine = item_new(&seed), *place = &shared[next(&seed) % 1024], old;

        pthread_mutex_lock(&shared_lock);
        old = *place;
        *place = mine;
        pthread_mutex_unlock(&shared_lock);
        good = good && mine.at && (!old.at || is_whole(&old));
        cu_mem_give(old.at, old.size);
    }
    return good ? from : NULL;
}

static void threads_take_and_give(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, trade, (void *)(i + 1)), 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        void *result;

        pthread_join(threads[i], &result);
        assert_ptr_equal(result, (void *)(i + 1));
    }
    for (int i = 0; i < 1024; i++) {
        cu_mem_give(shared[i].at, shared[i].size);
        shared[i] = (struct item){0};
    }
}

/* The last test: from now on nothing is returned at once. */
static void what_is_owed_is_returned(void **state)
{
    static struct item items[COUNT];
    size_t before = resident_kib(), full;
    uint32_t seed = 3;

    (void)state;
    cu_mem_return_later();
    cu_mem_return();
    assert_false(cu_mem_owes());
    large_ones_are_owed();
    for (int i = 0; i < COUNT; i++)
        items[i] = item_new(&seed);
    full = resident_kib();
    for (int i = 0; i < COUNT; i++)
        cu_mem_give(items[i].at, items[i].size);
    assert_true(!MEASURED || cu_mem_owes());
    assert_true(!MEASURED || resident_kib() * 4 >= full * 3); /* but what was malloc's */
    cu_mem_return();
    assert_false(cu_mem_owes());
    assert_true(!MEASURED || resident_kib() <= before + WARM);
    threads_take_and_give(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_size_is_apart_and_whole),
        cmocka_unit_test(zero_is_zero_also_where_something_was),
        cmocka_unit_test(what_is_given_goes_back),
        cmocka_unit_test(a_full_cache_does_not_grow),
        cmocka_unit_test(threads_take_and_give),
        cmocka_unit_test(what_is_owed_is_returned),
    };

    keep_returned_memory_away();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
