/* SPDX-License-Identifier: BSD-3-Clause */
/* A command is over when its process has ended: processes that it leaves behind may keep the pipe
 * open. */
#include "copper/remote_call.h"

#include "copper/remote_spawn.h"
#include "host/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PER_CORE       512 /* at once: most of a remote start is waiting */
#define WIDTH_MAX      4096
#define FDS_OTHER      32u
#define PROCESSES_EACH 2u

static size_t at_most(size_t width, uint64_t limit)
{
    return limit < width ? (size_t)limit : width;
}

/* Descriptors are used up to the hard limit; of the processes that can be started, half,
 * because a remote shell may start another one. */
size_t cu_call_width(size_t hosts)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_AVPHYS_PAGES);
    size_t width = (size_t)(cores > 0 ? cores : 1) * PER_CORE;
    struct rlimit limit;

    width = at_most(at_most(width, WIDTH_MAX), hosts);
    if (pages > 0)
        width = at_most(width, (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / CU_CALL_BYTES);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        rlim_t wanted = FDS_OTHER + CU_CALL_FDS * width;

        if (limit.rlim_cur < wanted) {
            limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
            setrlimit(RLIMIT_NOFILE, &limit);
        }
        width = at_most(
            width, limit.rlim_cur > FDS_OTHER ? (limit.rlim_cur - FDS_OTHER) / CU_CALL_FDS : 1);
    }
    width = at_most(width, cu_limits_tasks((unsigned)(PROCESSES_EACH * width)) / PROCESSES_EACH);
    return width > 0 ? width : 1;
}

static void keep_line(struct cu_call *call,
                      void (*on_line)(void *context, struct cu_call *call, char *line),
                      void *context)
{
    call->line[call->len] = '\0';
    if (call->len > 0) {
        memcpy(call->last, call->line, call->len + 1);
        if (strncmp(call->line, "copperd: ", 9) == 0 || strncmp(call->line, "copper: ", 8) == 0)
            memcpy(call->ours, call->line, call->len + 1);
        if (on_line)
            on_line(context, call, call->line);
    }
    call->len = 0;
}

void cu_call_take(struct cu_call *call,
                  void (*on_line)(void *context, struct cu_call *call, char *line), void *context)
{
    char bytes[4096];

    while (call->out >= 0) {
        ssize_t n = read(call->out, bytes, sizeof(bytes));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] == '\n' || bytes[i] == '\r')
                keep_line(call, on_line, context);
            else if (call->len + 1 < sizeof(call->line))
                call->line[call->len++] = bytes[i];
        }
        if (n <= 0) {
            close(call->out);
            call->out = -1;
        }
    }
}

void cu_call_end(struct cu_call *call,
                 void (*on_line)(void *context, struct cu_call *call, char *line), void *context)
{
    cu_call_take(call, on_line, context);
    keep_line(call, on_line, context);
    close(call->pidfd);
    if (call->out >= 0)
        close(call->out);
    call->pidfd = call->out = -1;
}

int cu_call_begin(struct cu_call *call, const char *const *argv, int in, bool to_user)
{
    int fds[2], rc;

    call->pidfd = call->out = -1;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -errno;
    rc = cu_remote_spawn(argv, in, fds[1], to_user ? CU_CALL_OUTPUT_FD : fds[1], &call->pid,
                         &call->pidfd);
    close(fds[1]);
    if (rc != 0) {
        close(fds[0]);
        return rc;
    }
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    call->out = fds[0];
    return 0;
}
