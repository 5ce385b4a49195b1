/* SPDX-License-Identifier: BSD-3-Clause */
/* Histograms: bounds, quantiles, exact sums, and the text. */
#include "base/histogram.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed = 7;

static uint64_t random_value(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> (32 + seed % 31);
}

static void each_value_has_one_bucket_of_little_width(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++) {
        const uint64_t ends[] = {cu_histogram_low(i), cu_histogram_high(i)};

        assert_true(i == 0 || ends[0] == cu_histogram_high(i - 1) + 1);
        if (i + 1 < CU_HISTOGRAM_BUCKETS)
            assert_true(ends[1] - ends[0] <= ends[0] / 8);
        for (int k = 0; k < 2; k++) {
            struct cu_histogram h = {0};

            cu_histogram_add(&h, ends[k]);
            assert_int_equal(h.buckets[i], 1);
            assert_int_equal(cu_histogram_count(&h), 1);
        }
    }
    assert_int_equal(cu_histogram_low(0), 0);
    assert_int_equal(cu_histogram_low(CU_HISTOGRAM_BUCKETS - 1), (1u << 27) - (1u << 23));
    assert_true(cu_histogram_high(CU_HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

static int ascending(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void quantiles_are_at_most_an_eighth_too_high(void **state)
{
    static const uint32_t asked[] = {1, 250, 500, 900, 990, 999, 1000};
    enum { COUNT = 5000 };
    static uint64_t values[COUNT];
    struct cu_histogram h = {0};

    (void)state;
    assert_int_equal(cu_histogram_at(&h, 500), 0);
    for (int i = 0; i < COUNT; i++)
        cu_histogram_add(&h, values[i] = random_value() % 1000000);
    qsort(values, COUNT, sizeof(values[0]), ascending);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        uint64_t true_value = values[(COUNT * asked[i] + 999) / 1000 - 1];

        assert_true(cu_histogram_at(&h, asked[i]) >= true_value);
        assert_true(cu_histogram_at(&h, asked[i]) <= true_value + true_value / 8);
    }
    assert_int_equal(cu_histogram_at(&h, 1000), values[COUNT - 1]);
}

static void a_sum_of_parts_is_the_whole(void **state)
{
    struct cu_histogram whole = {0}, sum = {0};

    (void)state;
    for (int part = 0; part < 50; part++) {
        struct cu_histogram h = {0}, read;
        char text[CU_HISTOGRAM_TEXT_MAX];
        size_t len;

        for (int i = 0; i < part; i++) {
            uint64_t value = random_value();

            cu_histogram_add(&h, value);
            cu_histogram_add(&whole, value);
        }
        len = cu_histogram_text(&h, text);
        assert_int_equal(len, strlen(text));
        assert_int_equal(cu_histogram_parse(text, &read), 0);
        assert_memory_equal(&h, &read, sizeof(h));
        cu_histogram_merge(&sum, &read);
    }
    assert_memory_equal(&whole, &sum, sizeof(whole));
}

static void sums_have_an_end(void **state)
{
    struct cu_histogram h, all = {0};
    char text[CU_HISTOGRAM_TEXT_MAX];

    (void)state;
    memset(&h, 0x7f, sizeof(h));
    assert_true(cu_histogram_text(&h, text) < CU_HISTOGRAM_TEXT_MAX);
    assert_int_equal(cu_histogram_parse(text, &h), 0);
    cu_histogram_merge(&all, &h);
    cu_histogram_merge(&all, &h);
    assert_int_equal(all.sum, INT64_MAX);
    assert_int_equal(all.buckets[3], INT64_MAX);
    assert_int_equal(cu_histogram_count(&all), INT64_MAX);
    assert_true(cu_histogram_at(&all, 1000) <= all.max);
}

static void text_may_be_anything(void **state)
{
    static const char *const wrong[] = {
        "",
        " ",
        "1",
        "1 ",
        "1 2 ",
        "1 2 3",
        "1 2 3:",
        "1 2 :3",
        "1 2 3:0",
        "1 2 200:1",
        "1 2 4:1 4:1",
        "1 2 4:1 3:1",
        "1 2 -1:1",
        "-1 2",
        "1 2 3:1 ",
        "01 2",
        "1 2 3:01",
        "1 2  3:1",
        "1 2 3:1x",
        "9223372036854775808 1",
        "1 2 99999999999999999999:1",
        "1 2 3:99999999999999999999",
    };
    struct cu_histogram h;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (cu_histogram_parse(wrong[i], &h) != -EINVAL)
            fail_msg("\"%s\" is taken", wrong[i]);
    assert_int_equal(cu_histogram_parse("0 0", &h), 0);
    assert_int_equal(cu_histogram_parse("9223372036854775807 5 0:1 199:2", &h), 0);
    assert_int_equal(cu_histogram_count(&h), 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_has_one_bucket_of_little_width),
        cmocka_unit_test(quantiles_are_at_most_an_eighth_too_high),
        cmocka_unit_test(a_sum_of_parts_is_the_whole),
        cmocka_unit_test(sums_have_an_end),
        cmocka_unit_test(text_may_be_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
