/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a job whose daemons no scheduler ends (proto/job.h: lease). Two signs of it:
 * - the session of the launch has ended, on the node where it was;
 * - that node is dead: for ten minutes it has not answered a root, that is a node without a parent.
 *   Only a node that has answered before can become silent, and none whose daemon is in the tree.
 * On the loop thread. */
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

struct cu_lease_config {
    uv_loop_t *loop;
    const struct cu_job *job;         /* borrowed; its lease may be NULL */
    const struct cu_network *network; /* borrowed */
    uint32_t rank;                    /* of this node */
    uint32_t tick_ms;                 /* 0: CU_LEASE_TICK_MS */
    void *context;
    bool (*is_root)(void *context);
    /* Is the daemon of that rank connected to this one, through others or not? */
    bool (*is_joined)(void *context, uint32_t rank);
    void (*over)(void *context); /* called at most once, never from inside of cu_lease_start */
};

/* Begins to watch. NULL: there is nothing to watch, or no memory for it. Lives as long as the
 * loop. */
struct cu_lease *cu_lease_start(const struct cu_lease_config *config);
/* Closes all handles; memory is freed when libuv has closed them. NULL does nothing. */
void cu_lease_stop(struct cu_lease *lease);

#endif
