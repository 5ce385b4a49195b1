/* SPDX-License-Identifier: BSD-3-Clause */
/* Becoming a daemon: the first process waits until the second says that it is ready, or why not. */
#ifndef CU_COPPERD_DETACH_H
#define CU_COPPERD_DETACH_H

#include "base/error.h"

#include <sys/types.h>

struct cu_detach {
    pid_t child; /* in the first process; 0 in the second */
    int pipe_fd; /* read end in the first process, write end in the second; -1: none */
};

/* Forks. In the second process: a session of its own, standard input and output on /dev/null;
 * standard error stays until cu_detach_ready. 0 in both, or -errno with err in the one there is. */
__attribute__((warn_unused_result)) int cu_detach_fork(struct cu_detach *detach,
                                                       struct cu_error *err);
/* First process: 0 when the second is ready; else err says why not, and it has gone or is going. */
__attribute__((warn_unused_result)) int cu_detach_wait(struct cu_detach *detach,
                                                       struct cu_error *err);
/* Second process. */
void cu_detach_ready(struct cu_detach *detach);
void cu_detach_failed(struct cu_detach *detach, const struct cu_error *err);

#endif
