/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules about names: what follows a name by habit, what a link leads to, the ACL, the content. */
#include "ahead_fake.h"

static struct fake_dir root = {.path = "/"};
static struct fake_dir package = {.path = "/p", .above = &root};
static struct fake_dir cache = {.path = "/p/__pycache__", .above = &package};

static void look(struct fake_dir *dir, const char *path)
{
    struct cu_ahead_name name = fake_name(path);

    cu_ahead_looked_up(fake.ahead, &dir->ahead, &name);
}

static void learn(void)
{
    static const char *const names[] = {"a", "b", "c"};
    char path[64];

    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "/p/%s.py", names[i]);
        look(&package, path);
        snprintf(path, sizeof(path), "/p/__pycache__/%s.cpython-311.pyc", names[i]);
        look(&cache, path);
    }
    fake.count = 0;
}

static void what_follows_by_habit_is_asked_for(void **state)
{
    (void)state;
    learn();
    look(&package, "/p/new.py");
    assert_string_equal(fake_asked(),
                        "attr /p/__pycache__\nattr /p/__pycache__/new.cpython-311.pyc");
}

static void it_comes_with_its_content_where_that_is_read(void **state)
{
    (void)state;
    learn();
    fake_learn(&root, ".pyc");
    look(&package, "/p/new.py");
    assert_string_equal(fake_asked(),
                        "attr /p/__pycache__\nattr /p/__pycache__/new.cpython-311.pyc content");
    assert_true(cu_ahead_content(fake.ahead, "x.pyc", 5));
    assert_false(cu_ahead_content(fake.ahead, "x.py", 4));
}

static void what_is_known_is_not_asked_for(void **state)
{
    (void)state;
    learn();
    fake.settled = "/p/__pycache__";
    look(&package, "/p/new.py");
    assert_string_equal(fake_asked(), "attr /p/__pycache__/new.cpython-311.pyc");
    fake.absent = "/p/__pycache__/more.cpython-311.pyc";
    look(&package, "/p/more.py");
    assert_string_equal(fake_asked(), "");
}

static void nothing_is_below_what_does_not_exist(void **state)
{
    (void)state;
    learn();
    fake.absent = "/p/__pycache__";
    look(&package, "/p/new.py");
    assert_string_equal(fake_asked(), "");
}

static void link_to(const char *target)
{
    struct fake_node node = {.attr = {.mode = S_IFLNK}};
    struct cu_buf *text = cu_buf_new(strlen(target));

    memcpy(text->data, target, strlen(target));
    text->size = strlen(target);
    node.target = text;
    fake_found(&package, "/p/link", &node);
    package.ahead.found = 0;
    cu_buf_unref(text);
}

static void what_a_link_leads_to_is_asked_for_beside_it(void **state)
{
    (void)state;
    link_to("libm.so.6");
    assert_string_equal(fake_asked(), "attr /p/libm.so.6");
    link_to("../libm.so.6");
    link_to("sub/libm.so.6");
    link_to("/lib/libm.so.6");
    assert_string_equal(fake_asked(), "");
}

static void the_acl_comes_along_where_content_does(void **state)
{
    struct cu_ahead_name name = fake_name("/p/x.so");

    (void)state;
    cu_ahead_asked(fake.ahead, &name, true);
    assert_string_equal(fake_asked(), "");
    fake_learn(&root, ".so");
    cu_ahead_asked(fake.ahead, &name, false);
    assert_string_equal(fake_asked(), "");
    cu_ahead_asked(fake.ahead, &name, true);
    assert_string_equal(fake_asked(), "xattr /p/x.so");
}

static void content_is_set_for_comparisons(void **state)
{
    struct cu_ahead_config config = fake_config();

    (void)state;
    config.content = CU_AHEAD_ALWAYS;
    fake_begin(&config);
    assert_true(cu_ahead_content(fake.ahead, "x", 1));
    cu_ahead_destroy(fake.ahead);
    config.content = CU_AHEAD_NEVER;
    fake_begin(&config);
    fake_learn(&root, ".so");
    assert_false(cu_ahead_content(fake.ahead, "x.so", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(what_follows_by_habit_is_asked_for),
        FAKE_TEST(it_comes_with_its_content_where_that_is_read),
        FAKE_TEST(what_is_known_is_not_asked_for),
        FAKE_TEST(nothing_is_below_what_does_not_exist),
        FAKE_TEST(what_a_link_leads_to_is_asked_for_beside_it),
        FAKE_TEST(the_acl_comes_along_where_content_does),
        cmocka_unit_test_teardown(content_is_set_for_comparisons, fake_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
