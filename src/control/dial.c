/* SPDX-License-Identifier: BSD-3-Clause */
/* A name may have several addresses, and not all of them need be the daemon's. */
#include "control/dial.h"

#include "host/network.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int cu_dial_resolve(const struct cu_job *job, const char *host, struct cu_dial *dial,
                    struct cu_error *err)
{
    const char *colon = job->network ? strchr(job->network, ':') : NULL;
    int rc;

    *dial = (struct cu_dial){.host = host};
    rc = cu_network_candidates(colon ? colon + 1 : NULL, job->address, host, job->port,
                               &dial->addresses);
    return rc == 0 ? 0 : cu_error_set(err, -EHOSTUNREACH, "%s: %s", host, gai_strerror(rc));
}

unsigned cu_dial_left(const struct cu_dial *dial)
{
    return dial->addresses.count - dial->tried;
}

int cu_dial_start(struct cu_dial *dial)
{
    const union cu_address *address = &dial->addresses.of[dial->tried++];
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

    if (fd < 0 || connect(fd, &address->any, cu_address_size(address)) == 0 || errno == EINPROGRESS)
        return fd < 0 ? -errno : fd;
    rc = -errno;
    close(fd);
    return rc;
}

void cu_dial_explain(const struct cu_dial *dial, uint16_t port, const char *why,
                     struct cu_error *err)
{
    size_t len = dial->tried > 1 ? strlen(err->text) : 0;
    char address[CU_ADDRESS_TEXT_MAX];

    cu_address_text(&dial->addresses.of[dial->tried - 1], address);
    if (len == 0)
        (void)snprintf(err->text, sizeof(err->text), "%s port %u: %s: %s", dial->host,
                       (unsigned)port, address, why);
    else
        (void)snprintf(err->text + len, sizeof(err->text) - len, "; %s: %s", address, why);
}

int cu_dial_result(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return -errno;
    return -error;
}
