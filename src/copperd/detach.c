/* SPDX-License-Identifier: BSD-3-Clause */
/* Readiness is reported over a pipe: one '+', or the text of the error. End of file without either
 * means that the daemon has died, so no outcome needs a time limit or a sleep. */
#include "copperd/detach.h"

#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int cu_detach_fork(struct cu_detach *detach, struct cu_error *err)
{
    int fds[2];

    *detach = (struct cu_detach){.pipe_fd = -1};
    if (pipe2(fds, O_CLOEXEC) < 0)
        return cu_error_set(err, -errno, "no pipe: %s", strerror(errno));
    detach->child = fork();
    if (detach->child < 0) {
        int error = -errno;

        close(fds[0]);
        close(fds[1]);
        return cu_error_set(err, error, "no second process: %s", strerror(-error));
    }
    close(fds[detach->child == 0 ? 0 : 1]);
    detach->pipe_fd = fds[detach->child == 0 ? 1 : 0];
    if (detach->child == 0) {
        setsid();
        cu_process_silence(0);
        cu_process_silence(1);
    }
    return 0;
}

int cu_detach_wait(struct cu_detach *detach, struct cu_error *err)
{
    char text[CU_ERROR_TEXT_MAX];
    size_t at = 0;
    int status = 0;

    while (at < sizeof(text) - 1) {
        ssize_t got = read(detach->pipe_fd, text + at, sizeof(text) - 1 - at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        at += (size_t)got;
        if (text[0] == '+')
            break; /* the supervisor keeps its end of the pipe */
    }
    text[at] = '\0';
    close(detach->pipe_fd);
    detach->pipe_fd = -1;
    if (at == 1 && text[0] == '+')
        return 0;
    while (waitpid(detach->child, &status, 0) < 0 && errno == EINTR)
        ;
    if (at > 0)
        return cu_error_set(err, -EIO, "%s", text);
    if (WIFSIGNALED(status))
        return cu_error_set(err, -EIO, "the daemon was killed by signal %d while it started",
                            WTERMSIG(status));
    return cu_error_set(err, -EIO, "the daemon ended with status %d while it started",
                        WEXITSTATUS(status));
}

static void tell(struct cu_detach *detach, const char *text)
{
    size_t len = strlen(text);

    while (detach->pipe_fd >= 0 && len > 0) {
        ssize_t put = write(detach->pipe_fd, text, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        text += put;
        len -= (size_t)put;
    }
    if (detach->pipe_fd >= 0)
        close(detach->pipe_fd);
    detach->pipe_fd = -1;
}

void cu_detach_ready(struct cu_detach *detach)
{
    cu_process_silence(2);
    tell(detach, "+");
}

void cu_detach_failed(struct cu_detach *detach, const struct cu_error *err)
{
    tell(detach, err->text);
}
