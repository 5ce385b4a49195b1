/* SPDX-License-Identifier: BSD-3-Clause */
/* Variables of another process. */
#include "host/environ.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {"PATH", "PYTHONPATH", "LONG", "NOT_THERE"};

/* It has become the program, and waits for its input: it has sent back what it was sent.
 * (posix_spawn may return before the new environment is in place.) */
static pid_t spawn(char *const *environment, int *end)
{
    char *const command[] = {"cat", NULL};
    posix_spawn_file_actions_t actions;
    int to[2], from[2];
    char byte = 'x';
    pid_t pid;

    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, to[0], 0), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, from[1], 1), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&actions, to[1]), 0);
    assert_int_equal(posix_spawnp(&pid, "cat", &actions, NULL, command, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(write(to[1], &byte, 1), 1);
    assert_int_equal(read(from[0], &byte, 1), 1);
    close(to[0]);
    close(from[0]);
    close(from[1]);
    *end = to[1];
    return pid;
}

static void test_values(void **state)
{
    char *const environment[] = {"XPATH=/no",     "PYTHONPATH=/a:/b", "LONG=123456",
                                 "PATH=/usr/bin", "PATHS=/no",        NULL};
    struct cu_environ_process process, again;
    char *values[4];
    int end;
    pid_t pid = spawn(environment, &end);

    (void)state;
    assert_int_equal(cu_environ_process(pid, &process), 0);
    assert_int_equal(process.pid, pid);
    assert_true(process.start > 0 && process.image > 0 && !process.apart);
    assert_int_equal(cu_environ_process(pid, &again), 0);
    assert_true(process.pid == again.pid && process.start == again.start &&
                process.image == again.image);
    assert_int_equal(cu_environ_values(pid, names, 4, 5, values), 0);
    assert_null(values[0]); /* over 5 bytes */
    assert_string_equal(values[1], "/a:/b");
    assert_null(values[2]);
    assert_null(values[3]);
    free(values[1]);
    close(end);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(cu_environ_process(pid, &process), -ESRCH);
    assert_true(cu_environ_values(pid, names, 4, 5, values) < 0);
    assert_null(values[1]);
}

/* As root only: what belongs to others is left alone, whatever may be read. */
static void test_others(void **state)
{
    struct cu_environ_process process;
    int fds[2], status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        char byte = 0;

        if (setuid(65534) != 0 || write(fds[1], &byte, 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &status, 1), 1);
    assert_int_equal(cu_environ_process(pid, &process), -EPERM);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(fds[0]);
}

/* One that has left this process's mounts, where it may. */
static void test_other_mounts(void **state)
{
    struct cu_environ_process process;
    int fds[2];
    char byte = 0;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        byte = unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 'y' : 'n';
        _exit(write(fds[1], &byte, 1) == 1 && pause() == 0);
    }
    assert_int_equal(read(fds[0], &byte, 1), 1);
    if (byte == 'y') {
        assert_int_equal(cu_environ_process(pid, &process), 0);
        assert_true(process.apart);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(fds[0]);
    close(fds[1]);
    if (byte != 'y')
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_other_mounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
