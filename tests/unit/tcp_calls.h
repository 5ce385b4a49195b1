/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of sockets on other threads: calls of the kernel that are held, or do a part. The test
 * is linked with --wrap=sendmsg,--wrap=recvmsg. */
#ifndef TCP_CALLS_H
#define TCP_CALLS_H

#include "tcp_crew.h"

#include <stdatomic.h>
#include <sys/uio.h>

enum call { SEND, RECEIVE };

/* Guarded by lock. */
static bool holding[2], inside[2];
static int last_fd[2]; /* of a call */

static atomic_size_t limit[2]; /* bytes of one call; 0: no limit */
static atomic_bool change;     /* a byte that is received */

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);

static inline size_t enter(enum call call, int fd)
{
    pthread_mutex_lock(&lock);
    last_fd[call] = fd;
    inside[call] = true;
    pthread_cond_broadcast(&changed);
    while (holding[call])
        pthread_cond_wait(&changed, &lock);
    inside[call] = false;
    pthread_mutex_unlock(&lock);
    return limit[call];
}

static inline void set(enum call call, bool on)
{
    pthread_mutex_lock(&lock);
    holding[call] = on;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* A job is inside of the call. */
static inline bool is_inside(enum call call)
{
    bool is;

    pthread_mutex_lock(&lock);
    is = inside[call];
    pthread_mutex_unlock(&lock);
    return is;
}

/* A thread that gets there does not wake the loop. */
static inline void run_until_inside(enum call call)
{
    while (!is_inside(call))
        uv_run(&loop, UV_RUN_NOWAIT);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t most = enter(SEND, fd);
    struct iovec first = msg->msg_iov[0];
    struct msghdr less = {.msg_iov = &first, .msg_iovlen = 1};

    if (most == 0)
        return __real_sendmsg(fd, msg, flags);
    if (first.iov_len > most)
        first.iov_len = most;
    return __real_sendmsg(fd, &less, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
    size_t most = enter(RECEIVE, fd);
    ssize_t n;

    if (most > 0 && msg->msg_iov[0].iov_len > most) {
        msg->msg_iov[0].iov_len = most;
        msg->msg_iovlen = 1;
    }
    n = __real_recvmsg(fd, msg, flags);
    if (n > 0 && change)
        *(unsigned char *)msg->msg_iov[0].iov_base ^= 1;
    return n;
}

static inline uint64_t aside(const struct node *node)
{
    return node->counters[CU_COUNT_sockets_aside_bytes];
}

#endif
