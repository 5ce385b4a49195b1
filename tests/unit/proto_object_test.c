/* SPDX-License-Identifier: BSD-3-Clause */
/* Versions and values: identity, references. */
#include "proto/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void version_holds_nothing_of_one_node(void **state)
{
    const struct cu_attr attr = {.mode = 0100644,
                                 .nlink = 1,
                                 .ino = 2,
                                 .size = 3,
                                 .mtime = {.sec = 4, .nsec = 5},
                                 .ctime = {.sec = -6, .nsec = 7}};
    struct cu_version v = cu_version_of(&attr), w;
    struct cu_attr other = attr;

    (void)state;
    assert_true(v.size == 3 && v.mtime.sec == 4 && v.mtime.nsec == 5);
    assert_true(v.ctime.sec == -6 && v.ctime.nsec == 7);
    other.ino = 9;
    w = cu_version_of(&other);
    assert_true(cu_version_equal(&v, &w));
}

/* As many nanoseconds since the epoch as 64 bits hold end in 2262. */
static void no_time_is_cut(void **state)
{
    struct cu_attr attr = {.mtime = {.sec = INT64_MAX, .nsec = 999999999},
                           .ctime = {.sec = INT64_MIN, .nsec = 1}};
    struct cu_version a = cu_version_of(&attr), b;

    (void)state;
    attr.mtime.nsec--;
    b = cu_version_of(&attr);
    assert_false(cu_version_equal(&a, &b));
    a = (struct cu_version){.mtime = {.sec = 5}};
    b = (struct cu_version){.mtime = {.sec = 5 + (INT64_C(1) << 55)}}; /* 2^64 ns times 2^21 */
    assert_false(cu_version_equal(&a, &b));
}

static void every_field_makes_another_version(void **state)
{
    const struct cu_version a = {1, {2, 3}, {4, 5}};
    struct cu_version b[5] = {a, a, a, a, a};

    (void)state;
    b[0].size++;
    b[1].mtime.sec++;
    b[2].mtime.nsec++;
    b[3].ctime.sec++;
    b[4].ctime.nsec++;
    assert_true(cu_version_equal(&a, &(struct cu_version){1, {2, 3}, {4, 5}}));
    for (int i = 0; i < 5; i++) {
        struct cu_version none = {0};

        assert_false(cu_version_equal(&a, &b[i]));
        assert_false(cu_version_is_none(&b[i]));
        assert_true(cu_version_is_none(&none));
    }
}

static void copy_holds_references_of_its_own(void **state)
{
    struct cu_value from = {.hash = 7, .bytes = cu_buf_copy("ab", 2), .content = cu_buf_new(3)};
    struct cu_buf *bytes = from.bytes, *content = from.content;
    struct cu_value to;

    (void)state;
    cu_value_copy(&to, &from);
    assert_int_equal(bytes->refs, 2);
    assert_int_equal(content->refs, 2);
    assert_true(to.hash == 7);
    cu_value_clear(&from);
    assert_null(from.bytes);
    assert_null(from.content);
    assert_true(from.hash == 0);
    assert_int_equal(bytes->refs, 1);
    assert_memory_equal(to.bytes->data, "ab", 2);
    cu_value_clear(&from);
    cu_value_clear(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_holds_nothing_of_one_node),
        cmocka_unit_test(no_time_is_cut),
        cmocka_unit_test(every_field_makes_another_version),
        cmocka_unit_test(copy_holds_references_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
