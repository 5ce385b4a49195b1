/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes a second, given as time passes. */
#include "base/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

/* In 10 s, when it is asked each step_ns. */
static uint64_t in_ten_seconds(uint64_t bytes_s, uint64_t step_ns)
{
    struct cu_rate rate = {0};
    uint64_t sum = 0;

    for (uint64_t now = 7 * S; now <= 17 * S; now += step_ns)
        sum += cu_rate_take(&rate, bytes_s, now);
    return sum;
}

static void it_is_kept_however_often_it_is_asked(void **state)
{
    static const uint64_t steps[] = {9999, 1000000, 9999999, S / 3, S};

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_in_range(in_ten_seconds(1, steps[i]), 9, 10);
        assert_in_range(in_ten_seconds(150, steps[i]), 1499 - 150 * steps[i] / S, 1500);
        assert_in_range(in_ten_seconds(4 * S, steps[i]), 40 * S - 4 * steps[i] - 4000, 40 * S);
    }
}

static void a_pause_gives_no_more_than_a_second(void **state)
{
    struct cu_rate rate = {0};

    (void)state;
    assert_true(cu_rate_take(&rate, 1000, 5 * S) == 0);
    assert_true(cu_rate_take(&rate, 1000, 5000 * S) == 1000);
    assert_true(cu_rate_take(&rate, 1000, 5000 * S) == 0);
    assert_true(cu_rate_take(&rate, 1000, 4999 * S) == 0); /* another thread's clock */
    assert_true(cu_rate_take(&rate, 1000, 5000 * S + S / 2) == 500);
}

static void no_rate_overflows(void **state)
{
    struct cu_rate rate = {0};

    (void)state;
    assert_true(cu_rate_take(&rate, 0, S) == 0);
    assert_true(cu_rate_take(&rate, 0, S + 1) == 0);
    assert_true(cu_rate_take(&rate, 0, UINT64_MAX) == 0);
    rate.given_ns = S;
    assert_true(cu_rate_take(&rate, INT64_MAX, UINT64_MAX) == INT64_MAX);
    rate.given_ns = S;
    assert_true(cu_rate_take(&rate, INT64_MAX, 2 * S - 1) <= INT64_MAX);
    assert_in_range(rate.given_ns, 2 * S - 2, 2 * S - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_kept_however_often_it_is_asked),
        cmocka_unit_test(a_pause_gives_no_more_than_a_second),
        cmocka_unit_test(no_rate_overflows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
