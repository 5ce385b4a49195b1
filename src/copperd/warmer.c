/* SPDX-License-Identifier: BSD-3-Clause */
/* The two processes share the memory of the recipe and of what to do with it; a pair of sockets
 * says when that is there, and carries the result back. The descriptor of the process (pidfd, Linux
 * 5.3) tells its end, so that waiting for it never blocks: before it is over, the kernel may have
 * to close files of the mount, for which it asks this daemon. */
#include "copperd/warmer.h"

#include "base/path.h"
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET 3

struct shared {
    struct cu_warm_config config;
    char root[CU_PATH_MAX];
    size_t size; /* of the recipe */
    unsigned char recipe[CU_RECIPE_BYTES_MAX];
};

struct cu_warmer {
    struct shared *shared; /* owned; a page of it exists when it is written to */
    int fd;                /* a socket */
    int pid_fd;
    pid_t pid;
    uv_poll_t poll;
    struct cu_warmer_events events;
};

/* --- the process ------------------------------------------------------------------------------ */

static void work(struct shared *shared)
{
    struct cu_warm_result result;
    struct cu_recipe *recipe;
    char go;

    if (recv(SOCKET, &go, 1, 0) != 1 || cu_recipe_decode(shared->recipe, shared->size, &recipe) < 0)
        return;
    shared->config.root = shared->root;
    cu_warm_run(recipe, &shared->config, &result);
    (void)send(SOCKET, &result, sizeof(result), MSG_NOSIGNAL);
}

__attribute__((noreturn)) static void live(struct shared *shared, int fd, pid_t parent,
                                           void (*strip)(void *context), void *context)
{
    prctl(PR_SET_NAME, "copperd-warm");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    strip(context);
    if (fd != SOCKET && dup2(fd, SOCKET) < 0)
        _exit(1);
    cu_process_close_above(SOCKET);
    for (int i = 0; i < SOCKET; i++)
        cu_process_silence(i);
    work(shared);
    _exit(0);
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void free_warmer(struct cu_warmer *w)
{
    if (w->shared)
        munmap(w->shared, sizeof(*w->shared));
    if (w->fd >= 0)
        close(w->fd);
    if (w->pid_fd >= 0)
        close(w->pid_fd);
    free(w);
}

struct cu_warmer *cu_warmer_fork(void (*strip)(void *context), void *context)
{
    struct cu_warmer *w = calloc(1, sizeof(*w));
    pid_t self = getpid();
    int pair[2];

    if (!w)
        return NULL;
    w->fd = w->pid_fd = -1;
    w->shared =
        mmap(NULL, sizeof(*w->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->shared == MAP_FAILED)
        w->shared = NULL;
    if (!w->shared || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        free_warmer(w);
        return NULL;
    }
    w->pid = fork();
    if (w->pid == 0)
        live(w->shared, pair[1], self, strip, context);
    close(pair[1]);
    w->fd = pair[0];
    if (w->pid > 0)
        w->pid_fd = (int)syscall(SYS_pidfd_open, w->pid, 0);
    if (w->pid_fd >= 0)
        return w;
    if (w->pid > 0 && kill(w->pid, SIGKILL) == 0)
        (void)waitpid(w->pid, NULL, 0); /* it has no file of the mount yet */
    free_warmer(w);
    return NULL;
}

static void on_closed(uv_handle_t *handle)
{
    free_warmer(handle->data);
}

static void on_ended(uv_poll_t *poll, int status, int events)
{
    struct cu_warmer *w = poll->data;
    struct cu_warm_result result;
    bool whole = recv(w->fd, &result, sizeof(result), MSG_DONTWAIT) == sizeof(result);

    (void)status, (void)events;
    (void)waitpid(w->pid, NULL, WNOHANG);
    uv_close((uv_handle_t *)poll, on_closed);
    w->events.ended(w->events.context, whole ? &result : NULL);
}

int cu_warmer_watch(struct cu_warmer *w, uv_loop_t *loop, const struct cu_warmer_events *events)
{
    int rc = uv_poll_init(loop, &w->poll, w->pid_fd);

    w->events = *events;
    w->poll.data = w;
    if (rc == 0) {
        uv_unref((uv_handle_t *)&w->poll);
        rc = uv_poll_start(&w->poll, UV_READABLE, on_ended);
        if (rc == 0)
            return 0;
        uv_close((uv_handle_t *)&w->poll, on_closed);
        cu_warmer_end(w);
        return rc;
    }
    cu_warmer_end(w);
    free_warmer(w);
    return rc;
}

int cu_warmer_give(struct cu_warmer *w, const void *recipe, size_t size)
{
    if (size > CU_RECIPE_BYTES_MAX)
        return -EFBIG;
    memcpy(w->shared->recipe, recipe, size);
    w->shared->size = size;
    return 0;
}

void cu_warmer_begin(struct cu_warmer *w, const struct cu_warm_config *config)
{
    w->shared->config = *config;
    memcpy(w->shared->root, config->root, strlen(config->root) + 1);
    (void)send(w->fd, "", 1, MSG_NOSIGNAL); /* where it fails, the process has ended */
}

void cu_warmer_end(struct cu_warmer *w)
{
    if (w)
        kill(w->pid, SIGKILL);
}
