/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines that repeat: no line is lost without a count, whatever comes between. */
#include "host/logrepeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static struct cu_log_repeats r;
static struct cu_log_told other;
static uint64_t more;

static bool take(const char *text, uint64_t now_s)
{
    return cu_log_repeats_take(&r, CU_LOG_WARN, text, now_s * S, &more, &other);
}

static void once_a_minute(void **state)
{
    (void)state;
    memset(&r, 0, sizeof(r));
    assert_true(take("x", 1) && more == 0);
    assert_false(take("x", 60));
    assert_true(take("y", 60));
    assert_false(take("x", 60));
    assert_true(take("x", 61));
    assert_int_equal(more, 3);
    assert_true(take("x", 200));
    assert_int_equal(more, 0); /* none was left out */
    assert_null(other.text);
}

static void many_lines_at_a_time(void **state)
{
    uint64_t taken = 0, told = 0, all = 0;
    struct cu_log_told due;
    char text[32];

    (void)state;
    memset(&r, 0, sizeof(r));
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(text, sizeof(text), "line %u", i * i % 97 % (2 * CU_LOG_REPEATS));
        taken += take(text, 1 + i / 50);
        told += more > 0 ? more - 1 : 0; /* this time is in both */
        told += other.more;
        all++;
    }
    while (cu_log_repeats_due(&r, UINT64_MAX, &due))
        told += due.more;
    assert_int_equal(taken + told, all);
    assert_false(cu_log_repeats_due(&r, UINT64_MAX, &due));
}

static void a_count_is_due_after_the_minute(void **state)
{
    struct cu_log_told due;

    (void)state;
    memset(&r, 0, sizeof(r));
    assert_true(take("x", 1));
    assert_false(take("x", 2));
    assert_false(cu_log_repeats_due(&r, 60 * S, &due));
    assert_true(cu_log_repeats_due(&r, 61 * S, &due));
    assert_string_equal(due.text, "x");
    assert_int_equal(due.more, 1);
    assert_int_equal(due.level, CU_LOG_WARN);
    assert_true(take("x", 62) && more == 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_a_minute),
        cmocka_unit_test(many_lines_at_a_time),
        cmocka_unit_test(a_count_is_due_after_the_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
