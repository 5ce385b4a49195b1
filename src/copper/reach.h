/* SPDX-License-Identifier: BSD-3-Clause */
/* Connecting to a job's daemons from wherever the user is: over the socket of this node, over the
 * network, or through the launcher where this host reaches only the hosts (relay.h). */
#ifndef CU_COPPER_REACH_H
#define CU_COPPER_REACH_H

#include "base/error.h"
#include "control/client.h"
#include "copper/launch.h"
#include "proto/job.h"

/* A daemon that knows the mount: that of this node, else one of the job that was launched here.
 * -ENOENT with err: there is none. A relayed client may find that out only when it asks. */
__attribute__((warn_unused_result)) int
cu_reach_mount(const char *mount_dir, struct cu_client *client, struct cu_error *err);
/* Any daemon of the job. A relayed client is opened without asking: see above. */
__attribute__((warn_unused_result)) int
cu_reach_job(const struct cu_job *job, struct cu_client *client, struct cu_error *err);
/* Does any daemon of the job answer? Takes seconds when none does. */
bool cu_reach_lives(const struct cu_job *job);
/* The files of this installation. The texts stay as long as the process. -errno with err. */
__attribute__((warn_unused_result)) int cu_reach_paths(struct cu_launch_paths *paths,
                                                       struct cu_error *err);

#endif
