/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a job of Slurm whose daemons are no part of it (proto/job.h: slurm). A root asks Slurm
 * once in a tick, with one question at a time, beside the loop. The job is over when Slurm says so,
 * or has started it again; an error of Slurm says nothing. On the loop thread. */
#ifndef CU_COPPERD_LEASE_SLURM_H
#define CU_COPPERD_LEASE_SLURM_H

#include "copperd/lease.h"

struct cu_lease_slurm;

/* Begins to watch; of the configuration, network and is_joined are not used. NULL: there is nothing
 * to watch, or no memory for it. Lives as long as the loop. */
struct cu_lease_slurm *cu_lease_slurm_start(const struct cu_lease_config *config);
/* Waits for the question. Memory is freed when libuv has closed its handles. NULL does nothing. */
void cu_lease_slurm_stop(struct cu_lease_slurm *lease);

#endif
