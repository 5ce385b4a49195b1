/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists: what the intrusive links do at their edges. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int value;
    struct cu_list link;
};

static int value_of(const struct cu_list *link)
{
    return CU_LIST_ENTRY(link, struct item, link)->value;
}

static void pushes_at_both_ends(void **state)
{
    struct cu_list head;
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    int expected = 1;

    (void)state;
    cu_list_init(&head);
    assert_true(cu_list_empty(&head));
    assert_null(cu_list_pop_front(&head));
    cu_list_push_back(&head, &items[1].link);
    cu_list_push_back(&head, &items[2].link);
    cu_list_push_front(&head, &items[0].link);
    cu_list_for_each (it, &head)
        assert_int_equal(value_of(it), expected++);
    assert_int_equal(expected, 4);
    assert_int_equal(value_of(cu_list_pop_front(&head)), 1);
    assert_true(cu_list_empty(&items[0].link));
}

static void removes_while_walking_and_twice(void **state)
{
    struct cu_list head;
    struct item items[4] = {{.value = 0}, {.value = 1}, {.value = 2}, {.value = 3}};

    (void)state;
    cu_list_init(&head);
    for (int i = 0; i < 4; i++)
        cu_list_push_back(&head, &items[i].link);
    cu_list_for_each_safe (it, &head)
        if (value_of(it) % 2 == 0)
            cu_list_remove(it);
    cu_list_remove(&items[0].link);
    assert_int_equal(value_of(cu_list_pop_front(&head)), 1);
    assert_int_equal(value_of(cu_list_pop_front(&head)), 3);
    assert_true(cu_list_empty(&head));
}

static void splices(void **state)
{
    struct cu_list to, from;
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};

    (void)state;
    cu_list_init(&to);
    cu_list_init(&from);
    cu_list_splice_back(&to, &from);
    assert_true(cu_list_empty(&to));
    cu_list_push_back(&to, &items[0].link);
    cu_list_push_back(&from, &items[1].link);
    cu_list_push_back(&from, &items[2].link);
    cu_list_splice_back(&to, &from);
    assert_true(cu_list_empty(&from));
    for (int i = 1; i <= 3; i++)
        assert_int_equal(value_of(cu_list_pop_front(&to)), i);
    assert_true(cu_list_empty(&to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_at_both_ends),
        cmocka_unit_test(removes_while_walking_and_twice),
        cmocka_unit_test(splices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
