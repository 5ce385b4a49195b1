/* SPDX-License-Identifier: BSD-3-Clause */
/* So many lines a minute. */
#include "host/loglimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static void so_many_lines_a_minute_and_the_rest_is_counted(void **state)
{
    struct cu_log_limit limit = {.most = 3};
    unsigned left_out = 7;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(cu_log_limit_has_room(&limit, 5 * S));
        assert_true(cu_log_limit_take(&limit, 5 * S, &left_out));
        assert_int_equal(left_out, 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_false(cu_log_limit_has_room(&limit, 64 * S));
        assert_false(cu_log_limit_take(&limit, 64 * S, &left_out));
    }
    assert_true(cu_log_limit_has_room(&limit, 65 * S));
    assert_true(cu_log_limit_take(&limit, 65 * S, &left_out));
    assert_int_equal(left_out, 1000);
    assert_true(cu_log_limit_take(&limit, 66 * S, &left_out));
    assert_int_equal(left_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_lines_a_minute_and_the_rest_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
