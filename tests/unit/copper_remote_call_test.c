/* SPDX-License-Identifier: BSD-3-Clause */
/* What a remote command is started with, and what is heard of it. */
#include "copper/remote_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define MANY 300

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static bool without_close_range;
static unsigned usual; /* pidfd_open: posix_spawn was used */

/* In place of libc's; called in the new process, too. */
__attribute__((no_sanitize("address", "thread", "undefined"))) long __wrap_syscall(long number, ...)
{
    va_list args;
    long a[4];

    va_start(args, number);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_close_range && without_close_range) {
        errno = ENOSYS;
        return -1;
    }
    usual += number == SYS_pidfd_open;
    return __real_syscall(number, a[0], a[1], a[2], a[3]);
}

struct heard {
    char lines[8][CU_CALL_SAID_MAX];
    unsigned count;
};

static void on_line(void *context, struct cu_call *call, char *line)
{
    struct heard *heard = context;

    (void)call;
    assert_true(heard->count < 8);
    strcpy(heard->lines[heard->count++], line);
}

/* Its status, after all that it has said. */
static int run_to_end(const char *const *argv, struct heard *heard)
{
    struct cu_call call = {.host = 0};
    struct pollfd end = {.events = POLLIN};
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC), status;

    *heard = (struct heard){.count = 0};
    assert_int_equal(cu_call_begin(&call, argv, in, false), 0);
    close(in);
    end.fd = call.pidfd;
    while (call.out >= 0) { /* the pipe ends with the process: nobody else holds it */
        struct pollfd more = {.fd = call.out, .events = POLLIN};

        assert_int_equal(poll(&more, 1, -1), 1);
        cu_call_take(&call, on_line, heard);
    }
    assert_int_equal(poll(&end, 1, -1), 1);
    assert_int_equal(waitpid(call.pid, &status, 0), call.pid);
    cu_call_end(&call, on_line, heard);
    assert_int_equal(call.pidfd, -1);
    return status;
}

/* None of the descriptors here is open there, no signal is blocked, SIGPIPE is as usual; here all
 * is as before. */
static void check_start(void)
{
    static const char *const argv[] = {"sh", "-c",
                                       "find /proc/self/fd -lname '/memfd:counted*'; "
                                       "grep -E '^Sig(Blk|Ign)' /proc/self/status; exit 7",
                                       NULL};
    struct heard heard;
    sigset_t some, now;
    int fds[MANY];

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigprocmask(SIG_BLOCK, &some, NULL);
    for (int i = 0; i < MANY; i++)
        fds[i] = memfd_create("counted", MFD_CLOEXEC);
    assert_int_equal(WEXITSTATUS(run_to_end(argv, &heard)), 7);
    assert_int_equal(heard.count, 2);
    assert_string_equal(heard.lines[0], "SigBlk:\t0000000000000000");
    assert_int_equal(strtoull(strchr(heard.lines[1], '\t'), NULL, 16) & 1u << (SIGPIPE - 1), 0);
    sigprocmask(SIG_SETMASK, NULL, &now);
    assert_true(sigismember(&now, SIGTERM));
    assert_false(sigismember(&now, SIGINT));
    for (int i = 0; i < MANY; i++)
        assert_int_equal(close(fds[i]), 0);
}

/* Nothing is left of what cannot be started. */
static void check_failures(void)
{
    static const char *const none[] = {"there-is-no-such-program", NULL};
    static const char *const directory[] = {"/", NULL};
    struct cu_call call = {.host = 0};
    int before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

    assert_int_equal(cu_call_begin(&call, none, before, false), -ENOENT);
    assert_int_equal(cu_call_begin(&call, directory, before, false), -EACCES);
    assert_int_equal(call.pidfd, -1);
    assert_int_equal(call.out, -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(after, before + 1);
    close(before);
    close(after);
}

static void a_process_has_what_it_is_given(void **state)
{
    static const char *const first[] = {"true", NULL};
    struct heard heard;

    (void)state;
    assert_int_equal(run_to_end(first, &heard), 0); /* as in a launch: then many are open */
    check_start();
    check_start();
    check_failures();
    assert_int_equal(usual, 0);
}

/* Last: what was found out about the kernel is kept. */
static void so_it_is_on_a_kernel_without_close_range(void **state)
{
    (void)state;
    without_close_range = true;
    check_start();
    check_failures();
    assert_int_equal(usual, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_has_what_it_is_given),
        cmocka_unit_test(so_it_is_on_a_kernel_without_close_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
