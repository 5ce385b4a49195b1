/* SPDX-License-Identifier: BSD-3-Clause */
/* Attribute pairs: append and walk agree, and a walk stays inside. */
#include "fail_alloc.h"
#include "proto/xattr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int append(struct cu_buf **bytes, const char *name, const void *value, uint32_t value_len)
{
    const struct cu_xattr pair = {
        .name = name, .name_len = (uint16_t)strlen(name), .value = value, .value_len = value_len};

    return cu_xattr_append(bytes, &pair);
}

static void walks_what_was_appended(void **state)
{
    static const unsigned char drawn[] = {6, 0, 3, 0, 0, 0, 'u', 's', 'e', 'r', '.', 'a', 1, 0, 2};
    struct cu_buf *bytes = NULL;
    struct cu_xattr pair;
    size_t at = 0;

    (void)state;
    assert_int_equal(append(&bytes, "user.a", "\1\0\2", 3), 0);
    assert_int_equal(bytes->size, sizeof(drawn));
    assert_memory_equal(bytes->data, drawn, sizeof(drawn));
    assert_int_equal(append(&bytes, "user.empty", NULL, 0), 0);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 1);
    assert_int_equal(pair.name_len, 6);
    assert_memory_equal(pair.name, "user.a", 6);
    assert_int_equal(pair.value_len, 3);
    assert_memory_equal(pair.value, "\1\0\2", 3);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 1);
    assert_int_equal(pair.name_len, 10);
    assert_int_equal(pair.value_len, 0);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 0);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 0);
    cu_buf_unref(bytes);
}

static void no_attributes_is_the_end(void **state)
{
    struct cu_buf *bytes = cu_buf_new(0);
    struct cu_xattr pair;
    size_t at = 0;

    (void)state;
    assert_int_equal(cu_xattr_next(NULL, &at, &pair), 0);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 0);
    at = 1;
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), -EINVAL);
    cu_buf_unref(bytes);
}

static int append_error(struct cu_buf **bytes, const char *name, unsigned error)
{
    struct cu_xattr pair = {
        .name = name, .name_len = (uint16_t)strlen(name), .error = (uint16_t)error};

    return cu_xattr_append(bytes, &pair);
}

/* What has no value is beside what has one, and says why. */
static void an_errno_stands_for_a_value(void **state)
{
    struct cu_buf *bytes = NULL;
    struct cu_xattr pair, both = {.name = "user.a", .name_len = 6, .error = 5, .value_len = 1};
    size_t at = 0;

    (void)state;
    assert_int_equal(append_error(&bytes, "user.big", E2BIG), 0);
    assert_int_equal(append(&bytes, "user.b", "value", 5), 0);
    assert_int_equal(append_error(&bytes, "", E2BIG), 0);
    assert_int_equal(append_error(&bytes, "user.c", 4096), -EINVAL);
    assert_int_equal(cu_xattr_append(&bytes, &both), -EINVAL);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 1);
    assert_int_equal(pair.error, E2BIG);
    assert_int_equal(pair.value_len, 0);
    assert_memory_equal(pair.name, "user.big", 8);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 1);
    assert_int_equal(pair.error, 0);
    assert_memory_equal(pair.value, "value", 5);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 1);
    assert_int_equal(pair.name_len, 0);
    assert_int_equal(pair.error, E2BIG);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), 0);
    cu_buf_unref(bytes);
}

static void append_keeps_the_bounds(void **state)
{
    static unsigned char value[65537];
    struct cu_buf *bytes = NULL;
    char name[257];
    int rc;

    (void)state;
    memset(name, 'n', 256);
    name[256] = '\0';
    assert_int_equal(append(&bytes, "", "v", 1), -EINVAL);
    assert_int_equal(append(&bytes, name, "v", 1), -EINVAL);
    assert_int_equal(cu_xattr_append(&bytes, &(struct cu_xattr){.name = "a\0b", .name_len = 3}),
                     -EINVAL);
    assert_int_equal(append(&bytes, "user.a", value, 65537), -E2BIG);
    assert_null(bytes);
    name[255] = '\0';
    while ((rc = append(&bytes, name, value, 65536)) == 0)
        ;
    assert_int_equal(rc, -E2BIG);
    assert_int_equal(bytes->size, (6 + 255 + 65536) * 15);
    assert_int_equal(append(&bytes, "u", value, (uint32_t)(CU_XATTR_VALUES_MAX - bytes->size - 7)),
                     0);
    assert_int_equal(bytes->size, CU_XATTR_VALUES_MAX);
    assert_int_equal(append(&bytes, "u", NULL, 0), -E2BIG);
    while ((rc = append_error(&bytes, name, E2BIG)) == 0)
        ;
    assert_int_equal(rc, -E2BIG);
    assert_true(bytes->size > CU_XATTR_BYTES_MAX - 6 - 255);
    cu_buf_unref(bytes);
}

static int walk(const unsigned char *data, size_t size)
{
    struct cu_buf *bytes = cu_buf_copy(data, size);
    struct cu_xattr pair;
    size_t at = 0;
    int rc;

    while ((rc = cu_xattr_next(bytes, &at, &pair)) == 1)
        ;
    cu_buf_unref(bytes);
    return rc;
}

static void walk_refuses_what_is_malformed(void **state)
{
    static const unsigned char two[] = {1, 0, 1, 0, 0, 0, 'a', 'x', 1, 0, 0, 0, 0, 0, 'b'};
    static const unsigned char huge[] = {1, 0, 0xff, 0xff, 0xff, 0xff, 'a', 'x'};
    static const unsigned char no_name[] = {0, 0, 1, 0, 0, 0, 'x'};
    static const unsigned char no_error[] = {1, 0, 0, 0, 0, 0x80, 'a'};
    static const unsigned char no_errno[] = {1, 0, 0, 0x10, 0, 0x80, 'a'};
    static const unsigned char nul[] = {2, 0, 0, 0, 0, 0, 'a', 0};
    static unsigned char long_name[6 + 256], long_value[7 + 65537];

    (void)state;
    assert_int_equal(walk(two, sizeof(two)), 0);
    assert_int_equal(walk(two, 8), 0);
    for (size_t size = 1; size < sizeof(two); size++)
        if (size != 8)
            assert_int_equal(walk(two, size), -EINVAL);
    assert_int_equal(walk(huge, sizeof(huge)), -EINVAL);
    assert_int_equal(walk(no_name, sizeof(no_name)), -EINVAL);
    assert_int_equal(walk(no_error, sizeof(no_error)), -EINVAL);
    assert_int_equal(walk(no_errno, sizeof(no_errno)), -EINVAL);
    assert_int_equal(walk(nul, sizeof(nul)), -EINVAL);
    memset(long_name, 'n', sizeof(long_name));
    memcpy(long_name, (unsigned char[]){0, 1, 0, 0, 0, 0}, 6);
    assert_int_equal(walk(long_name, sizeof(long_name)), -EINVAL);
    memcpy(long_value, (unsigned char[]){1, 0, 1, 0, 1, 0, 'n'}, 7);
    assert_int_equal(walk(long_value, sizeof(long_value)), -EINVAL);
    memcpy(long_value, (unsigned char[]){1, 0, 0, 0, 1, 0, 'n'}, 7);
    assert_int_equal(walk(long_value, sizeof(long_value) - 1), 0);
}

static void walk_refuses_more_than_the_bound(void **state)
{
    struct cu_buf *bytes = cu_buf_new(CU_XATTR_BYTES_MAX + 1);
    struct cu_xattr pair;
    size_t at = 0;

    (void)state;
    memset(bytes->data, 1, bytes->size);
    assert_int_equal(cu_xattr_next(bytes, &at, &pair), -EINVAL);
    cu_buf_unref(bytes);
}

/* What was there before stays. */
static void a_failing_append_changes_nothing(void **state)
{
    static unsigned char value[1000];
    struct cu_buf *bytes = NULL, *before;

    (void)state;
    fail_alloc_at(0);
    assert_int_equal(append(&bytes, "user.a", "x", 1), -ENOMEM);
    assert_true(fail_alloc_hit());
    assert_null(bytes);
    assert_int_equal(append(&bytes, "user.a", "x", 1), 0);
    before = bytes;
    fail_alloc_at(0);
    assert_int_equal(append(&bytes, "user.b", value, sizeof(value)), -ENOMEM);
    assert_true(fail_alloc_hit());
    assert_ptr_equal(bytes, before);
    assert_int_equal(bytes->size, 6 + 6 + 1);
    cu_buf_unref(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_what_was_appended),
        cmocka_unit_test(no_attributes_is_the_end),
        cmocka_unit_test(an_errno_stands_for_a_value),
        cmocka_unit_test(append_keeps_the_bounds),
        cmocka_unit_test(walk_refuses_what_is_malformed),
        cmocka_unit_test(walk_refuses_more_than_the_bound),
        cmocka_unit_test(a_failing_append_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
