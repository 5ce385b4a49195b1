/* SPDX-License-Identifier: BSD-3-Clause */
/* posix_spawn copies the table of descriptors, and the exec closes each of the copies: with two for
 * each of a thousand hosts this is half of all CPU. So the new process shares the table at first,
 * and takes a copy of its lowest entries only. Where the kernel has no such call, or a filter
 * forbids it, posix_spawn does it all. */
#include "copper/remote_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define UNSHARE     (1u << 1)  /* CLOSE_RANGE_UNSHARE, Linux 5.9 */
#define STACK_BYTES (1u << 17) /* execvpe searches the PATH on it */
#define LOW_MIN     5          /* above those that a launcher is given */
#define LOW_MAX     64

extern char **environ;

struct start {
    const char *const *argv;
    int to;
    bool copied;
    int error;
};

static struct {
    enum { NOT_TRIED, WORKS, WORKS_NOT } state;
    int none;          /* holds the places of the other two meanwhile */
    int in, out, kept; /* where a new process finds its descriptors; those below kept are copied */
    char *stack;
} low;

static void set_up_low(void)
{
    low.state = WORKS_NOT;
    low.none = open("/dev/null", O_RDONLY | O_CLOEXEC);
    low.in = fcntl(low.none, F_DUPFD_CLOEXEC, LOW_MIN);
    low.out = fcntl(low.none, F_DUPFD_CLOEXEC, LOW_MIN);
    low.kept = (low.in > low.out ? low.in : low.out) + 1;
    low.stack = malloc(STACK_BYTES);
    if (low.in >= 0 && low.out >= 0 && low.kept <= LOW_MAX && low.stack)
        low.state = WORKS;
}

/* In the new process, which has this one's memory until its exec. Of both only this one runs. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static int run_start(void *arg)
{
    struct start *start = arg;
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    if (syscall(SYS_close_range, (unsigned)low.kept, ~0u, UNSHARE) == 0) {
        start->copied = true;
        sigemptyset(&none);
        if (dup2(low.in, 0) >= 0 && dup2(start->to, 1) >= 0 && dup2(low.out, 2) >= 0 &&
            sigaction(SIGPIPE, &plain, NULL) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0)
            execvpe(start->argv[0], (char *const *)start->argv, environ);
    }
    start->error = errno;
    _exit(127);
}

/* 0 with pid and pidfd; -errno; 1: to be done in the other way. */
static int spawn_low(const char *const *argv, int in, int out, int to, pid_t *pid, int *pidfd)
{
    struct start start = {.argv = argv, .to = to == out ? low.out : to};
    sigset_t all, before;
    int rc = 0;

    if (dup3(in, low.in, O_CLOEXEC) < 0 || dup3(out, low.out, O_CLOEXEC) < 0)
        return -errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    *pid = clone(run_start, low.stack + STACK_BYTES,
                 CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD, &start, pidfd);
    if (*pid < 0)
        rc = -errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    (void)dup3(low.none, low.in, O_CLOEXEC);
    (void)dup3(low.none, low.out, O_CLOEXEC); /* else the reader of the pipe would see no end */
    if (rc == 0 && start.error != 0) {
        waitpid(*pid, NULL, 0);
        close(*pidfd);
        rc = -start.error;
        if (!start.copied) {
            low.state = WORKS_NOT;
            rc = 1;
        }
    }
    return rc;
}

static int spawn_usual(const char *const *argv, int in, int out, int to, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, pipe_only;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -rc;
    }
    sigemptyset(&none);
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    rc = posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, to, 1);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, out, 2);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(&attributes, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(&attributes, &pipe_only);
    if (rc == 0)
        rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* The same with posix_spawn. */
static int spawn_copying(const char *const *argv, int in, int out, int to, pid_t *pid, int *pidfd)
{
    int rc = spawn_usual(argv, in, out, to, pid);

    if (rc != 0)
        return rc;
    *pidfd = (int)syscall(SYS_pidfd_open, *pid, 0);
    if (*pidfd >= 0)
        return 0;
    rc = -errno;
    kill(*pid, SIGKILL);
    waitpid(*pid, NULL, 0);
    return rc;
}

int cu_remote_spawn(const char *const *argv, int in, int out, int to, pid_t *pid, int *pidfd)
{
    int rc = 1;

    if (low.state == NOT_TRIED)
        set_up_low();
    if (low.state == WORKS)
        rc = spawn_low(argv, in, out, to, pid, pidfd);
    if (rc > 0)
        rc = spawn_copying(argv, in, out, to, pid, pidfd);
    if (rc != 0)
        *pidfd = -1;
    return rc;
}
