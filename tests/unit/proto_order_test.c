/* SPDX-License-Identifier: BSD-3-Clause */
/* Cursors of listings: a walk that is cut anywhere and goes on in another listing of the directory
 * sees what was there all the time once, and nothing twice. */
#include "base/hash.h"
#include "fail_alloc.h"
#include "proto/order.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAMES 3000u

struct listing {
    struct cu_buf *bytes;
    struct cu_dir_index index;
    struct cu_order order;
};

/* Few values, so that many names have one hash. */
static bool weak;
uint64_t __real_cu_hash_bytes(const void *bytes, size_t size);
uint64_t __wrap_cu_hash_bytes(const void *bytes, size_t size);

uint64_t __wrap_cu_hash_bytes(const void *bytes, size_t size)
{
    uint64_t hash = __real_cu_hash_bytes(bytes, size);

    return weak ? hash % 7 << 40 : hash;
}

/* Of the names "f<i>" of which has(i). */
static void make(struct listing *l, bool (*has)(unsigned i))
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    char name[16];

    for (unsigned i = 0; i < NAMES; i++) {
        struct cu_dirent e = {.ino = i, .name = name};

        e.name_len = (uint16_t)snprintf(name, sizeof(name), "f%u", i);
        if (has(i))
            assert_int_equal(cu_dir_builder_add(b, &e), 0);
    }
    l->bytes = cu_dir_builder_finish(b);
    assert_int_equal(cu_dir_index_build(&l->index, l->bytes), 0);
    assert_int_equal(cu_order_build(&l->order, &l->index), 0);
}

static void unmake(struct listing *l)
{
    cu_order_free(&l->order);
    cu_dir_index_free(&l->index);
    cu_buf_unref(l->bytes);
}

static bool all(unsigned i)
{
    return i < NAMES;
}

static bool odd(unsigned i)
{
    return i % 2 == 1;
}

static bool no_thirds(unsigned i)
{
    return i % 3 != 0;
}

static bool none(unsigned i)
{
    return i >= NAMES;
}

static void shows_each_once_by_ascending_cursor(void **state)
{
    struct cu_order_at at = {0};
    unsigned char seen[NAMES] = {0};
    struct listing l;
    uint64_t last;

    (void)state;
    make(&l, all);
    for (at = cu_order_after(&l.order, 0); at.next < l.index.count;) {
        last = at.cursor;
        seen[cu_order_take(&l.order, &at).ino]++;
        assert_true(at.cursor > last && at.cursor < UINT64_C(1) << 63);
        assert_int_equal(cu_order_after(&l.order, at.cursor).next, at.next);
    }
    for (unsigned i = 0; i < NAMES; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(cu_order_after(&l.order, UINT64_MAX >> 1).next, NAMES);
    for (unsigned i = 0; i < CU_ORDER_FIRST; i++)
        assert_int_equal(cu_order_after(&l.order, i).next, 0);
    unmake(&l);
}

static void names_are_found_as_they_are_shown(void **state)
{
    struct listing l;
    struct cu_dirent e;

    (void)state;
    make(&l, all);
    for (uint32_t i = 0; i < NAMES; i++) {
        e = cu_order_entry(&l.order, i);
        assert_int_equal(cu_order_find(&l.order, e.name, e.name_len), i);
    }
    assert_int_equal(cu_order_find(&l.order, "f", 1), -1);
    assert_int_equal(cu_order_find(&l.order, "f3000", 5), -1);
    unmake(&l);
}

/* Takes `step` entries from one, then from the other, and so on: names of both are seen once, and
 * no name twice. */
static void alternate(bool (*a)(unsigned), bool (*b)(unsigned), unsigned step)
{
    unsigned char seen[NAMES] = {0};
    struct listing l[2];
    uint64_t cursor = 0;
    bool ended = false;

    make(&l[0], a);
    make(&l[1], b);
    for (unsigned turn = 0; !ended; turn ^= 1) {
        struct cu_order_at at = cu_order_after(&l[turn].order, cursor);
        unsigned n = 0;

        for (; n < step && at.next < l[turn].index.count; n++)
            seen[cu_order_take(&l[turn].order, &at).ino]++;
        cursor = at.cursor;
        ended = n < step;
    }
    for (unsigned i = 0; i < NAMES; i++) {
        assert_true(seen[i] <= 1);
        assert_true(seen[i] == 1 || !a(i) || !b(i));
    }
    unmake(&l[0]);
    unmake(&l[1]);
}

static void a_walk_goes_on_in_another_listing(void **state)
{
    (void)state;
    for (unsigned step = 1; step < NAMES; step = step * 3 + 1) {
        alternate(all, odd, step);
        alternate(odd, no_thirds, step);
        alternate(no_thirds, all, step);
        alternate(all, all, step);
        alternate(all, none, step);
    }
}

static void an_empty_listing_has_no_entry(void **state)
{
    struct listing l;

    (void)state;
    make(&l, none);
    assert_int_equal(l.index.count, 0);
    assert_int_equal(cu_order_after(&l.order, 0).next, 0);
    assert_int_equal(cu_order_after(&l.order, 12345).next, 0);
    assert_int_equal(cu_order_find(&l.order, "f1", 2), -1);
    unmake(&l);
}

static void names_of_one_hash_are_told_apart(void **state)
{
    weak = true;
    shows_each_once_by_ascending_cursor(state);
    names_are_found_as_they_are_shown(state);
    for (unsigned step = 1; step < NAMES; step = step * 3 + 1)
        alternate(all, all, step);
    weak = false;
}

static void failed_allocations_are_told(void **state)
{
    struct cu_order order;
    struct listing l;
    long n = 0;
    int rc;

    (void)state;
    make(&l, all);
    for (; fail_alloc_at(n), rc = cu_order_build(&order, &l.index), fail_alloc_hit(); n++) {
        assert_int_equal(rc, -ENOMEM);
        assert_null(order.positions);
    }
    assert_int_equal(n, 3);
    assert_int_equal(rc, 0);
    cu_order_free(&order);
    unmake(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_each_once_by_ascending_cursor),
        cmocka_unit_test(names_are_found_as_they_are_shown),
        cmocka_unit_test(a_walk_goes_on_in_another_listing),
        cmocka_unit_test(an_empty_listing_has_no_entry),
        cmocka_unit_test(names_of_one_hash_are_told_apart),
        cmocka_unit_test(failed_allocations_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
