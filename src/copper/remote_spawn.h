/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts a process at a cost that does not grow with the descriptors that are open here. */
#ifndef CU_COPPER_REMOTE_SPAWN_H
#define CU_COPPER_REMOTE_SPAWN_H

#include <sys/types.h>

/* Starts argv, whose program is looked for in the PATH, with in as its standard input, to as its
 * standard output (may be out; else one below 5) and out as its standard error. It has no signal
 * blocked, and SIGPIPE as usual. Other descriptors must have FD_CLOEXEC. Only while this process
 * has one thread. The first call reserves low descriptors, so it should come before many are open.
 * 0 with pid and pidfd, which are the caller's; -errno, then nothing of it is left and *pidfd is
 * -1. */
__attribute__((warn_unused_result)) int cu_remote_spawn(const char *const *argv, int in, int out,
                                                        int to, pid_t *pid, int *pidfd);

#endif
