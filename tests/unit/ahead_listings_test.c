/* SPDX-License-Identifier: BSD-3-Clause */
/* When a directory is listed that nobody lists. */
#include "ahead_fake.h"

static struct fake_dir root = {.path = "/"};

static bool first(struct fake_dir *dir, const char *name, uint64_t now_ns)
{
    return cu_ahead_lists_first(fake.ahead, &dir->ahead, name, strlen(name), now_ns);
}

static void absent(struct fake_dir *dir, const char *name)
{
    cu_ahead_absent(fake.ahead, &dir->ahead, name, strlen(name));
}

static void one_absent_name_makes_a_listing_worth_it(void **state)
{
    struct fake_dir dir = {.path = "/d", .above = &root};

    (void)state;
    assert_false(first(&dir, "a", 0));
    absent(&dir, "b");
    assert_true(first(&dir, "a", 0));
}

/* A search goes on in the next directory. */
static void what_was_absent_elsewhere_is_looked_for_in_the_listing(void **state)
{
    struct fake_dir dir = {.path = "/d", .above = &root}, next = {.path = "/e", .above = &root};
    struct fake_node node = {.attr = {.mode = S_IFREG}};

    (void)state;
    absent(&dir, "libx.so");
    assert_true(first(&next, "libx.so", 0));
    assert_false(first(&next, "other", 0));
    fake_found(&root, "/libx.so", &node); /* there it is: the next search is another one */
    assert_false(first(&next, "libx.so", 0));
}

static void a_listing_that_failed_is_left_alone_for_a_while(void **state)
{
    struct fake_dir dir = {.path = "/d", .above = &root};

    (void)state;
    absent(&dir, "b");
    cu_ahead_list_failed(fake.ahead, &dir.ahead, 100);
    assert_false(first(&dir, "a", 2099));
    assert_true(first(&dir, "a", 2100));
}

static void what_may_be_out_of_date_begins_anew(void **state)
{
    struct fake_dir dir = {.path = "/d", .above = &root};

    (void)state;
    absent(&dir, "b");
    cu_ahead_list_failed(fake.ahead, &dir.ahead, 100);
    cu_ahead_dir_doubt(fake.ahead, &dir.ahead);
    assert_false(first(&dir, "a", 0));
    absent(&dir, "c");
    assert_true(first(&dir, "a", 0));
}

static void how_many_is_set_for_comparisons(void **state)
{
    struct fake_dir dir = {.path = "/d", .above = &root};
    struct cu_ahead_config config = fake_config();

    (void)state;
    config.list_after = 2;
    fake_begin(&config);
    absent(&dir, "b");
    assert_false(first(&dir, "a", 0));
    absent(&dir, "c");
    assert_true(first(&dir, "a", 0));
    cu_ahead_destroy(fake.ahead);
    config.list_after = CU_AHEAD_LIST_NEVER;
    fake_begin(&config);
    absent(&dir, "b");
    assert_false(first(&dir, "b", 0));
    cu_ahead_destroy(fake.ahead);
    config = fake_config();
    config.enoent_ttl_ns = 0; /* a listing is out of date at once */
    fake_begin(&config);
    absent(&dir, "b");
    assert_false(first(&dir, "b", 0));
}

/* Found, then listed; twice the same directory counts once. */
static void find_and_list(const char *path)
{
    struct fake_dir dir = {.path = path, .above = &root};
    struct fake_node node = {.attr = {.mode = S_IFDIR}};

    fake_found(&root, path, &node);
    cu_ahead_listed(fake.ahead, &dir.ahead);
    cu_ahead_listed(fake.ahead, &dir.ahead);
    root.ahead.found = 0;
}

static void directories_are_listed_where_directories_are(void **state)
{
    static const char *const paths[] = {"/a", "/b", "/c", "/d", "/e"};
    struct fake_node node = {.attr = {.mode = S_IFDIR}};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        find_and_list(paths[i]);
    fake.count = 0;
    fake_found(&root, "/new", &node);
    assert_string_equal(fake_asked(), "dir /new");
    node.self.listed = true; /* nobody asks for it twice */
    fake_found(&root, "/new", &node);
    assert_string_equal(fake_asked(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(one_absent_name_makes_a_listing_worth_it),
        FAKE_TEST(what_was_absent_elsewhere_is_looked_for_in_the_listing),
        FAKE_TEST(a_listing_that_failed_is_left_alone_for_a_while),
        FAKE_TEST(what_may_be_out_of_date_begins_anew),
        cmocka_unit_test_teardown(how_many_is_set_for_comparisons, fake_teardown),
        FAKE_TEST(directories_are_listed_where_directories_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
