/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets that lead out of a view, as ones that stay inside. */
#include "base/path.h"
#include "base/relink.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char out[CU_PATH_MAX], path[CU_TREE_PATH_MAX];

static int relink(const char *dir, const char *target)
{
    return cu_relink(dir, strlen(dir), target, strlen(target), out, path);
}

static void what_leads_out_stays_inside(void **state)
{
    static const struct {
        const char *dir, *target, *shown, *path;
    } cases[] = {
        {"/lus/env/bin", "/lus/base/bin/python3", "../../base/bin/python3",
         "/lus/base/bin/python3"},
        {"/lus/env", "/lus/env/lib", "lib", "/lus/env/lib"},
        {"/lus/env", "/lus/env", ".", "/lus/env"},
        {"/lus/env/bin", "/lus", "../..", "/lus"},
        {"/lus/env", "/lus/env-2/x", "../env-2/x", "/lus/env-2/x"},
        {"/lus/env", "/lus/en", "../en", "/lus/en"},
        {"/lus/env", "/opt/x", "../../opt/x", "/opt/x"},
        {"/", "/opt/x", "opt/x", "/opt/x"},
        {"/", "/opt", "opt", "/opt"},
        /* Slashes and dots. */
        {"/lus/env", "//lus///env//a//b/", "a//b/", "/lus/env/a/b"},
        {"/lus/env", "/lus/./env/./a/./b", "a/./b", "/lus/env/a/b"},
        {"/lus/env", "/lus/env/", ".", "/lus/env"},
        {"/lus/env/bin", "/lus/", "../..", "/lus"},
        /* Up from a directory above the link is exact. */
        {"/lus/env", "/lus/../opt", "../../opt", "/opt"},
        {"/lus/env", "/../../lus/env/a", "a", "/lus/env/a"},
        {"/lus/env", "/lus/env/../base", "../base", "/lus/base"},
        /* Up from another is left to the kernel: it may be a link. */
        {"/lus/env", "/opt/a/../b", "../../opt/a/../b", "/opt/b"},
        {"/lus/env", "/opt/a/../b/c/../d", "../../opt/a/../b/c/../d", "/opt/b/d"},
        /* A relative target that climbs above "/". */
        {"/lus", "../../opt/x", "../opt/x", "/opt/x"},
        {"/", "../opt", "opt", "/opt"},
        {"/lus/env", "../../../../lus/x", "../x", "/lus/x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s in %s\n", cases[i].target, cases[i].dir);
        assert_int_equal(relink(cases[i].dir, cases[i].target), strlen(cases[i].shown));
        assert_string_equal(out, cases[i].shown);
        assert_string_equal(path, cases[i].path);
    }
}

static void others_are_kept(void **state)
{
    static const struct {
        const char *dir, *target;
    } cases[] = {
        {"/lus/env", "lib"},
        {"/lus/env", "../base"},
        {"/lus/env", "../../opt"},
        {"/lus/env", "a/../../../../x"}, /* what a is decides */
        {"/lus/env", ""},
        {"/", "a/b"},
        {"/lus/env", "/"},
        {"/lus/env", "//"},
        {"/lus/env", "/lus/.."},
        {"/lus/env", "/opt/.."},
        {"/lus/env", "/opt/a/../.."},
        /* Where a is a link to /b, these lead out of a view. */
        {"/lus/env", "/a/../../x"},
        {"/lus/env", "/opt/a/../../x"},
        {"/lus/env", "/opt/a/.././../x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s in %s\n", cases[i].target, cases[i].dir);
        assert_int_equal(relink(cases[i].dir, cases[i].target), 0);
    }
}

static void too_long_is_said(void **state)
{
    static char dir[3 * CU_PATH_MAX], target[CU_PATH_MAX];
    size_t len = 0;

    (void)state;
    /* The longest that fits: one step up, and the rest. */
    memset(target, 'x', sizeof(target) - 1);
    target[0] = '/';
    for (size_t i = 1; i < sizeof(target) - 1; i += 100)
        target[i - 1] = '/';
    target[sizeof(target) - 4] = '\0';
    assert_int_equal(relink("/", target), strlen(target) - 1);
    assert_int_equal(relink("/d", target), strlen(target) + 2);
    assert_int_equal(strlen(out), CU_PATH_MAX - 2);
    assert_int_equal(relink("/d/e", target), -ENAMETOOLONG);
    /* A directory so deep that the way up alone is too long, and one that shares most of it. */
    for (unsigned i = 0; i < 1366; i++)
        len += (size_t)snprintf(dir + len, sizeof(dir) - len, "/d");
    assert_int_equal(relink(dir, "/x"), -ENAMETOOLONG);
    dir[len - 2] = '\0';
    dir[len - 4] = '\0';
    assert_int_equal(relink(dir, "/x"), 3 * 1364 + 1);
    strcpy(target, dir);
    strcat(target, "/x");
    assert_int_equal(relink(dir, target), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_leads_out_stays_inside),
        cmocka_unit_test(others_are_kept),
        cmocka_unit_test(too_long_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
