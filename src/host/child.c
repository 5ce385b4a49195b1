/* SPDX-License-Identifier: BSD-3-Clause */
/* SIGKILL ends also a process that was stopped, and one that waits for a FUSE mount of its user. */
#include "host/child.h"

#include "host/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int cu_child_start(const char *path, char *const *argv, int said, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attr);
    if (rc != 0)
        goto out;
    sigemptyset(&none); /* this thread may have blocked all */
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setpgroup(&attr, 0);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    for (int fd = 1; fd <= 2 && rc == 0 && said >= 0; fd++)
        rc = posix_spawn_file_actions_adddup2(&actions, said, fd);
    if (rc == 0)
        rc = posix_spawn(pid, path, &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
out:
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

int cu_child_wait(pid_t pid, int limit_ms)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int rc = pidfd >= 0 ? cu_clock_wait(pidfd, POLLIN, cu_clock_ms() + limit_ms) : -errno;
    int status = 0;

    if (rc != 0)
        kill(pid, SIGKILL);
    if (pidfd >= 0)
        close(pidfd);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (rc != 0)
        return rc;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
