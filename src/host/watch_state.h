/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of a watch, which its modules share; for src/host/watch*.c only. */
#ifndef CU_HOST_WATCH_STATE_H
#define CU_HOST_WATCH_STATE_H

#include "host/watch.h"

#include <linux/seccomp.h>
#include <signal.h>

#define CU_WATCH_PIDS (1u << 22) /* the kernel's PID_MAX_LIMIT */

struct cu_watch {
    pid_t child;
    int listener;
    int signals; /* signalfd */
    int socket;  /* to the child until it executes the command */
    sigset_t before;
    struct cu_watch_space *spaces; /* owned, newest first */
    unsigned space_count;
    uint8_t *known; /* owned: bit by thread */
    struct seccomp_notif *call;
    struct seccomp_notif_resp *answer;
    size_t call_size, answer_size;
    struct cu_watch_counts counts;
};

/* watch_event.c: what the call is about. New memory, or NULL: it is of no use, or *unread. */
struct cu_watch_event *cu_watch_describe(struct cu_watch *watch, bool *unread);

#endif
