/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks: who goes through a directory name by name is asked ahead of; listings held for that. */
#include "ahead_fake.h"

#include "fail_alloc.h"

#include <errno.h>

#define NAMES 300

static struct fake_dir root = {.path = "/"};
static struct fake_dir above = {.path = "/t", .above = &root};
static struct fake_dir dir = {.path = "/t/d", .above = &above};
static struct fake_dir beside = {.path = "/t/e", .above = &above};
static struct cu_buf *names;

static int setup(void **state)
{
    fake_setup(state);
    names = fake_names("n", NAMES, "");
    above.ahead = dir.ahead = beside.ahead = root.ahead = (struct cu_ahead_dir){0};
    dir.names = beside.names = names;
    above.names = root.names = NULL;
    fake.dirs[0] = &dir;
    fake.dirs[1] = &beside;
    fake.dirs[2] = &above;
    return 0;
}

static int teardown(void **state)
{
    fake_teardown(state);
    cu_buf_unref(names);
    return 0;
}

static void step(struct fake_dir *d, unsigned number)
{
    struct fake_node node = {.attr = {.mode = S_IFREG}};
    char path[64];

    snprintf(path, sizeof(path), "%s/n%03u", d->path, number);
    fake_found(d, path, &node);
}

/* Each name is asked for ahead before its turn comes. */
static void the_next_names_are_asked_for(void **state)
{
    uint32_t asked = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        step(&dir, i);
        assert_string_equal(fake_asked(), "");
    }
    step(&dir, 4);
    assert_int_equal(fake.count, 16);
    assert_string_equal(fake.wants[0], "attr /t/d/n005");
    assert_string_equal(fake.wants[15], "attr /t/d/n020");
    asked = fake_asked_count();
    for (unsigned i = 5; i < NAMES; i++) {
        step(&dir, i);
        asked += fake_asked_count();
        assert_true(asked + 5 > i);
    }
    /* In the order shown a few of them are neighbours by chance. */
    assert_in_range(asked, NAMES - 5, NAMES - 5 + 64);
}

static void names_in_no_order_are_no_walk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        step(&dir, i * 37 % NAMES);
    assert_string_equal(fake_asked(), "");
}

/* After four names, once. */
static void a_directory_of_which_names_were_found_is_listed(void **state)
{
    (void)state;
    dir.names = NULL;
    for (unsigned i = 0; i < 3; i++)
        step(&dir, i * 37);
    assert_string_equal(fake_asked(), "");
    step(&dir, 200);
    assert_string_equal(fake_asked(), "dir /t/d");
    step(&dir, 100);
    assert_string_equal(fake_asked(), "");
}

static void one_beside_a_walked_one_is_walked_from_its_first_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NAMES; i++)
        step(&dir, i);
    fake.count = 0;
    beside.names = NULL;
    step(&beside, 0);
    assert_string_equal(fake_asked(), "dir /t/e");
    beside.names = names;
    step(&beside, 1);
    assert_int_equal(fake.count, 64);
    assert_string_equal(fake.wants[0], "attr /t/e/n002");
}

static void a_walk_that_is_none_is_the_last_one_expected(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NAMES; i++)
        step(&dir, i);
    assert_int_not_equal(above.ahead.walked, 0);
    step(&beside, 0);
    step(&beside, 1);
    step(&beside, 2);
    step(&beside, 200);
    assert_int_equal(above.ahead.walked, 0);
}

static void extended_attributes_are_walked_apart(void **state)
{
    char name[8];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "n%03u", i);
        cu_ahead_step(fake.ahead, &dir.ahead, CU_KIND_XATTR, name, 4);
    }
    assert_true(fake.count >= 16);
    assert_string_equal(fake.wants[0], "xattr /t/d/n005");
}

static void who_takes_attributes_along_is_walking(void **state)
{
    const struct cu_value value = {.bytes = names};

    (void)state;
    assert_int_equal(cu_ahead_hold(fake.ahead, &dir.ahead, &value), 0);
    cu_ahead_shown(fake.ahead, &dir.ahead, 100);
    assert_int_equal(fake_asked_count(), NAMES - 100);
    cu_ahead_shown(fake.ahead, &dir.ahead, 150);
    assert_int_equal(fake_asked_count(), 0);
}

static void few_listings_are_held(void **state)
{
    static struct fake_dir many[100];
    const struct cu_value value = {.bytes = names}, none = {0};
    struct cu_value bad = {.bytes = cu_buf_new(1)};
    unsigned held = 0;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(cu_ahead_hold(fake.ahead, &many[i].ahead, i ? &value : &none), 0);
    for (size_t i = 0; i < 100; i++)
        held += many[i].ahead.held != NULL;
    assert_int_equal(held, 64);
    assert_non_null(many[99].ahead.held);
    assert_null(many[0].ahead.held);
    bad.bytes->size = 1;
    assert_int_equal(cu_ahead_hold(fake.ahead, &many[0].ahead, &bad), -EIO);
    cu_buf_unref(bad.bytes);
    for (size_t i = 0; i < 100; i++)
        cu_ahead_held_drop(fake.ahead, &many[i].ahead);
}

static void a_listing_for_which_memory_is_out_is_not_held(void **state)
{
    const struct cu_value value = {.bytes = names};
    long n = 0;
    int rc;

    (void)state;
    for (; fail_alloc_at(n), rc = cu_ahead_hold(fake.ahead, &dir.ahead, &value), fail_alloc_hit();
         n++) {
        assert_int_equal(rc, -ENOMEM);
        assert_null(dir.ahead.held);
    }
    assert_true(n > 0);
    assert_int_equal(rc, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_next_names_are_asked_for),
        T(names_in_no_order_are_no_walk),
        T(a_directory_of_which_names_were_found_is_listed),
        T(one_beside_a_walked_one_is_walked_from_its_first_name),
        T(a_walk_that_is_none_is_the_last_one_expected),
        T(extended_attributes_are_walked_apart),
        T(who_takes_attributes_along_is_walking),
        T(few_listings_are_held),
        T(a_listing_for_which_memory_is_out_is_not_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
