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
        cmocka_unit_test(one_that_is_stopped_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
