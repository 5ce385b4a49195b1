/* SPDX-License-Identifier: BSD-3-Clause */
/* The place of a daemon on its node: mounts, mount directory, and the start's pipe. */
#include "copperd/detach.h"
#include "host/clock.h"
#include "host/mountdir.h"
#include "host/mounts.h"
#include "host/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

/* What is on dir, by a table whose text is read anew. */
static enum cu_mounts_what what_is(const char *text, const char *dir, uid_t uid)
{
    char *copy = strdup(text);
    enum cu_mounts_what what;

    assert_non_null(copy);
    what = cu_mounts_find(copy, dir, uid);
    free(copy);
    return what;
}

static void test_mountinfo(void **state)
{
    static const char text[] =
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "30 22 0:50 / /tmp/a/copper ro,nosuid - fuse.copper copper ro,user_id=1000,group_id=1\n"
        "31 22 0:51 / /tmp/b/copper ro - fuse.copper copper ro,user_id=10\n"
        "32 22 0:52 / /tmp/c ro master:2 propagate_from:3 - tmpfs tmpfs rw,user_id=1000\n"
        "33 22 0:53 / /tmp/d\\040e\\134 ro - fuse.copper copper user_id=1000\n"
        "34 22 0:54 / /tmp/f rw - tmpfs tmpfs rw\n"
        "35 34 0:55 / /tmp/f ro - fuse.copper copper ro,user_id=1000\n"
        "36 22 0:56 / /tmp/g ro - fuse.copper copper ro,user_id=1000\n"
        "37 36 0:57 / /tmp/g ro - fuse.sshfs host: ro,user_id=1000\n"
        "38 22 0:58 / /tmp/h ro - fuse.copperx copper ro,user_id=1000\n"
        "39 22 0:59 / /tmp/i"; /* no line that the kernel writes */

    (void)state;
    assert_int_equal(what_is(text, "/tmp/a/copper", 1000), CU_MOUNTS_OURS);
    assert_int_equal(what_is(text, "/tmp/a/copper", 100), CU_MOUNTS_OTHER);
    assert_int_equal(what_is(text, "/tmp/b/copper", 1000), CU_MOUNTS_OTHER);
    assert_int_equal(what_is(text, "/tmp/b/copper", 10), CU_MOUNTS_OURS);
    assert_int_equal(what_is(text, "/tmp/a", 1000), CU_MOUNTS_NOTHING);
    assert_int_equal(what_is(text, "/tmp/a/copper/x", 1000), CU_MOUNTS_NOTHING);
    assert_int_equal(what_is(text, "/tmp/c", 1000), CU_MOUNTS_OTHER);
    assert_int_equal(what_is(text, "/tmp/d e\\", 1000), CU_MOUNTS_OURS);
    assert_int_equal(what_is(text, "/tmp/f", 1000), CU_MOUNTS_OURS);
    assert_int_equal(what_is(text, "/tmp/g", 1000), CU_MOUNTS_OTHER);
    assert_int_equal(what_is(text, "/tmp/h", 1000), CU_MOUNTS_OTHER);
    assert_int_equal(what_is(text, "/tmp/i", 1000), CU_MOUNTS_NOTHING);
    assert_int_equal(what_is("", "/", 0), CU_MOUNTS_NOTHING);
}

static void test_mounts_here(void **state)
{
    enum cu_mounts_what what;
    struct cu_error err = {""};

    (void)state;
    assert_int_equal(cu_mounts_look("/proc", &what), 0);
    assert_int_equal(what, CU_MOUNTS_OTHER);
    assert_int_equal(cu_mounts_clean("/proc", &err), -EBUSY);
    assert_non_null(strstr(err.text, "something else is mounted there"));
    assert_int_equal(cu_mounts_clean(at("/none"), &err), 0);
}

static void test_mountdir_made_and_removed(void **state)
{
    struct cu_mountdir dir;
    struct cu_error err;
    struct stat st;

    (void)state;
    assert_int_equal(cu_mountdir_make(&dir, at("/u/v/copper"), 0, &err), 0);
    assert_int_equal(dir.made, 3);
    assert_int_equal(stat(at("/u"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(mkdir(at("/u/other"), 0700), 0);
    cu_mountdir_remove(&dir);
    assert_false(exists(at("/u/v")));
    assert_true(exists(at("/u/other")));
    assert_int_equal(rmdir(at("/u/other")), 0);
    cu_mountdir_remove(&dir);
    assert_true(exists(at("/u")));
}

static void test_mountdir_there_stays(void **state)
{
    struct cu_mountdir dir;
    struct cu_error err;

    (void)state;
    assert_int_equal(mkdir(at("/m"), 0700), 0);
    assert_int_equal(cu_mountdir_make(&dir, at("/m"), 0, &err), 0);
    cu_mountdir_remove(&dir);
    assert_true(exists(at("/m")));
    /* A killed daemon's note makes it ours to remove. */
    assert_int_equal(cu_mountdir_make(&dir, at("/m"), 1, &err), 0);
    cu_mountdir_remove(&dir);
    assert_false(exists(at("/m")));
    assert_true(exists(base));
}

static void check_refused(const char *path, int code, const char *text)
{
    struct cu_mountdir dir;
    struct cu_error err = {""};

    assert_int_equal(cu_mountdir_make(&dir, path, 0, &err), code);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, err.text);
}

static void test_mountdir_refused(void **state)
{
    FILE *file;

    (void)state;
    check_refused("/", -EINVAL, "cannot be mounted on");
    assert_int_equal(mkdir(at("/open"), 0777), 0);
    assert_int_equal(chmod(at("/open"), 01777), 0);
    assert_int_equal(mkdir(at("/target"), 0700), 0);
    assert_int_equal(symlink(at("/target"), at("/open/link")), 0);
    assert_int_equal(symlink(at("/target"), at("/link")), 0);
    check_refused(at("/open/link/copper"), -EPERM,
                  "is a symbolic link in a directory that anybody");
    check_refused(at("/open/link"), -EPERM, "is a symbolic link in a directory that anybody");
    check_refused(at("/link"), -ENOTDIR, "is a symbolic link; choose another mount with -v");
    assert_false(exists(at("/target/copper")));
    file = fopen(at("/file"), "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    check_refused(at("/file/x"), -ENOTDIR, "is not a directory");
    check_refused(at("/file"), -ENOTDIR, "is not a directory");
    assert_int_equal(mkdir(at("/full"), 0700), 0);
    assert_int_equal(mkdir(at("/full/x"), 0700), 0);
    check_refused(at("/full"), -ENOTEMPTY, "is not empty");
}

static void test_mountdir_of_another(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(base, 01777), 0);
    assert_int_equal(mkdir(at("/theirs"), 0755), 0);
    assert_int_equal(mkdir(at("/theirs/mine"), 0700), 0);
    assert_int_equal(chown(at("/theirs"), 12345, 12345), 0);
    check_refused(at("/theirs/copper"), -EPERM, "belongs to another user (uid 12345)");
    check_refused(at("/theirs/mine/copper"), -EPERM, "belongs to another user (uid 12345)");
    check_refused(at("/theirs"), -EPERM, "belongs to another user (uid 12345)");
    assert_false(exists(at("/theirs/copper")));
    assert_int_equal(symlink("theirs", at("/link")), 0);
    check_refused(at("/link/copper"), -EPERM, "is a symbolic link in a directory that anybody");
    assert_int_equal(chmod(base, 0700), 0);
    check_refused(at("/link/copper"), -EPERM, "belongs to another user (uid 12345)");
    assert_int_equal(lchown(at("/link"), 12345, 12345), 0);
    check_refused(at("/link/copper"), -EPERM, "is a symbolic link and belongs to another user");
}

/* Whoever may write to a directory without the sticky bit can exchange what is in it. */
static void test_mountdir_in_open_directories(void **state)
{
    static const mode_t bad[] = {0777, 0770, 0720, 02770, 0702};
    struct cu_mountdir dir;
    struct cu_error err;

    (void)state;
    assert_int_equal(mkdir(at("/open"), 0700), 0);
    assert_int_equal(mkdir(at("/open/u"), 0700), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(chmod(at("/open"), bad[i]), 0);
        check_refused(at("/open/u/copper"), -EPERM, "others may exchange what is in it");
        check_refused(at("/open"), -EPERM, "others may");
        assert_false(exists(at("/open/u/copper")));
    }
    assert_int_equal(chmod(at("/open"), 01777), 0);
    assert_int_equal(cu_mountdir_make(&dir, at("/open/u/copper"), 0, &err), 0);
    assert_int_equal(dir.made, 1);
    cu_mountdir_remove(&dir);
    assert_true(exists(at("/open/u")));
    assert_int_equal(rmdir(at("/open/u")), 0);
    /* A name in a directory that others write to is not given away any more. */
    assert_int_equal(cu_mountdir_make(&dir, at("/open/u/v/copper"), 0, &err), 0);
    assert_int_equal(dir.made, 2);
    cu_mountdir_remove(&dir);
    assert_true(exists(at("/open/u")));
    assert_false(exists(at("/open/u/v")));
    assert_int_equal(cu_mountdir_make(&dir, at("/open/m"), 0, &err), 0);
    assert_int_equal(dir.made, 0);
    cu_mountdir_remove(&dir);
    assert_true(exists(at("/open/m")));
}

static void test_mountdir_through_own_link(void **state)
{
    struct cu_mountdir dir;
    struct cu_error err;

    (void)state;
    assert_int_equal(mkdir(at("/target"), 0700), 0);
    assert_int_equal(symlink("target", at("/link")), 0);
    assert_int_equal(cu_mountdir_make(&dir, at("/link/copper"), 0, &err), 0);
    assert_int_equal(dir.made, 1);
    cu_mountdir_remove(&dir);
    assert_true(exists(at("/link")));
    assert_false(exists(at("/target/copper")));
}

/* What the first process reports when the second does `act`. */
static int detach_outcome(void (*act)(struct cu_detach *), struct cu_error *err)
{
    struct cu_detach detach;

    assert_int_equal(cu_detach_fork(&detach, err), 0);
    if (detach.child == 0) {
        act(&detach);
        _exit(7);
    }
    return cu_detach_wait(&detach, err);
}

static void act_failed(struct cu_detach *detach)
{
    struct cu_error why;

    cu_error_set(&why, -1, "the port is taken");
    cu_detach_failed(detach, &why);
}

static void act_killed(struct cu_detach *detach)
{
    (void)detach;
    raise(SIGKILL);
}

static void act_ended(struct cu_detach *detach)
{
    (void)detach;
}

static void test_detach(void **state)
{
    struct cu_error err = {""};

    (void)state;
    assert_int_equal(detach_outcome(cu_detach_ready, &err), 0);
    assert_int_equal(detach_outcome(act_failed, &err), -EIO);
    assert_string_equal(err.text, "the port is taken");
    assert_int_equal(detach_outcome(act_killed, &err), -EIO);
    assert_string_equal(err.text, "the daemon was killed by signal 9 while it started");
    assert_int_equal(detach_outcome(act_ended, &err), -EIO);
    assert_string_equal(err.text, "the daemon ended with status 7 while it started");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_base, remove_base)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mountinfo),
        TEST(test_mounts_here),
        TEST(test_mountdir_made_and_removed),
        TEST(test_mountdir_there_stays),
        TEST(test_mountdir_refused),
        TEST(test_mountdir_of_another),
        TEST(test_mountdir_in_open_directories),
        TEST(test_mountdir_through_own_link),
        TEST(test_detach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
