/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds this node's rank in the job's host list. */
#ifndef CU_COPPERD_ROSTER_H
#define CU_COPPERD_ROSTER_H

#include "base/error.h"
#include "proto/job.h"

#include <stdint.h>

/* Rank of this node: of the name `node` when not NULL (--node); else of host_name; else of
 * an address of this node; else of node_env ($COPPER_NODE, may be NULL). A list with the one entry
 * "localhost" is this node. -ENOENT or -ENOTUNIQ with err. */
__attribute__((warn_unused_result)) int64_t cu_roster_rank(const struct cu_job *job,
                                                           const char *node, const char *host_name,
                                                           const char *node_env,
                                                           struct cu_error *err);
#endif
