/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection is: ASK, then HERE and the end; or ASK, MAKE, MADE, KEPT and the end. A process that
 * dies or takes too long in between is forgotten, and the next one is told to make it.
 *
 * Invariant: while `conn` is not NULL, nobody else is accepted. */
#include "control/spaces.h"

#include "host/nspace.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct space {
    uint8_t key[CU_SPACES_KEY_BYTES], base[CU_SPACES_KEY_BYTES];
    int fd; /* owned */
};

struct conn {
    uv_poll_t poll;
    uv_timer_t timer;
    struct cu_spaces *spaces;
    struct cu_spaces_packet asked; /* what: 0 until it has asked */
    int fd;                        /* owned */
    unsigned open;                 /* handles that libuv has not closed yet */
};

#define PAUSE_MS 100 /* until the next attempt when nobody can be accepted */

struct cu_spaces {
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t pause;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd; /* that listens; -1: no more */
    int store[2];
    struct space spaces[CU_SPACES_MAX]; /* oldest first */
    unsigned count;
    struct conn *conn;
    unsigned handles; /* not closed by libuv yet; the last one frees after destroy */
    bool destroyed;
};

/* --- packets ---------------------------------------------------------------------------------- */

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int cu_spaces_send(int fd, const struct cu_spaces_packet *packet, int passed)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = sizeof(*packet)};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;

    memset(&control, 0, sizeof(control));
    if (passed >= 0) {
        struct cmsghdr *head;

        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &passed, sizeof(int));
    }
    return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ? 0 : -errno;
}

int cu_spaces_receive(int fd, int flags, struct cu_spaces_packet *packet, int *passed)
{
    struct iovec part = {.iov_base = packet, .iov_len = sizeof(*packet)};
    union control control;
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = CMSG_LEN(sizeof(int))}; /* room for one, not two */
    const struct cmsghdr *head;
    ssize_t n;

    *passed = -1;
    n = recvmsg(fd, &msg, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -errno;
    head = CMSG_FIRSTHDR(&msg);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(passed, CMSG_DATA(head), sizeof(int));
    if (n == 0)
        return -ECONNRESET;
    if ((size_t)n == sizeof(*packet) && (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        packet->magic == CU_SPACES_MAGIC)
        return 0;
    if (*passed >= 0)
        close(*passed);
    *passed = -1;
    return -EBADMSG;
}

int cu_spaces_store_open(int store[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, store) == 0 ? 0 : -errno;
}

/* --- the namespaces --------------------------------------------------------------------------- */

static void put_into_store(const struct cu_spaces *s, const struct space *space)
{
    struct cu_spaces_packet packet = {.magic = CU_SPACES_MAGIC, .what = CU_SPACES_MADE};

    memcpy(packet.key, space->key, sizeof(packet.key));
    memcpy(packet.base, space->base, sizeof(packet.base));
    (void)!cu_spaces_send(s->store[0], &packet, space->fd); /* else the next daemon has it not */
}

/* What the last daemon had. */
static void load(struct cu_spaces *s)
{
    struct cu_spaces_packet packet;
    int offset = 0, fd;

    if (setsockopt(s->store[1], SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) != 0)
        return;
    while (s->count < CU_SPACES_MAX &&
           cu_spaces_receive(s->store[1], MSG_PEEK, &packet, &fd) == 0) {
        struct space *space = &s->spaces[s->count];

        if (fd < 0)
            continue;
        memcpy(space->key, packet.key, sizeof(space->key));
        memcpy(space->base, packet.base, sizeof(space->base));
        space->fd = fd;
        s->count++;
    }
}

/* The oldest one goes. A queue gives up what is in front, so this is the front of the store, too.
 */
static void give_up_oldest(struct cu_spaces *s)
{
    struct cu_spaces_packet packet;
    int offset = -1, fd;

    (void)setsockopt(s->store[1], SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
    if (cu_spaces_receive(s->store[1], 0, &packet, &fd) == 0 && fd >= 0)
        close(fd);
    close(s->spaces[0].fd);
    memmove(s->spaces, s->spaces + 1, --s->count * sizeof(s->spaces[0]));
}

static void keep(struct cu_spaces *s, const struct cu_spaces_packet *made, int fd)
{
    struct space *space;

    if (s->count == CU_SPACES_MAX)
        give_up_oldest(s);
    space = &s->spaces[s->count++];
    memcpy(space->key, made->key, sizeof(space->key));
    memcpy(space->base, made->base, sizeof(space->base));
    space->fd = fd;
    put_into_store(s, space);
}

/* By its key, or (near) by the user namespace that it was made from; NULL: none. */
static const struct space *find(const struct cu_spaces *s, const struct cu_spaces_packet *asked,
                                bool near)
{
    for (unsigned i = s->count; i-- > 0;) {
        const struct space *space = &s->spaces[i];

        if (near ? memcmp(space->base, asked->base, sizeof(space->base)) == 0
                 : memcmp(space->key, asked->key, sizeof(space->key)) == 0)
            return space;
    }
    return NULL;
}

/* Device and inode number tell the namespace; a name in /proc shows only the latter. */
static bool is_ours(const struct cu_spaces *s, const struct stat *st)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct stat own;

        if (fstat(s->spaces[i].fd, &own) == 0 && own.st_ino == st->st_ino &&
            own.st_dev == st->st_dev)
            return true;
    }
    return false;
}

unsigned cu_spaces_users(const struct cu_spaces *s, long *pids, unsigned max)
{
    DIR *dir = s->count > 0 ? opendir("/proc") : NULL;
    const struct dirent *entry;
    unsigned found = 0;

    while (dir && (entry = readdir(dir)) != NULL) {
        char path[64], *end;
        long pid = strtol(entry->d_name, &end, 10);
        struct stat st;

        if (pid <= 0 || *end != '\0')
            continue;
        snprintf(path, sizeof(path), "/proc/%ld/ns/mnt", pid);
        if (stat(path, &st) != 0 || !is_ours(s, &st))
            continue;
        if (found < max)
            pids[found] = pid;
        found++;
    }
    if (dir)
        closedir(dir);
    return found;
}

/* --- connections ------------------------------------------------------------------------------ */

static void on_connection(uv_poll_t *poll, int status, int events);

static void drop_handle(struct cu_spaces *s)
{
    if (--s->handles == 0 && s->destroyed)
        free(s);
}

static void on_conn_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;
    struct cu_spaces *s = conn->spaces;

    if (--conn->open == 0)
        free(conn);
    drop_handle(s);
}

/* The connection is over, and the next one is taken. */
static void end_conn(struct cu_spaces *s)
{
    struct conn *conn = s->conn;

    s->conn = NULL;
    uv_close((uv_handle_t *)&conn->poll, on_conn_closed);
    uv_close((uv_handle_t *)&conn->timer, on_conn_closed);
    close(conn->fd);
    if (s->fd >= 0)
        (void)uv_poll_start(&s->poll, UV_READABLE, on_connection);
}

static void on_time(uv_timer_t *timer)
{
    end_conn(((struct conn *)timer->data)->spaces);
}

static void answer_ask(struct cu_spaces *s, struct conn *conn,
                       const struct cu_spaces_packet *packet)
{
    const struct space *space = find(s, packet, false);
    struct cu_spaces_packet answer = *packet;

    answer.what = space ? CU_SPACES_HERE : CU_SPACES_MAKE;
    if (space) {
        (void)!cu_spaces_send(conn->fd, &answer, space->fd);
        end_conn(s);
        return;
    }
    conn->asked = *packet;
    space = find(s, packet, true);
    if (cu_spaces_send(conn->fd, &answer, space ? space->fd : -1) < 0) {
        end_conn(s);
        return;
    }
    (void)uv_timer_start(&conn->timer, on_time, CU_SPACES_MAKE_MS, 0);
}

static void on_packet(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = poll->data;
    struct cu_spaces *s = conn->spaces;
    struct cu_spaces_packet packet, answer;
    int fd = -1, rc = status < 0 ? status : cu_spaces_receive(conn->fd, 0, &packet, &fd);

    (void)events;
    if (rc == -EAGAIN)
        return;
    if (rc == 0 && conn->asked.what == 0 && packet.what == CU_SPACES_ASK && fd < 0) {
        answer_ask(s, conn, &packet);
        return;
    }
    if (rc == 0 && conn->asked.what == CU_SPACES_ASK && packet.what == CU_SPACES_MADE && fd >= 0 &&
        cu_nspace_is(fd)) {
        keep(s, &conn->asked, fd);
        fd = -1;
        answer = conn->asked;
        answer.what = CU_SPACES_KEPT;
        (void)!cu_spaces_send(conn->fd, &answer, -1);
    }
    if (fd >= 0)
        close(fd);
    end_conn(s);
}

static bool is_allowed(int fd)
{
    struct ucred cred = {.uid = (uid_t)-1};
    socklen_t len = sizeof(cred);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == geteuid();
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct cu_spaces *s = timer->data;

    (void)uv_poll_start(&s->poll, UV_READABLE, on_connection);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct cu_spaces *s = poll->data;
    struct conn *conn;
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)status;
    (void)events;
    if (fd < 0) {
        /* Who waits would wake the loop at once, again and again, as long as there is no descriptor
         * for him. */
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED &&
            uv_timer_start(&s->pause, on_pause_over, PAUSE_MS, 0) == 0)
            uv_poll_stop(&s->poll);
        return;
    }
    conn = is_allowed(fd) ? calloc(1, sizeof(*conn)) : NULL;
    if (!conn || uv_poll_init(s->loop, &conn->poll, fd) != 0) {
        free(conn);
        close(fd);
        return;
    }
    (void)uv_timer_init(s->loop, &conn->timer);
    conn->poll.data = conn->timer.data = conn;
    conn->spaces = s;
    conn->fd = fd;
    conn->open = 2;
    s->handles += 2;
    s->conn = conn;
    uv_poll_stop(&s->poll);
    (void)uv_timer_start(&conn->timer, on_time, CU_SPACES_ASK_MS, 0);
    (void)uv_poll_start(&conn->poll, UV_READABLE | UV_DISCONNECT, on_packet);
}

/* --- life ------------------------------------------------------------------------------------- */

static int listen_at(struct cu_spaces *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mask;
    int rc;

    s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return -errno;
    memcpy(address.sun_path, s->path, sizeof(address.sun_path));
    unlink(s->path);
    mask = umask(0177);
    rc = bind(s->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
                 listen(s->fd, SOMAXCONN) == 0
             ? 0
             : -errno;
    umask(mask);
    if (rc == 0)
        rc = uv_poll_init(s->loop, &s->poll, s->fd);
    if (rc < 0)
        close(s->fd);
    return rc;
}

struct cu_spaces *cu_spaces_create(uv_loop_t *loop, const char *path, const int store[2],
                                   struct cu_error *err)
{
    struct cu_spaces *s = calloc(1, sizeof(*s));
    int rc = s ? 0 : -ENOMEM;

    if (rc == 0 && strlen(path) >= sizeof(s->path))
        rc = -ENAMETOOLONG;
    if (rc == 0) {
        snprintf(s->path, sizeof(s->path), "%s", path);
        s->loop = loop;
        s->store[0] = store[0];
        s->store[1] = store[1];
        rc = listen_at(s);
    }
    if (rc < 0) {
        free(s);
        cu_error_set(err, rc, "socket %s: %s", path, strerror(-rc));
        return NULL;
    }
    (void)uv_timer_init(s->loop, &s->pause);
    s->poll.data = s->pause.data = s;
    s->handles = 2;
    load(s);
    (void)uv_poll_start(&s->poll, UV_READABLE, on_connection);
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    drop_handle(handle->data);
}

void cu_spaces_unlisten(struct cu_spaces *s)
{
    int fd = s->fd;

    if (fd < 0)
        return;
    s->fd = -1;
    if (s->conn)
        end_conn(s);
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->pause, on_closed);
    close(fd);
    unlink(s->path);
}

void cu_spaces_give_up(struct cu_spaces *s)
{
    while (s->count > 0)
        close(s->spaces[--s->count].fd);
}

void cu_spaces_destroy(struct cu_spaces *s)
{
    if (!s)
        return;
    s->destroyed = true;
    cu_spaces_unlisten(s);
    cu_spaces_give_up(s);
    if (s->handles == 0)
        free(s);
}
