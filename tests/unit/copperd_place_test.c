/* SPDX-License-Identifier: BSD-3-Clause */
/* The place of a daemon on its node: lock, mounts, mount directory, and the start's pipe. */
#include "copperd/detach.h"
#include "host/clock.h"
#include "host/lock.h"
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
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64];

static const char *at(const char *name)
{
    static char path[8][256];
    static unsigned next;
    char *out = path[next++ % 8];

    snprintf(out, sizeof(path[0]), "%s%s", base, name);
    return out;
}

static int make_base(void **state)
{
    (void)state;
    strcpy(base, "/tmp/cu-place-test-XXXXXX");
    return mkdtemp(base) == NULL;
}

static int remove_base(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    return system(command);
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

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

static int take_lock(struct cu_lock *lock, const char *job_id, uint32_t rank, struct cu_error *err)
{
    const struct cu_lock_who who = {
        .mount = "/tmp/a/m", .job_id = job_id, .owner = "pbs 1.server", .rank = rank};

    return cu_lock_take(lock, at("/lock"), &who, err);
}

static void test_lock(void **state)
{
    struct cu_lock first, second;
    struct cu_error err = {""};
    char expected[256];

    (void)state;
    assert_int_equal(take_lock(&first, "00112233445566778899aabbccddeeff", 7, &err), 0);
    assert_int_equal(first.dirs_left, 0);
    assert_int_equal(cu_lock_note(&first, 2), 0);
    assert_int_equal(take_lock(&second, "ff", 7, &err), -EBUSY);
    snprintf(expected, sizeof(expected), "already running on this mount (pid %ld, job 00112233)",
             (long)getpid());
    assert_string_equal(err.text, expected);
    /* Another host of the same job; the same one, started once more. */
    assert_int_equal(take_lock(&second, "00112233445566778899aabbccddeeff", 8, &err), -EBUSY);
    assert_non_null(strstr(err.text, "names this host twice"));
    assert_int_equal(take_lock(&second, "00112233445566778899aabbccddeeff", 7, &err), -EALREADY);
    cu_lock_release(&second);
    assert_true(exists(at("/lock")));
    cu_lock_release(&first);
    cu_lock_release(&first);
    assert_false(exists(at("/lock")));
    assert_int_equal(take_lock(&second, "ff", 7, &err), 0);
    cu_lock_release(&second);
}

static pid_t locker(int fd, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

static void test_lock_tells_its_holders(void **state)
{
    struct cu_lock lock;
    struct cu_error err;
    struct cu_lock_seen seen;
    pid_t supervisor = getpid(), pid;
    int status, pidfd, up[2], down[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    assert_int_equal(take_lock(&lock, "ff", 7, &err), 0);
    pid = fork();
    if (pid == 0) { /* the daemon */
        close(down[1]);
        if (cu_lock_share(&lock) != 0 || locker(lock.fd, CU_LOCK_SUPERVISOR) != supervisor ||
            write(up[1], "", 1) != 1)
            _exit(1);
        _exit(read(down[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(up[1]);
    assert_int_equal(read(up[0], &byte, 1), 1);
    assert_int_equal(locker(lock.fd, CU_LOCK_DAEMON), pid);
    cu_lock_see(at("/lock"), &seen);
    assert_true(seen.held);
    assert_int_equal(seen.pid, supervisor);
    assert_string_equal(seen.job_id, "ff");
    pidfd = cu_lock_open_holder(&seen, CU_LOCK_DAEMON);
    assert_true(pidfd >= 0);
    close(down[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(locker(lock.fd, CU_LOCK_DAEMON), 0);
    assert_int_equal(cu_lock_open_holder(&seen, CU_LOCK_DAEMON), -1);
    assert_int_equal(cu_clock_wait(pidfd, POLLIN, 0), 0); /* that was the daemon */
    close(pidfd);
    cu_lock_unsee(&seen);
    cu_lock_release(&lock);
    cu_lock_see(at("/lock"), &seen);
    assert_int_equal(seen.fd, -1);
    assert_false(seen.held);
    close(up[0]);
    close(down[0]);
}

static void test_lock_of_killed(void **state)
{
    struct cu_lock lock;
    struct cu_lock_seen seen;
    struct cu_error err;
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        if (take_lock(&lock, "00112233445566778899aabbccddeeff", 7, &err) == 0 &&
            cu_lock_note(&lock, 12) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(exists(at("/lock")));
    cu_lock_see(at("/lock"), &seen);
    assert_false(seen.held);
    assert_int_equal(seen.dirs, 12);
    assert_string_equal(seen.mount, "/tmp/a/m");
    assert_string_equal(seen.owner, "pbs 1.server");
    cu_lock_unsee(&seen);
    assert_int_equal(take_lock(&lock, "ff", 7, &err), 0);
    assert_int_equal(lock.dirs_left, 12);
    cu_lock_release(&lock);
}

/* A process has the lock, and writes who it is later, over the note of one that was killed. */
static void test_lock_before_its_note(void **state)
{
    static const char stale[] = "pid 99999999\njob 77\ndirs 3\nstarts 1\nrank 1\nmount /tmp/x\n";
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    struct cu_lock second;
    struct cu_lock_seen seen;
    struct cu_error err;
    int up[2], down[2], status;
    pid_t pid;
    char byte, text[128];

    (void)state;
    for (int by = 0; by < 2; by++) {
        assert_int_equal(pipe(up), 0);
        assert_int_equal(pipe(down), 0);
        pid = fork();
        if (pid == 0) {
            int fd = open(at("/lock"), O_RDWR | O_CREAT, 0600), len;

            if (write(fd, stale, strlen(stale)) < 0 || flock(fd, LOCK_EX) != 0 ||
                write(up[1], "", 1) != 1 || read(down[0], &byte, 1) != 1)
                _exit(1);
            poll(NULL, 0, 20); /* more likely than not the other looks at it now */
            len = snprintf(text, sizeof(text),
                           "pid %ld\njob ff\ndirs 0\nstarts 0\nrank 3\nmount /tmp/a/m\n",
                           (long)getpid());
            if (pwrite(fd, text, (size_t)len, 0) != len || ftruncate(fd, len) != 0 ||
                fcntl(fd, F_SETLK, &lock) != 0)
                _exit(1);
            _exit(read(down[0], &byte, 1) == 1 ? 0 : 1);
        }
        assert_int_equal(read(up[0], &byte, 1), 1);
        assert_int_equal(write(down[1], "", 1), 1);
        if (by == 0) {
            assert_int_equal(take_lock(&second, "ff", 4, &err), -EBUSY);
            snprintf(text, sizeof(text), "as another of its hosts (pid %ld)", (long)pid);
            assert_non_null(strstr(err.text, text));
        } else {
            cu_lock_see(at("/lock"), &seen);
            assert_true(seen.held);
            assert_int_equal(seen.pid, pid);
            assert_string_equal(seen.job_id, "ff");
            assert_string_equal(seen.mount, "/tmp/a/m");
            cu_lock_unsee(&seen);
        }
        assert_int_equal(write(down[1], "", 1), 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        for (int i = 0; i < 2; i++) {
            close(up[i]);
            close(down[i]);
        }
    }
}

/* Who looks at a lock has it for a moment, and is no daemon. */
static void test_lock_beside_lookers(void **state)
{
    static const char stale[] = "pid 99999999\njob 77\ndirs 3\nstarts 1\nrank 1\nmount /tmp/x\n";
    struct cu_error err = {""};
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* when a check fails */
        for (;;) {
            struct cu_lock_seen seen;

            cu_lock_see(at("/lock"), &seen);
            cu_lock_unsee(&seen);
        }
    }
    for (int i = 0; i < 200; i++) {
        struct cu_lock lock;
        int fd = open(at("/lock"), O_RDWR | O_CREAT, 0600);

        assert_true(write(fd, stale, strlen(stale)) > 0);
        close(fd);
        if (take_lock(&lock, "ff", 4, &err) != 0)
            fail_msg("%s", err.text);
        cu_lock_release(&lock);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void test_lock_refuses_link(void **state)
{
    struct cu_lock lock;
    struct cu_error err;

    (void)state;
    assert_int_equal(symlink(at("/elsewhere"), at("/lock")), 0);
    assert_int_equal(take_lock(&lock, "ff", 7, &err), -ELOOP);
    assert_false(exists(at("/elsewhere")));
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
        TEST(test_lock),
        TEST(test_lock_tells_its_holders),
        TEST(test_lock_of_killed),
        TEST(test_lock_before_its_note),
        TEST(test_lock_beside_lookers),
        TEST(test_lock_refuses_link),
        TEST(test_detach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
