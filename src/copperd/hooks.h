/* SPDX-License-Identifier: BSD-3-Clause */
/* What the control plane (control/commands.h) has the daemon do. On the loop thread. */
#ifndef CU_COPPERD_HOOKS_H
#define CU_COPPERD_HOOKS_H

#include "control/commands.h"

/* context: the struct cu_daemon. */
extern const struct cu_commands_hooks cu_daemon_commands_hooks;

#endif
