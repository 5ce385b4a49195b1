/* SPDX-License-Identifier: BSD-3-Clause */
/* Stopping the daemon of this node. */
#ifndef CU_COPPER_LOCAL_STOP_H
#define CU_COPPER_LOCAL_STOP_H

#include "base/error.h"

/* Stops the daemon of this node (of job_id only, when given): sends it a request, else a signal,
 * and removes what it left. 1: a daemon was stopped; 0: none was there; -errno with err. */
__attribute__((warn_unused_result)) int cu_local_stop(const char *mount_dir, const char *job_id,
                                                      struct cu_error *err);

#endif
