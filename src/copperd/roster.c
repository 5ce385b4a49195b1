/* SPDX-License-Identifier: BSD-3-Clause */
/* The host list has the names that the launcher uses; a node's own name may differ (short or full,
 * or one per network). So the name given by the launcher is tried first, then the node's own. */
#include "copperd/roster.h"

#include "host/interfaces.h"

#include <errno.h>
#include <stdlib.h>
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
    struct cu_interface *list = NULL;
    size_t count = 0;
    int64_t rank = -ENOENT;

    if (cu_interfaces_list(&list, &count) < 0)
        return -ENOENT;
    for (size_t i = 0; i < count && rank < 0; i++) {
        char address[CU_ADDRESS_TEXT_MAX];

        cu_address_text(&list[i].address, address);
        rank = cu_job_rank_of(job, address);
    }
    free(list);
    return rank;
}

int64_t cu_roster_rank(const struct cu_job *job, const char *node, const char *host_name,
                       const char *node_env, struct cu_error *err)
{
    int64_t rank, rank_env, rank_address;

    if (node) {
        rank = cu_job_rank_of(job, node);
        return rank >= 0 ? rank : not_found(job, node, rank, err);
    }
    rank = cu_job_rank_of(job, host_name);
    if (rank >= 0)
        return rank;
    rank_address = rank_of_address(job);
    if (rank_address >= 0)
        return rank_address;
    if (node_env && node_env[0] != '\0') {
        rank_env = cu_job_rank_of(job, node_env);
        return rank_env >= 0 ? rank_env : not_found(job, node_env, rank_env, err);
    }
    if (job->hosts.count == 1 && strcmp(job->hosts.names[0], "localhost") == 0)
        return 0;
    return not_found(job, host_name, rank, err);
}
