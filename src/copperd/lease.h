/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a job whose daemons no scheduler ends (proto/job.h: lease). Two signs of it:
 * - the session of the launch has ended, on the node where it was;
 * - that node is dead: for ten minutes it has not answered a root, that is a node without a parent,
 *   and its daemon is not in that root's tree.
 * Nothing of this needs to be remembered: whichever daemon is a root, at whatever time it began or
 * began again, finds the second sign by itself. On the loop thread. */
#ifndef CU_COPPERD_LEASE_H
#define CU_COPPERD_LEASE_H

#include "host/network.h"
#include "proto/job.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define CU_LEASE_TICK_MS 60000u /* between two questions */
#define CU_LEASE_SILENT  10u    /* so many without an answer, one after the other, are the end */

struct cu_lease;

/* What the daemon that follows a dead one need not find again: a dead host's name may be gone. All
 * zero at first. */
struct cu_lease_kept {
    struct cu_addresses addresses; /* of the session's host; count is written last */
    uint64_t slurm_runs;           /* of Slurm's job, as first seen; 0: not seen */
};

struct cu_lease_config {
    uv_loop_t *loop;
    const struct cu_job *job;         /* borrowed; its lease may be NULL */
    const struct cu_network *network; /* borrowed */
    struct cu_lease_kept *kept;       /* borrowed */
    uint32_t rank;                    /* of this node */
    uint32_t tick_ms;                 /* 0: CU_LEASE_TICK_MS */
    void *context;
    bool (*is_root)(void *context);
    /* Is the daemon of that rank connected to this one, through others or not? */
    bool (*is_joined)(void *context, uint32_t rank);
    /* Called when the job is over, and then in each tick as long as the lease lives: the end of the
     * daemons is asked for until it is there. Never from inside of cu_lease_start. */
    void (*over)(void *context);
};

/* Shared with all processes that are forked later. NULL: out of memory. */
struct cu_lease_kept *cu_lease_keep(void);
/* Begins to watch. NULL: there is nothing to watch, or no memory for it. Lives as long as the
 * loop. */
struct cu_lease *cu_lease_start(const struct cu_lease_config *config);
/* Closes all handles; memory is freed when libuv has closed them. NULL does nothing. */
void cu_lease_stop(struct cu_lease *lease);

#endif
