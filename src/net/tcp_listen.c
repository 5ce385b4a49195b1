/* SPDX-License-Identifier: BSD-3-Clause */
/* The listening socket, separate from the transport that accepts from it. A process that holds a
 * copy of the descriptor keeps the port when the process that serves it dies. Otherwise another
 * user could bind the port between two daemons. */
#include "net/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

/* The address into out; its family, or AF_UNSPEC. NULL: all, of both families. */
static int parse_address(const char *text, uint16_t port, union cu_address *out)
{
    memset(out, 0, sizeof(*out));
    if (!text || uv_ip6_addr(text, port, &out->v6) == 0) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return AF_INET6;
    }
    return uv_ip4_addr(text, port, &out->v4) == 0 ? AF_INET : AF_UNSPEC;
}

/* A bound and listening socket or -errno. */
static int listen_on(const union cu_address *address)
{
    int family = address->any.sa_family, on = 1, off = 0;
    socklen_t size = family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0) ||
        bind(fd, &address->any, size) < 0 || listen(fd, BACKLOG) < 0) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

int cu_transport_tcp_listen(const char *bind_address, uint16_t port, struct cu_error *err)
{
    union cu_address address;
    int fd;

    if (parse_address(bind_address, port, &address) == AF_UNSPEC)
        return cu_error_set(err, -EINVAL, "\"%s\" is not a network address to listen on",
                            bind_address);
    fd = listen_on(&address);
    if (!bind_address && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) { /* no IPv6 here */
        memset(&address, 0, sizeof(address));
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
        fd = listen_on(&address);
    }
    if (fd == -EADDRINUSE)
        return cu_error_set(err, fd, CU_TRANSPORT_PORT_IN_USE, port);
    if (fd < 0)
        return cu_error_set(err, fd, "cannot listen on %s port %u: %s",
                            bind_address ? bind_address : "any address", port, strerror(-fd));
    return fd;
}

/* A listening socket that is shut down has lost its port, whichever processes still hold it: a bind
 * with SO_REUSEADDR succeeds. */
void cu_transport_tcp_unlisten(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
}
