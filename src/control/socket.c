/* SPDX-License-Identifier: BSD-3-Clause */
/* The file's mode and the kernel's word for the caller's uid are the proof; still a connection
 * costs bounded memory and cannot hold up another. A connection takes its next line only when the
 * last is answered, so a client that writes and never reads only blocks itself. Lives as long as
 * the process. */
#include "control/socket.h"

#include "base/list.h"
#include "loop/refusal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct cu_socket {
    uv_pipe_t server;
    size_t line_max;
    struct cu_socket_events events;
    struct cu_refusal refusal;
    struct cu_list conns;
    unsigned conn_count;
    size_t queued;
    unsigned handles; /* handles not closed by libuv yet; the last one frees after destroy */
    bool listening;
    bool destroyed;
};

struct cu_socket_conn {
    uv_pipe_t pipe;
    uv_write_t write; /* while `reply` is not NULL; one request at a time has one reply */
    struct cu_buf *reply;
    struct cu_list link;
    struct cu_socket *socket;
    char *line; /* owned: line_max + 1 bytes, allocated with the first byte */
    size_t used;
    bool busy; /* a request waits for its reply */
    bool closing;
};

static uv_stream_t *stream_of(struct cu_socket_conn *conn)
{
    return (uv_stream_t *)&conn->pipe;
}

static void drop_handle(struct cu_socket *socket)
{
    if (--socket->handles == 0 && socket->destroyed)
        free(socket);
}

static void on_server_closed(uv_handle_t *handle)
{
    drop_handle(handle->data);
}

static void on_refused(void *context)
{
    drop_handle(context);
}

static void on_closed(uv_handle_t *handle)
{
    struct cu_socket_conn *conn = handle->data;

    drop_handle(conn->socket);
    free(conn->line);
    free(conn);
}

static void close_conn(struct cu_socket_conn *conn)
{
    if (conn->closing)
        return;
    conn->closing = true;
    cu_list_remove(&conn->link);
    conn->socket->conn_count--;
    if (!conn->socket->destroyed)
        conn->socket->events.gone(conn->socket->events.context, conn);
    uv_close((uv_handle_t *)&conn->pipe, on_closed);
}

/* Hands the first whole line in the buffer to the daemon. */
static void take_line(struct cu_socket_conn *conn)
{
    char *end = conn->used > 0 ? memchr(conn->line, '\n', conn->used) : NULL;
    size_t len;

    if (conn->busy || conn->closing)
        return;
    if (!end) {
        if (conn->used > conn->socket->line_max)
            close_conn(conn);
        return;
    }
    len = (size_t)(end - conn->line);
    conn->busy = true;
    uv_read_stop(stream_of(conn));
    conn->socket->events.request(conn->socket->events.context, conn, conn->line, len);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct cu_socket_conn *conn = handle->data;
    size_t capacity = conn->socket->line_max + 1;

    (void)suggested;
    if (!conn->line)
        conn->line = malloc(capacity);
    *buf = uv_buf_init(!conn->line ? NULL : conn->line + conn->used,
                       !conn->line ? 0 : (unsigned)(capacity - conn->used));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct cu_socket_conn *conn = stream->data;

    (void)buf;
    if (got < 0) {
        close_conn(conn);
        return;
    }
    conn->used += (size_t)got;
    take_line(conn);
}

static void reply_over(struct cu_socket_conn *conn)
{
    conn->socket->queued -= conn->reply->size + 1;
    cu_buf_unref(conn->reply);
    conn->reply = NULL;
}

static void on_written(uv_write_t *req, int status)
{
    struct cu_socket_conn *conn = req->data;

    reply_over(conn);
    if (status < 0) {
        close_conn(conn);
        return;
    }
    if (conn->closing)
        return;
    conn->busy = false;
    take_line(conn);
    if (!conn->busy && !conn->closing && uv_read_start(stream_of(conn), on_alloc, on_read) < 0)
        close_conn(conn);
}

void cu_socket_reply(struct cu_socket_conn *conn, struct cu_buf *json)
{
    static char newline[] = "\n";
    char *end = memchr(conn->line, '\n', conn->used);
    size_t taken = end ? (size_t)(end - conn->line) + 1 : conn->used;
    uv_buf_t bufs[2];

    memmove(conn->line, conn->line + taken, conn->used - taken);
    conn->used -= taken;
    conn->write.data = conn;
    conn->reply = cu_buf_ref(json);
    bufs[0] = uv_buf_init((char *)json->data, (unsigned)json->size);
    bufs[1] = uv_buf_init(newline, 1);
    conn->socket->queued += json->size + 1;
    if (uv_write(&conn->write, stream_of(conn), bufs, 2, on_written) == 0)
        return;
    reply_over(conn); /* the connection is over: reading says so */
    (void)uv_read_start(stream_of(conn), on_alloc, on_read);
}

static bool is_allowed(const uv_pipe_t *pipe)
{
    struct ucred cred = {.uid = (uid_t)-1};
    socklen_t len = sizeof(cred);
    uv_os_fd_t fd;

    if (uv_fileno((const uv_handle_t *)pipe, &fd) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return false;
    return cred.uid == geteuid() || cred.uid == 0;
}

/* Of too many connections the oldest that waits for nothing goes. */
static void make_room(struct cu_socket *socket)
{
    if (socket->conn_count < CU_SOCKET_CONNECTIONS_MAX)
        return;
    cu_list_for_each (it, &socket->conns) {
        struct cu_socket_conn *conn = CU_LIST_ENTRY(it, struct cu_socket_conn, link);

        if (!conn->busy) {
            close_conn(conn);
            return;
        }
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    struct cu_socket *socket = server->data;
    struct cu_socket_conn *conn;

    if (status < 0)
        return;
    make_room(socket);
    conn = calloc(1, sizeof(*conn));
    if (!conn) {
        if (cu_refusal_take(&socket->refusal, server))
            socket->handles++;
        return;
    }
    conn->socket = socket;
    cu_list_init(&conn->link);
    (void)uv_pipe_init(server->loop, &conn->pipe, 0); /* no socket yet: cannot fail */
    conn->pipe.data = conn;
    socket->handles++;
    if (uv_accept(server, stream_of(conn)) < 0 || !is_allowed(&conn->pipe) ||
        socket->conn_count >= CU_SOCKET_CONNECTIONS_MAX ||
        uv_read_start(stream_of(conn), on_alloc, on_read) < 0) {
        conn->closing = true;
        uv_close((uv_handle_t *)&conn->pipe, on_closed);
        return;
    }
    cu_list_push_back(&socket->conns, &conn->link);
    socket->conn_count++;
}

struct cu_socket *cu_socket_create(uv_loop_t *loop, const char *path, size_t line_max,
                                   const struct cu_socket_events *events, struct cu_error *err)
{
    struct cu_socket *self = NULL;
    mode_t mask;
    int rc;

    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        cu_error_set(err, -ENAMETOOLONG,
                     "control socket %s: the name is too long; set a shorter "
                     "COPPER_RUN_DIR",
                     path);
        return NULL;
    }
    self = calloc(1, sizeof(*self));
    if (!self) {
        cu_error_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    self->line_max = line_max;
    self->refusal.context = self;
    self->refusal.gone = on_refused;
    self->events = *events;
    cu_list_init(&self->conns);
    unlink(path);
    rc = uv_pipe_init(loop, &self->server, 0);
    if (rc < 0) {
        free(self);
        goto out;
    }
    self->server.data = self;
    self->handles = 1;
    self->listening = true;
    mask = umask(0177);
    rc = uv_pipe_bind(&self->server, path);
    umask(mask);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&self->server, 128, on_connection);
    if (rc < 0)
        cu_socket_destroy(self);
out:
    if (rc == 0)
        return self;
    cu_error_set(err, rc, "control socket %s: %s", path, uv_strerror(rc));
    return NULL;
}

void cu_socket_unlisten(struct cu_socket *socket)
{
    if (!socket->listening)
        return;
    socket->listening = false;
    uv_close((uv_handle_t *)&socket->server, on_server_closed); /* unlinks the file */
}

size_t cu_socket_queued(const struct cu_socket *socket)
{
    return socket->queued;
}

void cu_socket_destroy(struct cu_socket *socket)
{
    if (!socket)
        return;
    socket->destroyed = true;
    cu_list_for_each_safe (it, &socket->conns)
        close_conn(CU_LIST_ENTRY(it, struct cu_socket_conn, link));
    if (socket->listening)
        cu_socket_unlisten(socket);
    else if (socket->handles == 0)
        free(socket);
}
