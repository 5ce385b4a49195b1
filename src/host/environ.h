/* SPDX-License-Identifier: BSD-3-Clause */
/* What processes of this user have in their environment: single variables, nothing else is kept.
 * Reads /proc, which may wait for the process (it is locked while it maps memory), so not to be
 * called by the thread that such a process waits for. */
#ifndef CU_HOST_ENVIRON_H
#define CU_HOST_ENVIRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CU_ENVIRON_BYTES_MAX (1u << 20) /* of a whole environment; a longer one is not read */

struct cu_environ_process {
    pid_t pid;
    uint64_t start; /* when it began: tells it from a later one of the same pid */
    uint64_t image; /* where its environment is: another place after each exec; 0: it is in one */
    bool apart; /* its mounts are not, or may not be, those of the calling process (namespaces) */
};

/* The process that a thread belongs to. 0; -EPERM: it is not this user's alone; -ESRCH: it has
 * ended; -errno. */
__attribute__((warn_unused_result)) int cu_environ_process(pid_t thread,
                                                           struct cu_environ_process *process);
/* The values of these variables, each owned by the caller; NULL: it has none, or one of more than
 * max bytes. 0; -EAGAIN: it has none, or is just becoming another
 * program; -errno: without any. */
__attribute__((warn_unused_result)) int cu_environ_values(pid_t pid, const char *const *names,
                                                          size_t count, size_t max, char **values);

#endif
