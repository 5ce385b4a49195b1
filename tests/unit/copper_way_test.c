/* SPDX-License-Identifier: BSD-3-Clause */
/* Which paths on storage a path as a user writes it leads over. */
#include "copper/way.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64]; /* a directory of this test, real path */

static const char *below(const char *name)
{
    static char paths[8][256];
    static unsigned next;

    next = (next + 1) % 8;
    snprintf(paths[next], sizeof(paths[next]), "%s%s", top, name);
    return paths[next];
}

static int set_up(void **state)
{
    static const char *const dirs[] = {"",         "/real", "/real/sub", "/mnt",
                                       "/mnt/job", "/far",  "/far/job",  "/far/job/trap"};
    char made[] = "/tmp/way.XXXXXX", *real;

    (void)state;
    if (!mkdtemp(made))
        return -1;
    real = realpath(made, NULL);
    snprintf(top, sizeof(top), "%s", real);
    free(real);
    for (size_t i = 1; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        if (mkdir(below(dirs[i]), 0700))
            return -1;
    return symlink("real", below("/link")) || symlink(below("/link/sub"), below("/abs")) ||
           symlink("nothing", below("/dangling")) || symlink("loop", below("/loop")) ||
           symlink(below("/mnt/job"), below("/view")) || symlink(below("/far"), below("/near"));
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r '%s'", top);
    return system(command); /* NOLINT(cert-env33-c): a path of our own */
}

/* Fails unless given leads over these, separated by blanks, below top; of a mount at /mnt/job. */
static void leads(const char *mount, const char *given, const char *expected)
{
    char found[4096] = "";
    struct cu_way way;

    assert_int_equal(cu_way_find(mount, given, &way), 0);
    for (size_t i = 0; i < way.count; i++) {
        size_t skip = strncmp(way.paths[i], top, strlen(top)) == 0 ? strlen(top) : 0;

        snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", i > 0 ? " " : "",
                 way.paths[i] + skip);
    }
    cu_way_free(&way);
    assert_string_equal(found, expected);
}

static void links_and_their_target_are_named(void **state)
{
    const char *mount = below("/mnt/job");

    (void)state;
    leads(mount, below("/real/sub"), "/real/sub");
    leads(mount, below("/link"), "/link /real");
    leads(mount, below("/link/sub/new"), "/link /real/sub/new");
    leads(mount, below("/abs"), "/abs /link /real/sub");
    leads(mount, below("/abs/../x"), "/abs /link /real/x"); /* as the kernel understands it */
    leads(mount, below("/dangling"), "/dangling /nothing");
    leads(mount, below("/missing//x/."), "/missing/x");
    leads(mount, "/..//", "/");
}

static void a_path_below_the_mount_is_one_on_storage(void **state)
{
    const char *mount = below("/mnt/job");
    char given[512];

    (void)state;
    leads(mount, mount, "/");
    leads(mount, below("/mnt/job/lus/x"), "/lus/x");
    leads(mount, below("/mnt/./job/../y"), "/mnt/y");
    snprintf(given, sizeof(given), "%s%s", mount, below("/link/f"));
    leads(mount, given, "/link /real/f");
    /* By a link to the view, of which nothing is looked at. */
    leads(mount, below("/view/lus/x"), "/view /lus/x");
    /* The mount's own path leads over a link. */
    leads(below("/near/job"), below("/near/job/trap"), "/near /trap");
    leads(below("/near/job"), below("/far/job/trap"), "/trap");
    leads(below("/near/job"), below("/far/job/../x"), "/near /far/x");
}

static void relative_to_the_working_directory(void **state)
{
    (void)state;
    assert_int_equal(chdir(below("/link/sub")), 0);
    leads("/mnt", "f", "/real/sub/f");
    leads("/mnt", "../f", "/real/f");
    leads("/mnt", ".", "/real/sub");
    assert_int_equal(chdir("/"), 0);
}

static void what_is_no_path_is_refused(void **state)
{
    char *given = malloc(3 * CU_TREE_PATH_MAX);
    struct cu_way way;

    (void)state;
    assert_int_equal(cu_way_find("/mnt", "", &way), -ENOENT);
    assert_int_equal(cu_way_find("/mnt", below("/loop/x"), &way), -ELOOP);
    cu_way_free(&way);
    assert_non_null(given);
    given[0] = '/';
    for (size_t at = 1; at < 3 * CU_TREE_PATH_MAX; at++)
        given[at] = at % 100 == 0 ? '/' : 'a';
    given[3 * CU_TREE_PATH_MAX - 1] = '\0';
    assert_int_equal(cu_way_find("/mnt", given, &way), -ENAMETOOLONG);
    given[CU_TREE_PATH_MAX + 1] = '\0';
    assert_int_equal(cu_way_find("/mnt", given, &way), -ENAMETOOLONG);
    given[CU_TREE_PATH_MAX - 100] = '\0';
    assert_int_equal(cu_way_find("/mnt", given, &way), 0);
    assert_string_equal(way.paths[0], given);
    cu_way_free(&way);
    memset(given + 1, 'a', 2000);
    given[2001] = '\0';
    assert_int_equal(cu_way_find("/mnt", given, &way), -ENAMETOOLONG);
    cu_way_free(&way);
    free(given);
}

static bool child_hangs;

static void hang(void)
{
    while (child_hangs)
        pause();
}

static void storage_may_hang(void **state)
{
    char given[600];
    struct cu_way way;
    bool hangs = true;

    (void)state;
    assert_int_equal(cu_way_find_within(below("/mnt/job"), below("/abs"), 60000, &way, &hangs), 0);
    assert_false(hangs);
    assert_int_equal(way.count, 3);
    assert_string_equal(way.paths[2], below("/real/sub"));
    cu_way_free(&way);
    assert_int_equal(cu_way_find_within("/mnt", below("/loop/x"), 60000, &way, &hangs), -ELOOP);
    assert_false(hangs);
    cu_way_free(&way);
    assert_int_equal(pthread_atfork(NULL, NULL, hang), 0);
    child_hangs = true;
    snprintf(given, sizeof(given), "%s/%s", below("/mnt/job"), "/lus/../x/");
    assert_int_equal(cu_way_find_within(below("/mnt/job"), given, 1, &way, &hangs), 0);
    assert_true(hangs);
    child_hangs = false;
    assert_int_equal(way.count, 1);
    assert_string_equal(way.paths[0], "/x");
    cu_way_free(&way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_and_their_target_are_named),
        cmocka_unit_test(a_path_below_the_mount_is_one_on_storage),
        cmocka_unit_test(relative_to_the_working_directory),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(storage_may_hang),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
