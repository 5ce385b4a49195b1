/* SPDX-License-Identifier: BSD-3-Clause */
/* A name may have several addresses, and not all of them need be the daemon's. */
#include "control/dial.h"

#include "host/network.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int cu_dial_resolve(const struct cu_job *job, const char *host, struct cu_dial *dial,
                    struct cu_error *err)
{
    const char *colon = job->network != NULL ? strchr(job->network, ':') : NULL;
    int rc;

    *dial = (struct cu_dial){.host = host};
    rc = cu_network_candidates(colon != NULL ? colon + 1 : NULL, job->address, host, job->port,
                               &dial->addresses);
    return rc == 0 ? 0 : cu_error_set(err, -EHOSTUNREACH, "%s: %s", host, gai_strerror(rc));
}

unsigned cu_dial_left(const struct cu_dial *dial)
{
    return dial->addresses.count - dial->tried;
}

int cu_dial_start(struct cu_dial *dial, struct cu_error *err)
{
    int fd = -1;

    while (cu_dial_left(dial) > 0 && fd < 0) {
        const union cu_address *address = &dial->addresses.of[dial->tried++];
        char text[CU_ADDRESS_TEXT_MAX];

        fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, &address->any, cu_address_size(address)) == 0 ||
            errno == EINPROGRESS)
            continue;
        cu_address_text(address, text);
        (void)cu_error_set(err, -errno, "%s (%s): %s", dial->host, text, strerror(errno));
        close(fd);
        fd = -1;
    }
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
