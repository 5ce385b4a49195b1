/* SPDX-License-Identifier: BSD-3-Clause */
/* Counted bytes. Leaks and use after free show under the address sanitizer. */
#include "base/buf.h"
#include "base/hash.h"
#include "fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void new_has_capacity_and_one_reference(void **state)
{
    struct cu_buf *buf = cu_buf_new(100);

    (void)state;
    assert_non_null(buf);
    assert_int_equal(buf->refs, 1);
    assert_int_equal(buf->size, 100);
    assert_int_equal(buf->capacity, 100);
    memset(buf->data, 7, 100);
    buf->size = 3;
    cu_buf_unref(buf);
}

static void copy_holds_the_bytes(void **state)
{
    struct cu_buf *buf = cu_buf_copy("abc", 3);
    struct cu_buf *empty = cu_buf_copy(NULL, 0);

    (void)state;
    assert_int_equal(buf->size, 3);
    assert_memory_equal(buf->data, "abc", 3);
    assert_int_equal(empty->size, 0);
    cu_buf_unref(buf);
    cu_buf_unref(empty);
}

static void last_reference_frees(void **state)
{
    struct cu_buf *buf = cu_buf_copy("abc", 3);

    (void)state;
    assert_ptr_equal(cu_buf_ref(buf), buf);
    cu_buf_unref(buf);
    assert_int_equal(buf->refs, 1);
    assert_memory_equal(buf->data, "abc", 3);
    cu_buf_unref(buf);
    assert_null(cu_buf_ref(NULL));
    cu_buf_unref(NULL);
}

static void a_hash_that_is_there_is_not_made_again(void **state)
{
    struct cu_buf *buf = cu_buf_copy("abc", 3);

    (void)state;
    assert_true(cu_buf_hash(buf) == cu_hash_bytes("abc", 3));
    buf->hash = 5;
    buf->hashed = true;
    assert_true(cu_buf_hash(buf) == 5);
    cu_buf_unref(buf);
}

static void room_grows_and_keeps_what_is_there(void **state)
{
    struct cu_buf *buf = NULL, *before;

    (void)state;
    assert_int_equal(cu_buf_room(&buf, 3, 8), 0);
    assert_int_equal(buf->size, 0);
    assert_int_equal(buf->capacity, 8);
    memcpy(buf->data, "abcdefgh", 8);
    buf->size = 8;
    before = buf;
    fail_alloc_at(0);
    assert_int_equal(cu_buf_room(&buf, 1, 8), -ENOMEM);
    assert_true(fail_alloc_hit());
    assert_ptr_equal(buf, before);
    assert_int_equal(cu_buf_room(&buf, SIZE_MAX, 8), -ENOMEM);
    assert_int_equal(cu_buf_room(&buf, 1, 8), 0);
    assert_int_equal(buf->capacity, 16);
    assert_int_equal(cu_buf_room(&buf, 100, 8), 0);
    assert_int_equal(buf->capacity, 108);
    assert_int_equal(buf->size, 8);
    assert_memory_equal(buf->data, "abcdefgh", 8);
    before = buf;
    assert_int_equal(cu_buf_room(&buf, 100, 8), 0);
    assert_ptr_equal(buf, before);
    cu_buf_unref(buf);
}

static void no_memory_is_null(void **state)
{
    struct cu_buf *buf;

    (void)state;
    assert_null(cu_buf_new(SIZE_MAX));
    assert_null(cu_buf_new(SIZE_MAX - sizeof(struct cu_buf)));
    fail_alloc_at(0);
    buf = cu_buf_copy("abc", 3);
    assert_true(fail_alloc_hit());
    assert_null(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_has_capacity_and_one_reference),
        cmocka_unit_test(copy_holds_the_bytes),
        cmocka_unit_test(last_reference_frees),
        cmocka_unit_test(a_hash_that_is_there_is_not_made_again),
        cmocka_unit_test(room_grows_and_keeps_what_is_there),
        cmocka_unit_test(no_memory_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
