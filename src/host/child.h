/* SPDX-License-Identifier: BSD-3-Clause */
/* A child process that may not hold up this one. */
#ifndef CU_HOST_CHILD_H
#define CU_HOST_CHILD_H

#include <sys/types.h>

/* Waits for the end of the child, at most limit_ms; then kills it, stopped or not. Its exit status;
 * 128 + signal; -ETIMEDOUT: it was killed here, -errno. */
__attribute__((warn_unused_result)) int cu_child_wait(pid_t pid, int limit_ms);

#endif
