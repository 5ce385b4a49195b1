/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths: one object has one name, and nothing climbs out. */
#include "base/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void normalises(void **state)
{
    static const char *const cases[][2] = {
        {"/", "/"},
        {"//", "/"},
        {"/a/b", "/a/b"},
        {"/a//b///", "/a/b"},
        {"/./a/./b/.", "/a/b"},
        {"/a/../b", "/b"},
        {"/a/b/..", "/a"},
        {"/a/..", "/"},
        {"/..", "/"},
        {"/../../a", "/a"},
        {"/a/b/../../../c", "/c"},
        {"/...", "/..."},
        {"/.a/..b", "/.a/..b"},
        {"/a b/\n\x01\xff", "/a b/\n\x01\xff"},
    };
    char out[CU_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cu_path_normalise(cases[i][0], out), strlen(cases[i][1]));
        assert_string_equal(out, cases[i][1]);
        assert_true(cu_path_is_normal(out, strlen(out)));
    }
    assert_int_equal(cu_path_normalise("", out), -EINVAL);
    assert_int_equal(cu_path_normalise("a/b", out), -EINVAL);
    assert_int_equal(cu_path_normalise("./a", out), -EINVAL);
}

/* "/aaa.../aaa..." of len bytes, len > 1, no component over the limit */
static void make_path(char *path, size_t len)
{
    for (size_t i = 0; i < len; i++)
        path[i] = i % 200 == 0 && i + 1 < len ? '/' : 'a';
    path[len] = '\0';
}

static void limits(void **state)
{
    static char path[CU_TREE_PATH_MAX + 10], out[CU_TREE_PATH_MAX];
    char name[CU_NAME_MAX + 3] = "/";

    (void)state;
    make_path(path, CU_PATH_MAX - 1);
    assert_int_equal(cu_path_normalise(path, out), CU_PATH_MAX - 1);
    make_path(path, CU_PATH_MAX);
    assert_int_equal(cu_path_normalise(path, out), -ENAMETOOLONG);
    assert_int_equal(cu_path_normalise_tree(path, out), CU_PATH_MAX);
    make_path(path, CU_TREE_PATH_MAX - 1);
    assert_int_equal(cu_path_normalise_tree(path, out), CU_TREE_PATH_MAX - 1);
    assert_true(cu_path_is_normal(path, CU_TREE_PATH_MAX - 1));
    make_path(path, CU_TREE_PATH_MAX);
    assert_int_equal(cu_path_normalise_tree(path, out), -ENAMETOOLONG);
    assert_false(cu_path_is_normal(path, CU_TREE_PATH_MAX));
    memset(name + 1, 'n', CU_NAME_MAX);
    assert_int_equal(cu_path_normalise(name, out), CU_NAME_MAX + 1);
    assert_true(cu_path_is_normal(name, CU_NAME_MAX + 1));
    name[CU_NAME_MAX + 1] = 'n';
    assert_int_equal(cu_path_normalise(name, out), -ENAMETOOLONG);
    assert_false(cu_path_is_normal(name, CU_NAME_MAX + 2));
    memset(path, '/', CU_PATH_MAX + 5); /* long to read, short to write */
    memcpy(path + CU_PATH_MAX + 5, "a", 2);
    assert_int_equal(cu_path_normalise(path, out), 2);
}

static void refuses_what_is_not_normal(void **state)
{
    static const char *const bad[] = {"",   "a",   "a/b",  "//",    "/a/",  "/a//b", "//a",
                                      "/.", "/..", "/a/.", "/a/..", "/./a", "/../a", "/a/../b"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(cu_path_is_normal(bad[i], strlen(bad[i])));
    assert_false(cu_path_is_normal("/a\0b", 4));
    assert_true(cu_path_is_normal("/a/bGARBAGE", 4));
    assert_true(cu_path_is_normal("/...", 4));
}

static void joins(void **state)
{
    char out[CU_PATH_MAX], dir[CU_PATH_MAX + 1], name[CU_NAME_MAX + 1];

    (void)state;
    assert_int_equal(cu_path_join("/", 1, "a", 1, out, sizeof(out)), 2);
    assert_string_equal(out, "/a");
    assert_int_equal(cu_path_join("/a", 2, "bc", 2, out, sizeof(out)), 5);
    assert_string_equal(out, "/a/bc");
    assert_int_equal(cu_path_join(out, 5, "d", 1, out, sizeof(out)), 7);
    assert_string_equal(out, "/a/bc/d");
    memset(name, 'n', sizeof(name));
    assert_int_equal(cu_path_join("/", 1, name, CU_NAME_MAX, out, sizeof(out)), CU_NAME_MAX + 1);
    assert_int_equal(cu_path_join("/", 1, name, CU_NAME_MAX + 1, out, sizeof(out)), -ENAMETOOLONG);
    make_path(dir, CU_PATH_MAX - 3);
    assert_int_equal(cu_path_join(dir, CU_PATH_MAX - 3, "x", 1, out, sizeof(out)), CU_PATH_MAX - 1);
    assert_int_equal(cu_path_join(dir, CU_PATH_MAX - 3, "xy", 2, out, sizeof(out)), -ENAMETOOLONG);
    assert_int_equal(cu_path_join(dir, SIZE_MAX, "xy", 2, out, sizeof(out)), -ENAMETOOLONG);
}

static bool within(const char *path, const char *base)
{
    return cu_path_within(path, strlen(path), base, strlen(base));
}

static void compares_by_component(void **state)
{
    (void)state;
    assert_true(within("/x/a", "/x/a"));
    assert_true(within("/x/a/b", "/x/a"));
    assert_false(within("/x/a-b", "/x/a"));
    assert_false(within("/x/ab", "/x/a"));
    assert_false(within("/x", "/x/a"));
    assert_false(within("/y/a/b", "/x/a"));
    assert_true(within("/x", "/"));
    assert_true(within("/", "/"));
    assert_false(within("/", "/x"));
}

static void finds_the_parent(void **state)
{
    (void)state;
    assert_int_equal(cu_path_parent_len("/a/b", 4), 2);
    assert_int_equal(cu_path_parent_len("/abc/d/ef", 9), 6);
    assert_int_equal(cu_path_parent_len("/a", 2), 1);
    assert_int_equal(cu_path_parent_len("/", 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises),
        cmocka_unit_test(limits),
        cmocka_unit_test(refuses_what_is_not_normal),
        cmocka_unit_test(joins),
        cmocka_unit_test(compares_by_component),
        cmocka_unit_test(finds_the_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
