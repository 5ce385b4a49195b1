/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of numbers and their text. */
#include "base/idset.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void check_round_trip(uint32_t limit, const char *text, uint32_t count)
{
    struct cu_idset set;
    char *again;

    assert_int_equal(cu_idset_init(&set, limit), 0);
    assert_int_equal(cu_idset_add_text(&set, text), 0);
    assert_int_equal(set.count, count);
    again = cu_idset_text(&set);
    assert_string_equal(again, text);
    free(again);
    cu_idset_free(&set);
}

static void test_round_trip(void **state)
{
    (void)state;
    check_round_trip(1, "", 0);
    check_round_trip(1, "0", 1);
    check_round_trip(8, "0-7", 8);
    check_round_trip(9, "0,2-3,8", 4);
    check_round_trip(10624, "1,17-10622", 10607);
    check_round_trip(UINT32_MAX / 64, "67108861-67108862", 2);
}

static void test_add(void **state)
{
    struct cu_idset set;

    (void)state;
    assert_int_equal(cu_idset_init(&set, 10), 0);
    assert_true(cu_idset_add(&set, 9));
    assert_false(cu_idset_add(&set, 9));
    assert_false(cu_idset_add(&set, 10));
    assert_false(cu_idset_add(&set, UINT32_MAX));
    assert_int_equal(cu_idset_add_text(&set, "3-9,3"), 0);
    assert_int_equal(set.count, 7);
    assert_true(cu_idset_has(&set, 3));
    assert_false(cu_idset_has(&set, 2));
    assert_false(cu_idset_has(&set, 10));
    assert_int_equal(cu_idset_next(&set, 0), 3);
    assert_int_equal(cu_idset_next(&set, 4), 4);
    assert_int_equal(cu_idset_next(&set, 10), 10);
    cu_idset_remove(&set, 4);
    cu_idset_remove(&set, 4);
    cu_idset_remove(&set, 10);
    assert_int_equal(set.count, 6);
    assert_int_equal(cu_idset_next(&set, 4), 5);
    cu_idset_free(&set);
}

static void test_refused(void **state)
{
    static const char *const wrong[] = {
        "x", "1,", ",1", "1-", "-1", "5-3", "1 ", "1, 2", "1;2", "0x1", "10-", "1,,2", "1-2-3",
    };
    static const char *const over[] = {
        "10", "1-10", "3,0-3,10", "4294967297", "1-99999999999999999999999999",
    };
    struct cu_idset set;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(cu_idset_init(&set, 10), 0);
        assert_int_equal(cu_idset_add_text(&set, wrong[i]), -EINVAL);
        assert_true(set.count <= 3);
        cu_idset_free(&set);
    }
    for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
        assert_int_equal(cu_idset_init(&set, 10), 0);
        assert_int_equal(cu_idset_add_text(&set, over[i]), -ERANGE);
        assert_true(set.count <= 4);
        cu_idset_free(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
