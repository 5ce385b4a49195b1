/* SPDX-License-Identifier: BSD-3-Clause */
/* The host list has the names that the launcher uses; a node's own name may differ (short or full,
 * or one per network). So the name given by the launcher is tried first, then the node's own. */
#include "copperd/roster.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

static int64_t not_found(const struct cu_job *job, const char *name, int64_t code,
                         struct cu_error *err)
{
    size_t count = job->hosts.count;

    if (code == -ENOTUNIQ)
        return cu_error_set(err, (int)code, "\"%s\" stands for several hosts of the host list",
                            name);
    return cu_error_set(err, -ENOENT,
                        "\"%s\" is not in the host list (%zu hosts: %s%s%s); name this node with "
                        "--node or COPPER_NODE",
                        name, count, count > 0 ? job->hosts.names[0] : "", count > 1 ? " ... " : "",
                        count > 1 ? job->hosts.names[count - 1] : "");
}

/* A list may have addresses where names lead nowhere: that of one of this node's interfaces. */
static int64_t rank_of_address(const struct cu_job *job)
{
    struct ifaddrs *list = NULL;
    int64_t rank = -ENOENT;

    if (getifaddrs(&list) < 0)
        return -ENOENT;
    for (const struct ifaddrs *it = list; it != NULL && rank < 0; it = it->ifa_next) {
        char address[CU_ROSTER_ADDRESS_MAX];

        if (it->ifa_addr != NULL && it->ifa_addr->sa_family == AF_INET &&
            (it->ifa_flags & IFF_LOOPBACK) == 0 &&
            getnameinfo(it->ifa_addr, sizeof(struct sockaddr_in), address, sizeof(address), NULL, 0,
                        NI_NUMERICHOST) == 0)
            rank = cu_job_rank_of(job, address);
    }
    freeifaddrs(list);
    return rank;
}

int64_t cu_roster_rank(const struct cu_job *job, const char *node, const char *host_name,
                       const char *node_env, struct cu_error *err)
{
    int64_t rank, rank_env, rank_address;

    if (node != NULL) {
        rank = cu_job_rank_of(job, node);
        return rank >= 0 ? rank : not_found(job, node, rank, err);
    }
    rank = cu_job_rank_of(job, host_name);
    if (rank >= 0)
        return rank;
    rank_address = rank_of_address(job);
    if (rank_address >= 0)
        return rank_address;
    if (node_env != NULL && node_env[0] != '\0') {
        rank_env = cu_job_rank_of(job, node_env);
        return rank_env >= 0 ? rank_env : not_found(job, node_env, rank_env, err);
    }
    if (job->hosts.count == 1 && strcmp(job->hosts.names[0], "localhost") == 0)
        return 0;
    return not_found(job, host_name, rank, err);
}

int cu_roster_bind_address(const char *network, char address[CU_ROSTER_ADDRESS_MAX],
                           struct cu_error *err)
{
    const char *name = network != NULL ? strchr(network, ':') : NULL;
    struct ifaddrs *list = NULL;
    int best = AF_UNSPEC;

    address[0] = '\0';
    if (name == NULL || name[1] == '\0')
        return 0;
    name++;
    if (getifaddrs(&list) < 0)
        return cu_error_set(err, -errno, "the network interfaces cannot be listed: %s",
                            strerror(errno));
    /* IPv4 before IPv6: a link-local address cannot be told from a good one by its family. */
    for (const struct ifaddrs *it = list; it != NULL && best != AF_INET; it = it->ifa_next) {
        socklen_t len;

        if (it->ifa_addr == NULL || strcmp(it->ifa_name, name) != 0)
            continue;
        if (it->ifa_addr->sa_family == AF_INET)
            len = sizeof(struct sockaddr_in);
        else if (it->ifa_addr->sa_family == AF_INET6 && best == AF_UNSPEC)
            len = sizeof(struct sockaddr_in6);
        else
            continue;
        if (getnameinfo(it->ifa_addr, len, address, CU_ROSTER_ADDRESS_MAX, NULL, 0,
                        NI_NUMERICHOST) == 0)
            best = it->ifa_addr->sa_family;
    }
    freeifaddrs(list);
    if (best == AF_UNSPEC)
        return cu_error_set(err, -ENODEV,
                            "-n: there is no network interface \"%s\" with an address", name);
    return 0;
}
