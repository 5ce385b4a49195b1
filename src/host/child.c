/* SPDX-License-Identifier: BSD-3-Clause */
/* SIGKILL ends also a process that was stopped, and one that waits for a FUSE mount of its user. */
#include "host/child.h"

#include "host/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
