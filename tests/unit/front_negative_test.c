/* SPDX-License-Identifier: BSD-3-Clause */
/* Names that do not exist: found again in order, across the ring's end; what no longer fits is
 * known by its time. */
#include "front/negative.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void all_are_found_in_order(void **state)
{
    struct cu_negatives n = {0};
    struct cu_negative out;
    char name[16];
    uint64_t at = 0;

    (void)state;
    assert_int_equal(cu_negatives_next(&n, &at, &out), 0);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "name%u", i);
        cu_negatives_add(&n, i, name, strlen(name), 5000 + i);
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(cu_negatives_next(&n, &at, &out), 1);
        snprintf(name, sizeof(name), "name%u", i);
        assert_int_equal(out.dir, i);
        assert_int_equal(out.until_ns, 5000 + i);
        assert_int_equal(out.name_len, strlen(name));
        assert_memory_equal(out.name, name, out.name_len);
    }
    assert_int_equal(cu_negatives_next(&n, &at, &out), 0);
    cu_negatives_add(&n, 7, "late", 4, 1);
    assert_int_equal(cu_negatives_next(&n, &at, &out), 1);
    assert_memory_equal(out.name, "late", 4);
    assert_int_equal(n.lost_ns, 0);
    cu_negatives_free(&n);
}

static void what_does_not_fit_is_known_by_its_time(void **state)
{
    enum { COUNT = 3 * CU_NEGATIVE_BYTES / 100 };
    struct cu_negatives n = {0};
    struct cu_negative out;
    char name[255];
    uint64_t at = 0, first = 0, seen = 0;

    (void)state;
    memset(name, 'n', sizeof(name));
    for (unsigned i = 1; i <= COUNT; i++)
        cu_negatives_add(&n, i, name, 40 + i % 200, i);
    while (cu_negatives_next(&n, &at, &out)) {
        if (first == 0)
            first = out.dir;
        assert_int_equal(out.dir, first + seen);
        assert_int_equal(out.name_len, 40 + out.dir % 200);
        assert_memory_equal(out.name, name, out.name_len);
        seen++;
    }
    assert_true(first > 1);
    assert_int_equal(first + seen, COUNT + 1);
    assert_int_equal(n.lost_ns, first - 1);
    cu_negatives_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_found_in_order),
        cmocka_unit_test(what_does_not_fit_is_known_by_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
