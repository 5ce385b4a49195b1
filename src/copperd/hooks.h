/* SPDX-License-Identifier: BSD-3-Clause */
/* What the control plane (control/commands.h) has the daemon do. On the loop thread. */
#ifndef CU_COPPERD_HOOKS_H
#define CU_COPPERD_HOOKS_H

#include "control/commands.h"
#include "front/front.h"

struct cu_daemon;
struct cu_stager;
struct cu_surveyor;

/* For the hook `stage`; the daemon has a core. NULL: out of memory. */
struct cu_stager *cu_daemon_stager(struct cu_daemon *daemon, const struct cu_core_config *limits);
/* For the hook `survey`; the daemon has a core and a profile. NULL: out of memory. */
struct cu_surveyor *cu_daemon_surveyor(struct cu_daemon *daemon,
                                       const struct cu_core_config *limits);
/* The front's event `asked`; context: the struct cu_daemon. */
void cu_daemon_front_asked(void *context, const struct cu_front_asked *asked);
/* context: the struct cu_daemon. */
extern const struct cu_commands_hooks cu_daemon_commands_hooks;

#endif
