/* SPDX-License-Identifier: BSD-3-Clause */
/* One daemon per mount: the lock, what is written in it, and who may have it. */
#include "host/clock.h"
#include "host/lock.h"

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

#include "scratch.h"

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

/* Who removes what a dead daemon has left: no new one starts meanwhile, it waits. */
static void test_lock_claimed(void **state)
{
    static const char stale[] = "pid 1\njob ee\ndirs 3\nstarts 1\nrank 9\n";
    struct cu_lock_seen seen;
    struct cu_lock lock;
    int pipes[2], fd, status;
    struct cu_error err;
    char byte;
    pid_t pid;

    (void)state;
    assert_int_equal(cu_lock_claim(at("/none/lock"), &seen), -ENOENT);
    assert_int_equal(pipe(pipes), 0);
    fd = open(at("/lock"), O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(fd, stale, strlen(stale)), strlen(stale));
    assert_int_equal(close(fd), 0);
    assert_int_equal(cu_lock_claim(at("/lock"), &seen), 0);
    assert_int_equal(seen.dirs, 3);
    assert_string_equal(seen.job_id, "ee");
    pid = fork();
    if (pid == 0) { /* the next daemon */
        int rc = take_lock(&lock, "ff", 4, &err);

        if (write(pipes[1], "t", 1) != 1 || read(pipes[0], &byte, 0) != 0)
            _exit(3);
        _exit(rc == 0 && lock.dirs_left == 0 && cu_lock_holds(&lock) ? 0 : 2);
    }
    assert_int_equal(cu_clock_wait(pipes[0], POLLIN, cu_clock_ms() + 100), -ETIMEDOUT);
    assert_int_equal(unlink(at("/lock")), 0); /* as the last of what is removed */
    cu_lock_unsee(&seen);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(unlink(at("/lock")), 0); /* the child has ended without that */

    /* It is not taken from who lives. */
    pid = fork();
    if (pid == 0) {
        if (take_lock(&lock, "ff", 4, &err) != 0 || write(pipes[1], "h", 1) != 1)
            _exit(2);
        pause();
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(byte, 'h');
    assert_int_equal(cu_lock_claim(at("/lock"), &seen), -EBUSY);
    assert_true(seen.held && seen.fd == -1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(cu_lock_claim(at("/lock"), &seen), 0);
    assert_string_equal(seen.job_id, "ff");
    cu_lock_unsee(&seen);
    assert_int_equal(unlink(at("/lock")), 0);
    close(pipes[0]);
    close(pipes[1]);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_base, remove_base)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lock),
        TEST(test_lock_tells_its_holders),
        TEST(test_lock_of_killed),
        TEST(test_lock_before_its_note),
        TEST(test_lock_beside_lookers),
        TEST(test_lock_claimed),
        TEST(test_lock_refuses_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
