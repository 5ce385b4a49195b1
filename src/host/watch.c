/* SPDX-License-Identifier: BSD-3-Clause */
/* The child installs the filter and hands its listener over a pair of sockets; then it waits for a
 * word, for the parent first tries to read its memory: where that is not allowed nothing is run.
 *
 * Invariant: each call that was received is answered, in any case with "go on": what the kernel
 * then does is what it would have done without us. A path that a thread changes meanwhile is one
 * that we did not see; nothing is decided here. */
#include "host/watch.h"

#include "host/watch_memory.h"
#include "host/watch_state.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

static const int handed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

/* --- starting --------------------------------------------------------------------------------- */

/* In the child. The listener or -errno. */
static int install(void)
{
    struct sock_fprog program = {0};
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    long fd = -1;

    program.filter = cu_watch_filter(&program.len);
    if (!program.filter)
        return -ENOSYS;
    fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd < 0 && errno == EINVAL) {
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    }
    if (fd < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd < 0 && errno == EINVAL)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                     &program);
    free(program.filter);
    return fd < 0 ? -errno : (int)fd;
}

/* What the child says: a listener, or why there is none, or why the command cannot be executed. */
static int say(int to, int error, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&error, sizeof(error)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    return sendmsg(to, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* 0 with *fd (-1: none); 1: the other end is closed, which the command's start does; -errno. */
static int hear(int from, int *fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    int error = 0;
    struct iovec part = {&error, sizeof(error)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

    *fd = -1;
    if (n == 0)
        return 1;
    if (n != (ssize_t)sizeof(error))
        return n < 0 ? -errno : -EPROTO;
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(header), sizeof(*fd));
    return -error;
}

static _Noreturn void become(const struct cu_watch *watch, int socket, char *const argv[])
{
    int listener = install(), word;

    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* the parent reads its memory */
    if (listener < 0) {
        (void)say(socket, -listener, -1);
        _exit(1);
    }
    if (say(socket, 0, listener) < 0 || read(socket, &word, sizeof(word)) != sizeof(word))
        _exit(1);
    close(listener);
    (void)sigprocmask(SIG_SETMASK, &watch->before, NULL);
    execvp(argv[0], argv);
    (void)say(socket, errno, -1);
    _exit(1);
}

static void forget(struct cu_watch *watch)
{
    struct cu_watch_space *space;

    while ((space = watch->spaces)) {
        watch->spaces = space->next;
        close(space->root);
        if (space->mounts >= 0)
            close(space->mounts);
        free(space);
    }
    if (watch->listener >= 0)
        close(watch->listener);
    if (watch->signals >= 0)
        close(watch->signals);
    if (watch->socket >= 0)
        close(watch->socket);
    free(watch->known);
    free(watch->call);
    free(watch->answer);
    free(watch);
}

static int prepare(struct cu_watch *watch)
{
    struct seccomp_notif_sizes sizes = {0};
    sigset_t set;

    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
        return -errno;
    watch->call_size =
        sizes.seccomp_notif > sizeof(*watch->call) ? sizes.seccomp_notif : sizeof(*watch->call);
    watch->answer_size = sizes.seccomp_notif_resp > sizeof(*watch->answer)
                             ? sizes.seccomp_notif_resp
                             : sizeof(*watch->answer);
    watch->call = calloc(1, watch->call_size);
    watch->answer = calloc(1, watch->answer_size);
    watch->known = calloc(CU_WATCH_PIDS / 8, 1);
    if (!watch->call || !watch->answer || !watch->known)
        return -ENOMEM;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++)
        sigaddset(&set, handed_on[i]);
    if (sigprocmask(SIG_BLOCK, &set, &watch->before) < 0)
        return -errno;
    watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return watch->signals < 0 ? -errno : 0;
}

/* Gets the listener, and tries whether the child's memory can be read. */
static int attach(struct cu_watch *watch, struct cu_error *err)
{
    static const char probe[] = "probe";
    char read_back[sizeof(probe)];
    int rc = hear(watch->socket, &watch->listener), word = 0;

    if (rc != 0 || watch->listener < 0)
        return cu_error_set(err, rc < 0 ? rc : -EPROTO,
                            "a filter of system calls (seccomp) cannot be set: %s",
                            rc == -EBUSY ? "another program watches it already"
                            : rc < 0     ? strerror(-rc)
                                         : "the child has ended");
    rc = cu_watch_read(watch->child, (uintptr_t)probe, read_back, sizeof(probe));
    if (rc < 0)
        return cu_error_set(err, rc,
                            "the memory of a child cannot be read (ptrace; a container, or "
                            "kernel.yama.ptrace_scope): %s",
                            strerror(-rc));
    if (write(watch->socket, &word, sizeof(word)) != sizeof(word))
        return cu_error_set(err, -EPIPE, "the child has ended");
    return 0;
}

int cu_watch_start(char *const argv[], struct cu_watch **out, struct cu_error *err)
{
    struct cu_watch *watch = calloc(1, sizeof(*watch));
    int pair[2] = {-1, -1}, rc = watch ? 0 : -ENOMEM;

    if (rc == 0) {
        watch->listener = watch->signals = watch->socket = -1;
        rc = prepare(watch);
    }
    if (rc == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        rc = -errno;
    if (rc == 0) {
        watch->child = fork();
        if (watch->child == 0) {
            close(pair[0]);
            become(watch, pair[1], argv);
        }
        rc = watch->child < 0 ? -errno : 0;
        close(pair[1]);
        watch->socket = pair[0];
    }
    if (rc < 0) {
        cu_error_set(err, rc, "%s", strerror(-rc));
    } else {
        rc = attach(watch, err);
        if (rc < 0) {
            kill(watch->child, SIGKILL);
            (void)waitpid(watch->child, NULL, 0);
        }
    }
    if (rc < 0 && watch) {
        (void)sigprocmask(SIG_SETMASK, &watch->before, NULL);
        forget(watch);
    }
    *out = rc < 0 ? NULL : watch;
    return rc;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void go_on(const struct cu_watch *watch)
{
    memset(watch->answer, 0, watch->answer_size);
    watch->answer->id = watch->call->id;
    watch->answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    (void)ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_SEND, watch->answer);
}

/* False: there will be no more. */
static bool receive(const struct cu_watch *watch)
{
    memset(watch->call, 0, watch->call_size);
    if (ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_RECV, watch->call) == 0)
        return true;
    watch->call->id = 0;
    return errno == EINTR || errno == ENOENT || errno == EAGAIN;
}

static void take_call(struct cu_watch *watch,
                      void (*seen)(void *context, struct cu_watch_event *event), void *context)
{
    struct cu_watch_event *event;
    bool unread = false, valid;

    if (!receive(watch) || watch->call->id == 0)
        return;
    event = cu_watch_describe(watch, &unread);
    /* The thread may have ended meanwhile, and its number may be another one's. */
    valid = ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &watch->call->id) == 0;
    go_on(watch);
    watch->counts.unread += unread && valid;
    if (event && valid)
        seen(context, event);
    else
        free(event);
}

static void hand_on(const struct cu_watch *watch)
{
    struct signalfd_siginfo info;

    while (read(watch->signals, &info, sizeof(info)) == sizeof(info))
        /* From a terminal the command gets it, too. */
        if (info.ssi_signo != SIGCHLD && info.ssi_code <= 0)
            kill(watch->child, (int)info.ssi_signo);
}

int cu_watch_run(struct cu_watch *watch, void (*seen)(void *context, struct cu_watch_event *event),
                 void *context, struct cu_watch_counts *counts)
{
    struct pollfd fds[] = {{.fd = watch->listener, .events = POLLIN},
                           {.fd = watch->signals, .events = POLLIN},
                           {.fd = watch->socket, .events = POLLIN}};
    int status = 0, fd, rc;

    *counts = (struct cu_watch_counts){0};
    for (;;) {
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents & POLLIN)
            take_call(watch, seen, context);
        else if (fds[0].revents)
            fds[0].fd = -1; /* no process has the filter any more */
        if (fds[1].revents)
            hand_on(watch);
        if (fds[2].revents) {
            rc = hear(watch->socket, &fd);
            if (rc < 0)
                counts->error = -rc;
            fds[2].fd = -1;
        }
        if (fds[1].revents && waitpid(watch->child, &status, WNOHANG) == watch->child)
            break;
    }
    rc = fds[2].fd >= 0 ? hear(watch->socket, &fd) : 0;
    if (rc < 0)
        counts->error = -rc;
    counts->unread = watch->counts.unread;
    return status;
}

/* For the processes that are left: each call goes on. */
static _Noreturn void stay(const struct cu_watch *watch)
{
    struct pollfd fds = {.fd = watch->listener, .events = POLLIN};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        (void)dup2(null, fd);
    (void)setsid();
    while (poll(&fds, 1, -1) >= 0 || errno == EINTR) {
        if (!(fds.revents & POLLIN) && fds.revents)
            break;
        if ((fds.revents & POLLIN) && receive(watch) && watch->call->id != 0)
            go_on(watch);
    }
    _exit(0);
}

void cu_watch_end(struct cu_watch *watch)
{
    struct pollfd fds = {.fd = watch->listener, .events = POLLIN};

    if ((poll(&fds, 1, 0) >= 0 && !(fds.revents & POLLHUP)) && fork() == 0)
        stay(watch);
    (void)sigprocmask(SIG_SETMASK, &watch->before, NULL);
    forget(watch);
}
