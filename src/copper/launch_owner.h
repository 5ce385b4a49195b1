/* SPDX-License-Identifier: BSD-3-Clause */
/* The owner of a job, and with whose end it ends. */
#ifndef CU_COPPER_LAUNCH_OWNER_H
#define CU_COPPER_LAUNCH_OWNER_H

#include "proto/job.h"

/* Sets the owner of the job, for stop, and the session and the job of Slurm with whose end it ends.
 * The launcher must be settled (launcher_choice.h); parts: directory of Copper's own. 0 or -ENOMEM.
 */
__attribute__((warn_unused_result)) int cu_launch_owner_note(struct cu_job *job, const char *parts);

#endif
