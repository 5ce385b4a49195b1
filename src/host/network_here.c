/* SPDX-License-Identifier: BSD-3-Clause */
/* The network of this host: its interfaces, and a name service that may hang. A look-up cannot be
 * stopped, so a process of its own makes it, which can be. */
#include "host/clock.h"
#include "host/network.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the process reports. */
struct report {
    int rc;
    struct cu_network network;
    struct cu_error err;
};

_Static_assert(sizeof(struct report) <= 4096, "one write to a pipe, whole or not at all");

static int nothing(const char *name, uint16_t port, struct cu_addresses *found)
{
    (void)name;
    (void)port;
    found->count = 0;
    return EAI_AGAIN;
}

static pid_t start(const struct cu_network_config *config, int *fd)
{
    static struct report report; /* zeros where it has gaps: it is written as bytes */
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        report.rc = cu_network_choose(config, &report.network, &report.err);
        _exit(write(fds[1], &report, sizeof(report)) == (ssize_t)sizeof(report) ? 0 : 1);
    }
    close(fds[1]);
    if (pid < 0)
        close(fds[0]);
    else
        *fd = fds[0];
    return pid;
}

int cu_network_choose_here(struct cu_network_config *config, struct cu_network *network,
                           struct cu_error *err)
{
    int64_t deadline_ms = cu_clock_ms() + CU_NETWORK_WAIT_MS;
    struct cu_interface *interfaces = NULL;
    struct report report = {.rc = 0};
    int fd = -1, rc = cu_interfaces_list(&interfaces, &config->interface_count);
    bool told = false;
    pid_t pid;

    if (rc < 0)
        return cu_error_set(err, rc, "the network interfaces cannot be listed: %s", strerror(-rc));
    config->interfaces = interfaces;
    config->look_up = cu_address_look_up;
    pid = start(config, &fd);
    if (pid > 0) {
        told = cu_clock_wait(fd, POLLIN, deadline_ms) == 0 &&
               read(fd, &report, sizeof(report)) == (ssize_t)sizeof(report);
        close(fd);
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (told) {
        rc = report.rc;
        *network = report.network;
        if (rc < 0 && err)
            *err = report.err;
    } else {
        config->look_up = nothing;
        rc = cu_network_choose(config, network, err);
        (void)snprintf(network->note, sizeof(network->note),
                       "the name service did not answer within %d s: data goes where the names of "
                       "the hosts lead",
                       CU_NETWORK_WAIT_MS / 1000);
    }
    free(interfaces);
    config->interfaces = NULL;
    config->interface_count = 0;
    return rc;
}

int cu_network_candidates(const char *interface, const char *rule, const char *host, uint16_t port,
                          struct cu_addresses *found)
{
    struct cu_interface *interfaces = NULL;
    struct cu_network_config config = {
        .interface = interface, .rule = rule, .host = host, .look_up = cu_address_look_up};
    int rc;

    if (cu_interfaces_list(&interfaces, &config.interface_count) < 0)
        config.interface_count = 0;
    config.interfaces = interfaces;
    rc = cu_network_candidates_of(&config, port, found);
    free(interfaces);
    return rc;
}
