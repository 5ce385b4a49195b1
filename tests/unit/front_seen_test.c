/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel was given of a file: each part once, and that too much or a contradiction is said
 * to be lost. */
#include "front/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_part_is_noted_once(void **state)
{
    struct cu_seen seen = {0};

    (void)state;
    cu_seen_note(&seen, UINT64_C(1) << 40, 0, 7);
    cu_seen_note(&seen, 0, 0, 8);
    cu_seen_note(&seen, 0, 3, 9);
    cu_seen_note(&seen, UINT64_C(1) << 40, 0, 7);
    assert_int_equal(seen.count, 3);
    assert_true(seen.parts[0].chunk == UINT64_C(1) << 40 && seen.parts[0].hash == 7);
    assert_int_equal(seen.parts[2].piece, 3);
    assert_false(seen.lost);
    cu_seen_clear(&seen);
    assert_int_equal(seen.count, 0);
}

static void another_content_of_a_part_is_lost(void **state)
{
    struct cu_seen seen = {0};

    (void)state;
    cu_seen_note(&seen, 5, 0, 7);
    cu_seen_note(&seen, 5, 0, 8);
    assert_true(seen.lost);
    assert_int_equal(seen.count, 1);
    cu_seen_note(&seen, 6, 0, 8);
    assert_int_equal(seen.count, 1);
    cu_seen_clear(&seen);
}

static void what_is_too_much_is_lost(void **state)
{
    struct cu_seen seen = {0};

    (void)state;
    for (uint64_t i = 0; i < CU_SEEN_MAX; i++)
        cu_seen_note(&seen, i, 0, i);
    assert_int_equal(seen.count, CU_SEEN_MAX);
    assert_false(seen.lost);
    cu_seen_note(&seen, 0, 0, 0);
    assert_false(seen.lost);
    cu_seen_note(&seen, CU_SEEN_MAX, 0, 0);
    assert_true(seen.lost);
    assert_int_equal(seen.count, CU_SEEN_MAX); /* these can still be compared */
    cu_seen_clear(&seen);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_noted_once),
        cmocka_unit_test(another_content_of_a_part_is_lost),
        cmocka_unit_test(what_is_too_much_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
