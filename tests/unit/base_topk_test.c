/* SPDX-License-Identifier: BSD-3-Clause */
/* The space-saving table: exact while there is room, bounded errors after that. */
#include "base/topk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cu_topk_entry *add(struct cu_topk *t, const char *key, uint64_t weight)
{
    struct cu_topk_entry *entry = cu_topk_add(t, key, strlen(key), weight);

    assert_non_null(entry);
    return entry;
}

static void test_exact_with_room(void **state)
{
    struct cu_topk *t = cu_topk_create(4);
    const struct cu_topk_entry *best[4];

    (void)state;
    assert_non_null(t);
    assert_int_equal(cu_topk_best(t, best, 4), 0);
    add(t, "b", 3);
    add(t, "a", 1);
    add(t, "a", 2)->details[1] = 7;
    add(t, "c", 1);
    add(t, "d", 9);
    assert_int_equal(cu_topk_best(t, best, 3), 3);
    assert_string_equal(best[0]->key, "d");
    assert_int_equal(best[0]->count, 9);
    assert_string_equal(best[1]->key, "a"); /* as heavy as b */
    assert_int_equal(best[1]->count, 3);
    assert_int_equal(best[1]->over, 0);
    assert_int_equal(best[1]->details[1], 7);
    assert_string_equal(best[2]->key, "b");
    assert_int_equal(cu_topk_best(t, best, 4), 4);
    cu_topk_destroy(t);
}

static void test_lightest_is_replaced(void **state)
{
    struct cu_topk *t = cu_topk_create(2);
    const struct cu_topk_entry *best[2];

    (void)state;
    assert_non_null(t);
    add(t, "heavy", 10);
    add(t, "light", 4)->details[0] = 4;
    assert_int_equal(add(t, "new", 1)->details[0], 0);
    assert_int_equal(cu_topk_best(t, best, 2), 2);
    assert_string_equal(best[0]->key, "heavy");
    assert_string_equal(best[1]->key, "new");
    assert_int_equal(best[1]->count, 5);
    assert_int_equal(best[1]->over, 4);
    assert_int_equal(add(t, "light", 1)->count, 6); /* what it had is forgotten; new's place */
    cu_topk_destroy(t);
}

/* The algorithm's two promises, over a skewed stream of far more keys than places. */
static void test_promises(void **state)
{
    enum { PLACES = 64, KEYS = 1000, STEPS = 200000 };
    struct cu_topk *t = cu_topk_create(PLACES);
    const struct cu_topk_entry *best[PLACES];
    uint64_t *truth = calloc(KEYS, sizeof(*truth)), total = 0, sum = 0;
    uint32_t random = 12345, count;
    bool found[KEYS] = {0};
    char key[16];

    (void)state;
    assert_non_null(t);
    assert_non_null(truth);
    for (int i = 0; i < STEPS; i++) {
        uint32_t a = (random = random * 1664525u + 1013904223u) >> 8, weight = 1 + a % 3;
        uint32_t b = (random = random * 1664525u + 1013904223u) >> 8, which = b % (1 + a % KEYS);

        snprintf(key, sizeof(key), "%u", which);
        add(t, key, weight);
        truth[which] += weight;
        total += weight;
    }
    count = cu_topk_best(t, best, PLACES);
    assert_int_equal(count, PLACES);
    for (uint32_t i = 0; i < count; i++) {
        int which = atoi(best[i]->key);

        assert_false(found[which]);
        found[which] = true;
        assert_true(best[i]->count >= truth[which]);
        assert_true(best[i]->count - best[i]->over <= truth[which]);
        assert_true(i == 0 || best[i - 1]->count >= best[i]->count);
        sum += best[i]->count;
    }
    assert_int_equal(sum, total); /* nothing is lost, it only changes its owner */
    for (int i = 0; i < KEYS; i++)
        assert_true(truth[i] <= total / PLACES || found[i]);
    free(truth);
    cu_topk_destroy(t);
}

static void test_long_keys(void **state)
{
    struct cu_topk *t = cu_topk_create(3);
    const struct cu_topk_entry *best[1];
    char key[4000];

    (void)state;
    assert_non_null(t);
    memset(key, 'x', sizeof(key));
    assert_non_null(cu_topk_add(t, key, sizeof(key), 1));
    key[0] = 'y';
    assert_non_null(cu_topk_add(t, key, sizeof(key), 1));
    key[sizeof(key) - 1] = 'z';
    assert_non_null(cu_topk_add(t, key, sizeof(key), 1));
    assert_int_equal(cu_topk_best(t, best, 1), 1);
    assert_int_equal(best[0]->count, 2);
    assert_int_equal(best[0]->key_len, CU_TOPK_KEY_MAX);
    assert_int_equal(strlen(best[0]->key), CU_TOPK_KEY_MAX);
    cu_topk_destroy(t);
}

static void test_a_copy_stays_as_it_was(void **state)
{
    struct cu_topk *t = cu_topk_create(3), *copy;
    const struct cu_topk_entry *best[4];

    (void)state;
    assert_non_null(t);
    copy = cu_topk_copy(t);
    assert_non_null(copy);
    assert_int_equal(cu_topk_best(copy, best, 4), 0);
    cu_topk_destroy(copy);
    cu_topk_add(t, "a", 1, 3)->details[0] = 7;
    cu_topk_add(t, "longer", 6, 2);
    cu_topk_add(t, "", 0, 1);
    cu_topk_add(t, "in its place", 12, 1);
    copy = cu_topk_copy(t);
    assert_non_null(copy);
    cu_topk_add(t, "longer", 6, 9);
    cu_topk_add(t, "b", 1, 9);
    cu_topk_destroy(t);
    assert_int_equal(cu_topk_capacity(copy), 3);
    assert_int_equal(cu_topk_count(copy), 3);
    assert_int_equal(cu_topk_best(copy, best, 4), 3);
    assert_string_equal(best[0]->key, "a");
    assert_int_equal(best[0]->details[0], 7);
    assert_string_equal(best[1]->key, "in its place");
    assert_int_equal(best[1]->over, 1);
    assert_string_equal(best[2]->key, "longer");
    assert_int_equal(best[2]->count, 2);
    cu_topk_destroy(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_with_room),
        cmocka_unit_test(test_lightest_is_replaced),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_a_copy_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
