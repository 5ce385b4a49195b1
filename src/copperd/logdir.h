/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a daemon's log, counters and profile go. */
#ifndef CU_COPPERD_LOGDIR_H
#define CU_COPPERD_LOGDIR_H

#include "base/error.h"
#include "proto/job.h"

#include <stdbool.h>

/* Makes the job's log directory when something will be written there, checks that it can be, and
 * opens the log. host: this node's name in the list. Logs that belong into the usual run directory
 * go into run_dir, the one that this node has (job->log_dir is changed then). -errno with err. */
__attribute__((warn_unused_result)) int cu_logdir_open(struct cu_job *job, const char *host,
                                                       const char *run_dir, const char *job_id,
                                                       bool foreground, struct cu_error *err);

#endif
