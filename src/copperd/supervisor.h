/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that outlives its daemon: it holds the mount's device and the recovery area, and when
 * the daemon dies it starts another one with both, so that processes that use the mount only wait a
 * little. It does nothing else, so that it is unlikely to crash. */
#ifndef CU_COPPERD_SUPERVISOR_H
#define CU_COPPERD_SUPERVISOR_H

#include "base/error.h"
#include "front/recovery.h"

#include <stdbool.h>

#define CU_SUPERVISOR_RESTARTS 5u /* in so many seconds; more means that it is no use */
#define CU_SUPERVISOR_WINDOW_S 60u
#define CU_SUPERVISOR_NAME     "copperd-super" /* of the process; the daemon's is copperd */

struct cu_supervisor_config {
    struct cu_recovery *recovery; /* borrowed; its phase says how far the daemon is */
    int device_fd;                /* taken: closed when the mount is given up */
    /* In a new process: serves, and ends the process. again: another daemon has died. */
    void (*serve)(void *context, bool again);
    /* In this process: a daemon was started. */
    void (*started)(void *context);
    void *context;
};

/* Returns when there is no daemon any more. 1: it has cleaned up everything. 0: it has ended in
 * good order, or was told to, but the caller has to clean up. -errno with err: it could not start,
 * or died too often; err is empty when it has told why by itself. Signals stay blocked. */
__attribute__((warn_unused_result)) int cu_supervisor_run(const struct cu_supervisor_config *config,
                                                          struct cu_error *err);

/* In the daemon: sets the phase and signals the supervisor. */
void cu_supervisor_tell(struct cu_recovery *recovery, enum cu_recovery_phase phase);
/* In the daemon, when everything but the lock was cleaned up: the supervisor ends first, or is
 * killed, so that a process that waits for the daemon's end finds neither. */
void cu_supervisor_leave(struct cu_recovery *recovery);

#endif
