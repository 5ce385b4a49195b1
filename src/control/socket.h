/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket: a Unix socket in the user's run directory. One JSON text a line in, one a
 * line out, in order, one request at a time. The caller must be this user or root. */
#ifndef CU_CONTROL_SOCKET_H
#define CU_CONTROL_SOCKET_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define CU_SOCKET_CONNECTIONS_MAX 64u

struct cu_socket;
struct cu_socket_conn;

struct cu_socket_events {
    void *context;
    /* A request of one line, without its newline; borrowed. Answered once by cu_socket_reply. */
    void (*request)(void *context, struct cu_socket_conn *conn, const char *text, size_t size);
    /* The connection has gone: no reply any more. Never from inside cu_socket_reply. */
    void (*gone)(void *context, struct cu_socket_conn *conn);
};

/* Binds path (an old file there is removed first: the caller holds the lock) with mode 0600.
 * line_max: bytes of the longest request. NULL with err; the loop must still run once more then. */
struct cu_socket *cu_socket_create(uv_loop_t *loop, const char *path, size_t line_max,
                                   const struct cu_socket_events *events, struct cu_error *err);
/* json is borrowed. */
void cu_socket_reply(struct cu_socket_conn *conn, struct cu_buf *json);
/* No new connections; the file is removed. Those that are open stay. */
void cu_socket_unlisten(struct cu_socket *socket);
/* Bytes of replies that the kernel has not taken yet. */
size_t cu_socket_queued(const struct cu_socket *socket);
/* Closes all without `gone`; the memory goes when the loop has run. NULL does nothing. */
void cu_socket_destroy(struct cu_socket *socket);

#endif
