/* SPDX-License-Identifier: BSD-3-Clause */
/* Children that end, and children that do not. */
#include "host/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void its_status_is_told(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(7);
    assert_true(pid > 0);
    assert_int_equal(cu_child_wait(pid, 60000), 7);
    pid = fork();
    if (pid == 0) {
        raise(SIGKILL);
        _exit(0);
    }
    assert_int_equal(cu_child_wait(pid, 60000), 128 + SIGKILL);
    assert_int_equal(cu_child_wait(pid, 60000), -ECHILD);
}

/* Signals are not blocked in it, it reads nothing, leads a group, and its words are kept. */
static void a_program_is_started(void **state)
{
    char *const argv[] = {(char *)"sh", (char *)"-c",
                          (char *)"read x; echo said $?; echo too >&2; kill -TERM 0; sleep 600",
                          NULL};
    int said = memfd_create("said", MFD_CLOEXEC);
    char words[64] = "";
    sigset_t all, before;
    pid_t pid = -1;

    (void)state;
    assert_true(said >= 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    assert_int_equal(cu_child_start("/bin/sh", argv, said, &pid), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(cu_child_wait(pid, 60000), 128 + SIGTERM);
    assert_int_equal(pread(said, words, sizeof(words) - 1, 0), 11);
    assert_string_equal(words, "said 1\ntoo\n");
    assert_int_equal(cu_child_start("/nowhere", argv, said, &pid), -ENOENT);
    close(said);
}

static void one_that_is_stopped_is_ended(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(cu_child_wait(pid, 50), -ETIMEDOUT);
    assert_int_equal(kill(pid, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_status_is_told),
        cmocka_unit_test(a_program_is_started),
        cmocka_unit_test(one_that_is_stopped_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
