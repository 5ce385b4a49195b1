/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds this node's rank in the job's host list, and the address that it listens on. */
#ifndef CU_COPPERD_ROSTER_H
#define CU_COPPERD_ROSTER_H

#include "base/error.h"
#include "proto/job.h"

#include <stdint.h>

#define CU_ROSTER_ADDRESS_MAX 64

/* Rank of this node: of the name `node` when not NULL (--node); else of host_name; else of
 * an address of this node; else of node_env ($COPPER_NODE, may be NULL). A list with the one entry
 * "localhost" is this node. -ENOENT or -ENOTUNIQ with err. */
__attribute__((warn_unused_result)) int64_t cu_roster_rank(const struct cu_job *job,
                                                           const char *node, const char *host_name,
                                                           const char *node_env,
                                                           struct cu_error *err);
/* Address to listen on for -n "tcp:INTERFACE", numeric, into address; "" for "tcp" (all).
 * -ENODEV with err when there is no such interface or it has no address. */
__attribute__((warn_unused_result)) int cu_roster_bind_address(const char *network,
                                                               char address[CU_ROSTER_ADDRESS_MAX],
                                                               struct cu_error *err);

#endif
