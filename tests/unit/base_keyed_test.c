/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists by key: merging is exact in any order, cutting keeps its bounds, and what is decoded has
 * one form. */
#include "base/keyed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cu_keyed_kind kind = {
    .width = 3, .maxima = 1u << 1, .key_max = 40, .count_max = 5000};

static uint64_t state_of_random = 1;

static uint32_t random_below(uint32_t limit)
{
    state_of_random = state_of_random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state_of_random >> 33) % limit);
}

static void count(struct cu_keyed *list, const char *key, uint64_t weight)
{
    struct cu_keyed_entry *entry = cu_keyed_at(list, key, strlen(key));

    assert_non_null(entry);
    entry->weight += weight;
    entry->numbers[0] += weight;
    if (weight > entry->numbers[1])
        entry->numbers[1] = weight;
    list->total += weight;
}

static struct cu_keyed copy(const struct cu_keyed *list)
{
    struct cu_buf *buf = NULL;
    struct cu_keyed other;
    size_t at = 0;

    assert_int_equal(cu_keyed_encode(list, &buf), 0);
    assert_int_equal(cu_keyed_decode(&other, list->kind, buf->data, buf->size, &at), 0);
    assert_int_equal(at, buf->size);
    cu_buf_unref(buf);
    return other;
}

static void check_equal(const struct cu_keyed *a, const struct cu_keyed *b)
{
    struct cu_buf *x = NULL, *y = NULL;

    assert_int_equal(cu_keyed_encode(a, &x), 0);
    assert_int_equal(cu_keyed_encode(b, &y), 0);
    assert_int_equal(x->size, y->size);
    assert_memory_equal(x->data, y->data, x->size);
    cu_buf_unref(x);
    cu_buf_unref(y);
}

/* A list of a node: some of 60 keys. */
static struct cu_keyed node_list(void)
{
    struct cu_keyed list = {.kind = &kind};
    char key[16];

    for (uint32_t i = random_below(80); i > 0; i--) {
        snprintf(key, sizeof(key), "/k/%u", random_below(60));
        count(&list, key, 1 + random_below(9));
    }
    return list;
}

static void merge(struct cu_keyed *list, const struct cu_keyed *from)
{
    struct cu_keyed other = copy(from);

    assert_int_equal(cu_keyed_merge(list, &other), 0);
    assert_int_equal(other.count, 0);
}

static void test_order_does_not_matter(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct cu_keyed a = node_list(), b = node_list(), c = node_list();
        struct cu_keyed ab = copy(&a), ba = copy(&b), left, right, bc = copy(&b);

        merge(&ab, &b);
        merge(&ba, &a);
        check_equal(&ab, &ba);
        left = copy(&ab);
        merge(&left, &c);
        merge(&bc, &c);
        right = copy(&a);
        merge(&right, &bc);
        check_equal(&left, &right);
        cu_keyed_free(&a);
        cu_keyed_free(&b);
        cu_keyed_free(&c);
        cu_keyed_free(&ab);
        cu_keyed_free(&ba);
        cu_keyed_free(&bc);
        cu_keyed_free(&left);
        cu_keyed_free(&right);
    }
}

#define KEYS 500u
#define KEPT 20u

/* Lists that are cut on the way, up trees of any form: each key's weight is within the bounds, and
 * what is left out weighs at most total / (kept + 1). */
static void test_cut_keeps_its_bound(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct cu_keyed lists[16] = {0};
        uint64_t truth[KEYS] = {0}, total = 0;
        size_t left = 16;

        for (size_t i = 0; i < 16; i++)
            lists[i].kind = &kind;
        for (unsigned n = 0; n < 4000; n++) {
            /* few keys come often */
            uint32_t id = random_below(1 + random_below(KEYS)), weight = 1 + random_below(3);
            char key[16];

            snprintf(key, sizeof(key), "%u", id);
            count(&lists[random_below(16)], key, weight);
            truth[id] += weight;
            total += weight;
        }
        for (size_t i = 0; i < 16; i++)
            cu_keyed_cut(&lists[i], KEPT, SIZE_MAX);
        while (left > 1) {
            size_t a = random_below((uint32_t)left);
            struct cu_keyed taken = lists[a];

            lists[a] = lists[--left];
            assert_int_equal(cu_keyed_merge(&lists[random_below((uint32_t)left)], &taken), 0);
            for (size_t i = 0; i < left; i++)
                cu_keyed_cut(&lists[i], KEPT, SIZE_MAX);
        }
        assert_int_equal(lists[0].total, total);
        assert_in_range(lists[0].count, 1, KEPT);
        assert_in_range(lists[0].error, 0, total / (KEPT + 1));
        for (uint32_t id = 0; id < KEYS; id++) {
            const struct cu_keyed_entry *entry;
            char key[16];

            snprintf(key, sizeof(key), "%u", id);
            entry = cu_keyed_find(&lists[0], key, strlen(key));
            assert_true(truth[id] <= (entry ? entry->weight : 0) + lists[0].error);
            assert_true(!entry || entry->numbers[0] <= truth[id]);
            assert_true(!entry || entry->weight <= entry->numbers[0]);
        }
        cu_keyed_free(&lists[0]);
    }
}

static void test_cut_by_bytes(void **state)
{
    struct cu_keyed list = {.kind = &kind};
    char key[40];

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key-number-%u", i);
        count(&list, key, 100 - i);
    }
    cu_keyed_cut(&list, 1000, 1000);
    assert_in_range(list.count, 5, 20);
    assert_int_equal(list.error, 100 - list.count);
    assert_non_null(cu_keyed_find(&list, "key-number-0", 12));
    cu_keyed_cut(&list, 0, 1000);
    assert_int_equal(list.count, 0);
    assert_int_equal(list.error, 100);
    cu_keyed_cut(&list, 10, 1000);
    cu_keyed_free(&list);
}

/* The sample of a sum is the sum of the samples, with exact numbers. */
static void test_sample_is_exact(void **state)
{
    struct cu_keyed all = {.kind = &kind}, sum = {.kind = &kind};

    (void)state;
    for (unsigned node = 0; node < 10; node++) {
        struct cu_keyed own = {.kind = &kind};
        char key[16];

        for (unsigned n = 0; n < 300; n++) {
            snprintf(key, sizeof(key), "/p/%u", random_below(400));
            count(&all, key, 1);
            count(&own, key, 1);
        }
        cu_keyed_cut_sample(&own, 50);
        assert_int_equal(cu_keyed_merge(&sum, &own), 0);
        cu_keyed_cut_sample(&sum, 50);
    }
    cu_keyed_cut_sample(&all, 50);
    check_equal(&all, &sum);
    assert_int_equal(all.count, 50);
    cu_keyed_free(&all);
    cu_keyed_free(&sum);
}

static void test_sums_stop_at_the_most(void **state)
{
    struct cu_keyed a = {.kind = &kind}, b = {.kind = &kind};

    (void)state;
    count(&a, "k", INT64_MAX);
    count(&b, "k", INT64_MAX - 1);
    merge(&a, &b);
    assert_int_equal(a.entries[0].weight, INT64_MAX);
    assert_int_equal(a.entries[0].numbers[0], INT64_MAX);
    assert_int_equal(a.entries[0].numbers[1], INT64_MAX);
    assert_int_equal(a.total, INT64_MAX);
    cu_keyed_free(&a);
    cu_keyed_free(&b);
}

static void test_long_keys_are_refused(void **state)
{
    struct cu_keyed list = {.kind = &kind};
    char key[64];

    (void)state;
    memset(key, 'x', sizeof(key));
    assert_null(cu_keyed_at(&list, key, 41));
    assert_non_null(cu_keyed_at(&list, key, 40));
    assert_non_null(cu_keyed_at(&list, key, 0));
    assert_int_equal(list.count, 2);
    assert_int_equal(list.entries[0].key_len, 0);
    cu_keyed_free(&list);
}

static void check_refused(const unsigned char *bytes, size_t size)
{
    struct cu_keyed list;
    size_t at = 0;

    assert_int_equal(cu_keyed_decode(&list, &kind, bytes, size, &at), -EBADMSG);
    assert_int_equal(list.count, 0);
    assert_null(list.entries);
}

static void test_damaged_lists_are_refused(void **state)
{
    struct cu_keyed list = node_list();
    struct cu_buf *buf = NULL;
    static const unsigned char twice[] = {0, 0, 2, 0, 1, 'a', 0, 0, 1, 0, 0, 0},
                               falling[] = {0, 0, 2, 0, 1, 'b', 0, 0, 0, 1, 'a', 0, 0},
                               shares_less[] = {0, 0, 2, 0, 1, 'a', 0, 0, 0, 2, 'a', 'b', 0, 0},
                               a_zero[] = {0, 0, 1, 0, 1, 'a', 0, 1, 0},
                               fourth[] = {0, 0, 1, 0, 1, 'a', 0, 8, 1},
                               two_forms[] = {0x80, 0, 0, 0}, many[] = {0, 0, 0x89, 0x27};

    (void)state;
    count(&list, "/k/x", 3);
    assert_int_equal(cu_keyed_encode(&list, &buf), 0);
    for (size_t size = 0; size < buf->size; size++)
        check_refused(buf->data, size);
    check_refused(twice, sizeof(twice));
    check_refused(falling, sizeof(falling));
    check_refused(shares_less, sizeof(shares_less));
    check_refused(a_zero, sizeof(a_zero));
    check_refused(fourth, sizeof(fourth));
    check_refused(two_forms, sizeof(two_forms));
    check_refused(many, sizeof(many));
    cu_buf_unref(buf);
    cu_keyed_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_cut_keeps_its_bound),
        cmocka_unit_test(test_cut_by_bytes),
        cmocka_unit_test(test_sample_is_exact),
        cmocka_unit_test(test_sums_stop_at_the_most),
        cmocka_unit_test(test_long_keys_are_refused),
        cmocka_unit_test(test_damaged_lists_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
