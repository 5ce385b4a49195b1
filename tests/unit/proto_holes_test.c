/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of holes: what is in them is found, and nothing else is taken for one. */
#include "proto/holes.h"

#include "fail_alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct cu_hole hole(uint64_t start, uint64_t end)
{
    return (struct cu_hole){.start = start, .end = end};
}

static struct cu_buf *list_of(const struct cu_hole *holes, size_t count)
{
    struct cu_buf *list = NULL;

    for (size_t i = 0; i < count; i++)
        assert_int_equal(cu_holes_append(&list, holes[i]), 0);
    return list;
}

static void seeks_say_what_lseek_says(void **state)
{
    const struct cu_hole holes[] = {{0, 10}, {20, 30}, {90, 200}};
    struct cu_buf *list = list_of(holes, 3);

    (void)state;
    assert_true(cu_holes_is_valid(list));
    /* data 10..20 and 30..90, the file's end is at 100 */
    assert_int_equal(cu_holes_data_from(list, 100, 0), 10);
    assert_int_equal(cu_holes_data_from(list, 100, 10), 10);
    assert_int_equal(cu_holes_data_from(list, 100, 19), 19);
    assert_int_equal(cu_holes_data_from(list, 100, 20), 30);
    assert_int_equal(cu_holes_data_from(list, 100, 89), 89);
    assert_int_equal(cu_holes_data_from(list, 100, 90), 100);
    assert_int_equal(cu_holes_hole_from(list, 100, 0), 0);
    assert_int_equal(cu_holes_hole_from(list, 100, 10), 20);
    assert_int_equal(cu_holes_hole_from(list, 100, 25), 25);
    assert_int_equal(cu_holes_hole_from(list, 100, 30), 90);
    assert_int_equal(cu_holes_hole_from(list, 100, 99), 99);
    assert_true(cu_holes_cover(list, 20, 30));
    assert_false(cu_holes_cover(list, 19, 30));
    assert_false(cu_holes_cover(list, 20, 31));
    assert_true(cu_holes_cover(list, 150, 151));
    assert_false(cu_holes_cover(list, 200, 201));
    cu_buf_unref(list);
}

static void without_holes_all_is_data(void **state)
{
    (void)state;
    assert_true(cu_holes_is_valid(NULL));
    assert_int_equal(cu_holes_data_from(NULL, 100, 5), 5);
    assert_int_equal(cu_holes_hole_from(NULL, 100, 5), 100);
    assert_false(cu_holes_cover(NULL, 0, 1));
}

static void a_file_may_be_as_large_as_there_are(void **state)
{
    struct cu_hole all = {0, INT64_MAX};
    struct cu_buf *list = list_of(&all, 1);

    (void)state;
    assert_true(cu_holes_cover(list, UINT64_C(1) << 62, (UINT64_C(1) << 62) + 4096));
    assert_int_equal(cu_holes_data_from(list, INT64_MAX, 1), INT64_MAX);
    assert_int_equal(cu_holes_append(&list, hole(INT64_MAX, UINT64_MAX)), -EINVAL);
    cu_buf_unref(list);
}

static void only_what_follows_is_taken(void **state)
{
    struct cu_buf *list = NULL;

    (void)state;
    assert_int_equal(cu_holes_append(&list, hole(5, 5)), -EINVAL);
    assert_int_equal(cu_holes_append(&list, hole(6, 5)), -EINVAL);
    assert_null(list);
    assert_int_equal(cu_holes_append(&list, hole(5, 9)), 0);
    assert_int_equal(cu_holes_append(&list, hole(9, 12)), -EINVAL); /* would be the same hole */
    assert_int_equal(cu_holes_append(&list, hole(7, 12)), -EINVAL);
    assert_int_equal(list->size, 16);
    cu_buf_unref(list);
}

static void a_list_has_a_bound(void **state)
{
    struct cu_buf *list = NULL;

    (void)state;
    for (uint64_t i = 0; i < CU_HOLES_MAX; i++)
        assert_int_equal(cu_holes_append(&list, hole(2 * i, 2 * i + 1)), 0);
    assert_int_equal(cu_holes_append(&list, hole(1000000, 1000001)), -E2BIG);
    assert_true(cu_holes_is_valid(list));
    for (uint64_t i = 0; i < 2 * CU_HOLES_MAX; i++)
        assert_int_equal(cu_holes_cover(list, i, i + 1), i % 2 == 0);
    cu_buf_unref(list);
}

static void other_bytes_are_no_list(void **state)
{
    const struct cu_hole holes[] = {{1, 2}, {4, 8}};
    struct cu_buf *list = list_of(holes, 2), *large = cu_buf_new(CU_HOLES_BYTES_MAX + 16);

    (void)state;
    for (size_t i = 0; i < 32; i++) {
        unsigned char was = list->data[i];

        list->data[i] = 0xff;
        assert_int_equal(cu_holes_is_valid(list), i >= 24 && i < 31);
        list->data[i] = was;
    }
    list->size = 31;
    assert_false(cu_holes_is_valid(list));
    memset(large->data, 0, large->size);
    assert_false(cu_holes_is_valid(large));
    cu_buf_unref(large);
    cu_buf_unref(list);
}

static void a_failed_allocation_leaves_the_list(void **state)
{
    struct cu_buf *list = NULL;

    (void)state;
    fail_alloc_at(0);
    assert_int_equal(cu_holes_append(&list, hole(0, 1)), -ENOMEM);
    assert_true(fail_alloc_hit());
    assert_null(list);
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(cu_holes_append(&list, hole(2 * i, 2 * i + 1)), 0);
    fail_alloc_at(0);
    assert_int_equal(cu_holes_append(&list, hole(100, 101)), -ENOMEM);
    assert_true(fail_alloc_hit());
    assert_int_equal(list->size, 8 * 16);
    assert_int_equal(cu_holes_append(&list, hole(100, 101)), 0);
    assert_true(cu_holes_cover(list, 14, 15));
    cu_buf_unref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeks_say_what_lseek_says),
        cmocka_unit_test(without_holes_all_is_data),
        cmocka_unit_test(a_file_may_be_as_large_as_there_are),
        cmocka_unit_test(only_what_follows_is_taken),
        cmocka_unit_test(a_list_has_a_bound),
        cmocka_unit_test(other_bytes_are_no_list),
        cmocka_unit_test(a_failed_allocation_leaves_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
