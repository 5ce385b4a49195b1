/* SPDX-License-Identifier: BSD-3-Clause */
/* A listing made ready: found by name, shown in order, shared, and gone with the last reference. */
#include "fail_alloc.h"
#include "proto/dirview.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NAMES 5000u

static struct cu_buf *listing(void)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    char name[16];

    for (unsigned i = 0; i < NAMES; i++) {
        struct cu_dirent e = {.ino = i, .name = name};

        e.name_len = (uint16_t)snprintf(name, sizeof(name), "f%u", i);
        assert_int_equal(cu_dir_builder_add(b, &e), 0);
    }
    return cu_dir_builder_finish(b);
}

static void a_view_finds_and_shows(void **state)
{
    struct cu_buf *bytes = listing();
    struct cu_dirview *view, *other;
    struct cu_order_at at = {0};
    unsigned shown = 0;

    (void)state;
    assert_true(cu_dirview_is_large(bytes));
    assert_int_equal(cu_dirview_make(bytes, &view), 0);
    other = cu_dirview_ref(view);
    cu_dirview_unref(view);
    cu_buf_unref(bytes); /* the view has its own */
    assert_ptr_equal(other->bytes, bytes);
    assert_true(cu_dir_index_find(&other->index, "f4999", 5) >= 0);
    assert_int_equal(cu_dir_index_find(&other->index, "f5000", 5), -1);
    for (at = cu_order_after(&other->order, 0); at.next < other->index.count; shown++)
        (void)cu_order_take(&other->order, &at);
    assert_int_equal(shown, NAMES);
    assert_true(cu_dirview_size(other) >= 8 * NAMES);
    cu_dirview_unref(other);
}

static void an_empty_listing_has_a_view(void **state)
{
    struct cu_dirview *view;

    (void)state;
    assert_false(cu_dirview_is_large(NULL));
    assert_int_equal(cu_dirview_make(NULL, &view), 0);
    assert_int_equal(view->index.count, 0);
    assert_int_equal(cu_order_after(&view->order, 0).next, 0);
    cu_dirview_unref(view);
    assert_null(cu_dirview_ref(NULL));
    cu_dirview_unref(NULL);
}

static void what_is_no_listing_has_none(void **state)
{
    struct cu_buf *bytes = cu_buf_copy("0123456789", 10);
    struct cu_dirview *view;

    (void)state;
    assert_int_equal(cu_dirview_make(bytes, &view), -EINVAL);
    assert_null(view);
    assert_int_equal(bytes->refs, 1);
    cu_buf_unref(bytes);
}

static void no_memory_is_told(void **state)
{
    struct cu_buf *bytes = listing();
    struct cu_dirview *view = NULL;
    long n = 0;
    int rc;

    (void)state;
    for (; fail_alloc_at(n), rc = cu_dirview_make(bytes, &view), fail_alloc_hit(); n++) {
        assert_int_equal(rc, -ENOMEM);
        assert_null(view);
        assert_int_equal(bytes->refs, 1);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(n, 5);
    cu_dirview_unref(view);
    cu_buf_unref(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_finds_and_shows),
        cmocka_unit_test(an_empty_listing_has_a_view),
        cmocka_unit_test(what_is_no_listing_has_none),
        cmocka_unit_test(no_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
