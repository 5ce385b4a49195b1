/* SPDX-License-Identifier: BSD-3-Clause */
/* A child process that may not hold up this one. */
#ifndef CU_HOST_CHILD_H
#define CU_HOST_CHILD_H

#include <sys/types.h>

/* Starts the program at path in a process group of its own, with no signal blocked and standard
 * input from /dev/null; what it writes goes to the descriptor said, -1: where this process's goes.
 * 0 with *pid, or -errno. */
__attribute__((warn_unused_result)) int cu_child_start(const char *path, char *const *argv,
                                                       int said, pid_t *pid);
/* Waits for the end of the child, at most limit_ms; then kills it, stopped or not. Its exit status;
 * 128 + signal; -ETIMEDOUT: it was killed here, -errno. */
__attribute__((warn_unused_result)) int cu_child_wait(pid_t pid, int limit_ms);

#endif
