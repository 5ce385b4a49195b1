/* SPDX-License-Identifier: BSD-3-Clause */
/* The table grows by one bucket at a time, finds everything at every size, and a walk over its
 * buckets misses nothing that stays in it while it grows. */
#include "base/table.h"

#include "base/list.h"
#include "fail_alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct item {
    struct cu_table_link link;
    uint64_t hash;
    unsigned seen;
};

static unsigned hashed; /* elements whose hash was asked for: what a call costs */

static uint64_t hash_of(const struct cu_table_link *link)
{
    hashed++;
    return ((const struct item *)link)->hash;
}

static struct item *find(const struct cu_table *t, uint64_t hash)
{
    struct cu_table_link *link = cu_table_chain(t, hash);

    while (link && ((struct item *)link)->hash != hash)
        link = link->next;
    return (struct item *)link;
}

enum { N = 20000 };

static struct item *items_new(void)
{
    struct item *items = calloc(N, sizeof(*items));

    assert_non_null(items);
    for (unsigned i = 0; i < N; i++)
        items[i].hash = i * UINT64_C(0x9e3779b97f4a7c15);
    return items;
}

static void it_finds_all_and_no_call_moves_many(void **state)
{
    struct item *items = items_new();
    struct cu_table t;

    (void)state;
    assert_int_equal(cu_table_init(&t, hash_of), 0);
    for (unsigned i = 0; i < N; i++) {
        hashed = 0;
        cu_table_add(&t, &items[i].link);
        assert_true(hashed < 64);
        assert_ptr_equal(find(&t, items[i].hash), &items[i]);
        assert_ptr_equal(find(&t, items[i / 2].hash), &items[i / 2]);
    }
    assert_int_equal(t.count, N);
    assert_int_equal(cu_table_bucket_count(&t), N);
    for (unsigned i = 0; i < N; i += 2)
        cu_table_remove(&t, &items[i].link);
    for (unsigned i = 0; i < N; i++)
        assert_ptr_equal(find(&t, items[i].hash), i % 2 ? &items[i] : NULL);
    cu_table_free(&t);
    free(items);
}

static void a_walk_in_steps_misses_nothing_while_it_grows(void **state)
{
    struct item *items = items_new();
    struct cu_table t;
    unsigned added = 0;

    (void)state;
    assert_int_equal(cu_table_init(&t, hash_of), 0);
    for (; added < N / 4; added++)
        cu_table_add(&t, &items[added].link);
    for (size_t i = 0; i < cu_table_bucket_count(&t); i++) {
        for (struct cu_table_link *link = *cu_table_bucket(&t, i); link; link = link->next)
            ((struct item *)link)->seen++;
        for (unsigned n = 0; n < 2 && added < N; n++, added++)
            cu_table_add(&t, &items[added].link);
    }
    for (unsigned i = 0; i < N / 4; i++)
        assert_true(items[i].seen > 0);
    cu_table_free(&t);
    free(items);
}

static void without_memory_chains_grow(void **state)
{
    struct item *items = items_new();
    struct cu_table t;

    (void)state;
    assert_int_equal(cu_table_init(&t, hash_of), 0);
    fail_alloc_every(1);
    for (unsigned i = 0; i < N; i++)
        cu_table_add(&t, &items[i].link);
    fail_alloc_every(0);
    assert_true(fail_alloc_hit());
    assert_int_equal(cu_table_bucket_count(&t), CU_TABLE_SEGMENT);
    for (unsigned i = 0; i < N; i++)
        assert_ptr_equal(find(&t, items[i].hash), &items[i]);
    cu_table_free(&t);
    for (long n = 0; n < 2; n++) {
        fail_alloc_at(n);
        assert_int_equal(cu_table_init(&t, hash_of), -ENOMEM);
        assert_true(fail_alloc_hit());
    }
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_all_and_no_call_moves_many),
        cmocka_unit_test(a_walk_in_steps_misses_nothing_while_it_grows),
        cmocka_unit_test(without_memory_chains_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
