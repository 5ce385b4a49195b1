/* SPDX-License-Identifier: BSD-3-Clause */
/* Surveys: merged they are of all nodes, their size is bounded, and what is decoded is sound. */
#include "proto/survey.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct cu_survey_limits limits = {.nodes = 64, .trees = 2, .top = 10};

static struct cu_keyed_entry *at(struct cu_survey *s, enum cu_survey_list list, uint32_t number)
{
    unsigned char key[CU_SURVEY_KEY_BYTES];
    struct cu_keyed_entry *entry;

    cu_survey_key(number, key);
    entry = cu_keyed_at(&s->lists[list], key, sizeof(key));
    assert_non_null(entry);
    return entry;
}

static struct cu_survey *of_node(uint32_t rank, uint32_t paths)
{
    struct cu_survey *s = cu_survey_new(&limits);
    char path[CU_TOPK_KEY_MAX + 1];

    assert_non_null(s);
    at(s, CU_SURVEY_NODES, rank)->numbers[CU_SURVEY_NODE_requests] = paths;
    at(s, CU_SURVEY_PARENTS, rank)->numbers[1] = 1;
    at(s, CU_SURVEY_TIMELINE, rank % 3)->numbers[CU_SURVEY_TIME_requests] = paths;
    for (uint32_t i = 0; i < paths; i++) {
        struct cu_keyed *list = &s->lists[CU_SURVEY_BY_BYTES];
        struct cu_keyed_entry *entry;

        memset(path, 'p', sizeof(path));
        snprintf(path, sizeof(path), "/%u/%u", rank % 2, i);
        path[strlen(path)] = 'x';
        entry = cu_keyed_at(list, path, CU_TOPK_KEY_MAX);
        assert_non_null(entry);
        entry->weight = i + 1;
        entry->numbers[CU_SURVEY_PATH_got] = i + 1;
        entry->numbers[CU_SURVEY_PATH_nodes] = 1;
        list->total += i + 1;
    }
    cu_survey_cut(s);
    return s;
}

static struct cu_survey *again(struct cu_survey *s)
{
    struct cu_buf *bytes = cu_survey_encode(s);
    struct cu_survey *other = NULL;

    assert_non_null(bytes);
    assert_int_equal(cu_survey_decode(bytes->data, bytes->size, &limits, &other), 0);
    cu_buf_unref(bytes);
    cu_survey_free(s);
    return other;
}

static void test_merged(void **state)
{
    struct cu_survey *sum = of_node(0, 5);

    (void)state;
    for (uint32_t rank = 1; rank < 6; rank++) {
        struct cu_survey *s = again(of_node(rank, 5));

        assert_int_equal(cu_survey_merge(sum, s), 0);
        cu_survey_free(s);
        sum = again(sum);
    }
    assert_int_equal(sum->lists[CU_SURVEY_NODES].count, 6);
    assert_int_equal(sum->lists[CU_SURVEY_PARENTS].count, 6);
    assert_int_equal(sum->lists[CU_SURVEY_TIMELINE].count, 3);
    assert_int_equal(at(sum, CU_SURVEY_TIMELINE, 1)->numbers[CU_SURVEY_TIME_requests], 10);
    assert_int_equal(sum->lists[CU_SURVEY_BY_BYTES].count, 10);
    assert_int_equal(sum->lists[CU_SURVEY_BY_BYTES].entries[4].numbers[CU_SURVEY_PATH_got], 15);
    assert_int_equal(sum->lists[CU_SURVEY_BY_BYTES].entries[4].numbers[CU_SURVEY_PATH_nodes], 3);
    assert_int_equal(sum->lists[CU_SURVEY_BY_BYTES].error, 0);
    cu_survey_free(sum);
}

static void test_a_node_counts_once(void **state)
{
    struct cu_survey *a = of_node(3, 2), *b = of_node(3, 2);

    (void)state;
    assert_int_equal(cu_survey_merge(a, b), -EINVAL);
    assert_int_equal(a->lists[CU_SURVEY_BY_BYTES].total, 3);
    assert_int_equal(b->lists[CU_SURVEY_BY_BYTES].total, 3);
    cu_survey_free(a);
    cu_survey_free(b);
}

/* Paths as long and as many as can be: what goes up the tree stays below its bound. */
static void test_size_is_bounded(void **state)
{
    struct cu_survey *sum = of_node(0, 5000);
    struct cu_buf *bytes;

    (void)state;
    for (uint32_t rank = 1; rank < 4; rank++) {
        struct cu_survey *s = of_node(rank, 5000);

        assert_int_equal(cu_survey_merge(sum, s), 0);
        cu_survey_free(s);
    }
    assert_in_range(sum->lists[CU_SURVEY_BY_BYTES].count, 100, CU_SURVEY_PATHS_MIN);
    assert_int_equal(sum->lists[CU_SURVEY_BY_BYTES].total, 4 * (UINT64_C(5000) * 5001 / 2));
    bytes = cu_survey_encode(sum);
    assert_non_null(bytes);
    assert_in_range(bytes->size, 1000, CU_SURVEY_LIST_BYTES + 4096);
    cu_buf_unref(bytes);
    cu_survey_free(sum);
}

static void test_bins(void **state)
{
    uint64_t begin_ms, width_ms, end_ms = 0;

    (void)state;
    for (uint32_t bin = 0; bin < 3000; bin++) {
        cu_survey_bin_bounds(bin, &begin_ms, &width_ms);
        assert_int_equal(begin_ms, end_ms);
        end_ms = begin_ms + width_ms;
        assert_int_equal(cu_survey_bin(begin_ms), bin);
        assert_int_equal(cu_survey_bin(end_ms - 1), bin);
    }
    cu_survey_bin_bounds(600, &begin_ms, &width_ms);
    assert_int_equal(begin_ms, 60000);
    assert_int_equal(width_ms, 200);
    cu_survey_bin_bounds(900, &begin_ms, &width_ms);
    assert_int_equal(begin_ms, 120000);
    assert_int_equal(width_ms, 400);
    cu_survey_bin_bounds(cu_survey_bin(UINT64_MAX), &begin_ms, &width_ms);
    assert_true(width_ms > 0);
}

static void test_classes(void **state)
{
    static const struct {
        const char *path;
        bool missing;
        enum cu_survey_class class;
    } cases[] = {
        {"/e/lib/python3.11/os.py", false, CU_SURVEY_STANDARD_LIBRARY},
        {"/e/lib/python3.11/site-packages/a/b.py", false, CU_SURVEY_SITE_PACKAGES},
        {"/usr/lib/python3/dist-packages/a.py", false, CU_SURVEY_SITE_PACKAGES},
        {"/e/lib/python3.11/site-packages/a/b.cpython-311.so", false, CU_SURVEY_NATIVE_LIBRARIES},
        {"/lib/libm.so.6", false, CU_SURVEY_NATIVE_LIBRARIES},
        {"/lib/libm.so.6", true, CU_SURVEY_MISSING_LIBRARIES},
        {"/e/a.so", true, CU_SURVEY_MISSING_LIBRARIES},
        {"/e/a.sound", true, CU_SURVEY_MISSING_OTHERS},
        {"/e.so.1/x", false, CU_SURVEY_OTHERS},
        {"/e/lib/python3.11/a", true, CU_SURVEY_MISSING_MODULES},
        {"/src/app/a.py", true, CU_SURVEY_MISSING_MODULES},
        {"/bin/python3.11", false, CU_SURVEY_OTHERS},
        {"/e/python/x", false, CU_SURVEY_OTHERS},
        {"/data", true, CU_SURVEY_MISSING_OTHERS},
        {"/", false, CU_SURVEY_OTHERS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(cu_survey_class_name(cu_survey_class_of(
                                cases[i].path, strlen(cases[i].path), cases[i].missing)),
                            cu_survey_class_name(cases[i].class));
}

static void test_damaged(void **state)
{
    struct cu_survey *s = of_node(63, 3), *other;
    struct cu_buf *bytes;

    (void)state;
    bytes = cu_survey_encode(s);
    assert_non_null(bytes);
    for (size_t size = 0; size < bytes->size; size++)
        assert_int_equal(cu_survey_decode(bytes->data, size, &limits, &other), -EBADMSG);
    /* ranks that the job does not have */
    assert_int_equal(cu_survey_decode(bytes->data, bytes->size,
                                      &(struct cu_survey_limits){.nodes = 63, .trees = 2}, &other),
                     -EBADMSG);
    bytes->data[0]++;
    assert_int_equal(cu_survey_decode(bytes->data, bytes->size, &limits, &other), -ENOTSUP);
    cu_buf_unref(bytes);
    cu_survey_free(s);
}

static void test_intervals(void **state)
{
    uint64_t begin, width, end = 0;
    unsigned char key[CU_SURVEY_INTERVAL_KEY_BYTES];

    (void)state;
    for (uint32_t i = 0; i < 120 + 5 * 60; i++) { /* without gaps, each twice as long after 60 */
        cu_survey_interval_bounds(i, &begin, &width);
        assert_int_equal(begin, end);
        assert_int_equal(width, i < 120 ? 1 : 2 << ((i - 120) / 60));
        end = begin + width;
        assert_int_equal(cu_survey_interval(begin * 10000, 10), i);
        assert_int_equal(cu_survey_interval(end * 10000 - 1, 10), i);
    }
    assert_in_range(cu_survey_interval(UINT64_MAX, 1), 1000, 2000);
    cu_survey_interval_key(0x01020304, 5, key);
    assert_memory_equal(key, "\1\2\3\4\5", 5);
    assert_int_equal(cu_survey_number(key), 0x01020304);
}

/* A key of an interval that cannot be. */
static void test_intervals_that_are_none(void **state)
{
    static const unsigned char keys[][5] = {{0xff, 0, 0, 0, 1}, {0, 0, 0, 9}};
    static const size_t lens[] = {5, 4};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct cu_survey *s = cu_survey_new(&limits), *other;
        struct cu_buf *bytes;

        assert_non_null(s);
        assert_non_null(cu_keyed_at(&s->lists[CU_SURVEY_INTERVALS], keys[i], lens[i]));
        bytes = cu_survey_encode(s);
        assert_non_null(bytes);
        assert_int_equal(cu_survey_decode(bytes->data, bytes->size, &limits, &other), -EBADMSG);
        cu_buf_unref(bytes);
        cu_survey_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merged),          cmocka_unit_test(test_a_node_counts_once),
        cmocka_unit_test(test_size_is_bounded), cmocka_unit_test(test_bins),
        cmocka_unit_test(test_classes),         cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_intervals),       cmocka_unit_test(test_intervals_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
