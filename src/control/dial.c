/* SPDX-License-Identifier: BSD-3-Clause */
/* A name may have several addresses, and not all of them need be the daemon's. */
#include "control/dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct addrinfo *cu_dial_resolve(const char *host, uint16_t port, struct cu_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];
    int rc;

    snprintf(service, sizeof(service), "%u", (unsigned)port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc == 0)
        return list;
    (void)cu_error_set(err, -EHOSTUNREACH, "%s: %s", host, gai_strerror(rc));
    return NULL;
}

int cu_dial_start(const char *host, uint16_t port, const struct addrinfo *list,
                  const struct addrinfo **rest, struct cu_error *err)
{
    int fd = -1;

    for (; list != NULL && fd < 0; list = list->ai_next) {
        fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    list->ai_protocol);
        if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) != 0 && errno != EINPROGRESS) {
            (void)cu_error_set(err, -errno, "%s port %u: %s", host, (unsigned)port,
                               strerror(errno));
            close(fd);
            fd = -1;
        }
    }
    *rest = list;
    return fd;
}

int cu_dial_result(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return -errno;
    return -error;
}
