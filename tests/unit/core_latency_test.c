/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of latencies: each is counted where its name says, and what is an error. */
#include "core/latency.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cu_latency latency;

static uint32_t row_of(const char *wanted_op, const char *wanted_where)
{
    const char *op, *where;

    for (uint32_t row = 0; row < CU_LATENCY_ROWS; row++) {
        cu_latency_names(row, &op, &where);
        if (strcmp(op, wanted_op) == 0 && strcmp(where, wanted_where) == 0)
            return row;
    }
    fail_msg("no row %s %s", wanted_op, wanted_where);
    return 0;
}

static void names_are_different(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < CU_LATENCY_ROWS; row++) {
        const char *op, *where;

        cu_latency_names(row, &op, &where);
        assert_int_equal(row_of(op, where), row);
    }
}

static void each_is_counted_in_its_row(void **state)
{
    (void)state;
    memset(&latency, 0, sizeof(latency));
    cu_latency_answered(&latency, CU_LATENCY_READ, CU_WHERE_PARENT, 0, 5999);
    cu_latency_answered(&latency, CU_LATENCY_OTHER, CU_WHERE_HERE, EROFS, 1000);
    cu_latency_stored(&latency, CU_KIND_HOLES, true, 1000, 2000);
    cu_latency_stored(&latency, (enum cu_kind)0, true, 1, 1);
    cu_latency_stored(&latency, CU_KIND_COUNT, true, 1, 1);
    assert_int_equal(latency.rows[row_of("read", "parent")].us.buckets[5], 1);
    assert_int_equal(latency.rows[row_of("other", "here")].us.buckets[1], 1);
    assert_int_equal(latency.rows[row_of("storage_holes", "wait")].us.buckets[1], 1);
    assert_int_equal(latency.rows[row_of("storage_holes", "wait")].errors, 0);
    assert_int_equal(latency.rows[row_of("storage_holes", "call")].us.buckets[2], 1);
    assert_int_equal(latency.rows[row_of("storage_holes", "call")].errors, 1);
    for (uint32_t row = 0, all = 0; row < CU_LATENCY_ROWS; row++) {
        all += (uint32_t)cu_histogram_count(&latency.rows[row].us);
        if (row + 1 == CU_LATENCY_ROWS)
            assert_int_equal(all, 4);
    }
}

static void an_expected_answer_is_no_error(void **state)
{
    static const struct {
        enum cu_latency_op op;
        int error;
        bool counts;
    } cases[] = {
        {CU_LATENCY_LOOKUP, ENOENT, false},  {CU_LATENCY_LOOKUP, EIO, true},
        {CU_LATENCY_READ, ENOENT, true},     {CU_LATENCY_READ, ESTALE, true},
        {CU_LATENCY_IOCTL, ENOTTY, false},   {CU_LATENCY_OTHER, ENOSYS, false},
        {CU_LATENCY_OTHER, EROFS, false},    {CU_LATENCY_GETXATTR, ENODATA, false},
        {CU_LATENCY_GETATTR, ENODATA, true}, {CU_LATENCY_LSEEK, ENXIO, false},
        {CU_LATENCY_READ, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&latency, 0, sizeof(latency));
        cu_latency_answered(&latency, cases[i].op, CU_WHERE_HERE, cases[i].error, 1);
        assert_int_equal(latency.rows[cases[i].op * CU_WHERES].errors, cases[i].counts);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_different),
        cmocka_unit_test(each_is_counted_in_its_row),
        cmocka_unit_test(an_expected_answer_is_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
