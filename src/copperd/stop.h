/* SPDX-License-Identifier: BSD-3-Clause */
/* The orderly end of the daemon. On the loop thread. */
#ifndef CU_COPPERD_STOP_H
#define CU_COPPERD_STOP_H

#include "control/commands.h"

#include <jansson.h>

struct cu_daemon;

/* Begins the orderly end. origin: of the request, NULL: there was none; result is borrowed. A
 * second call ends at once. */
void cu_daemon_stop(struct cu_daemon *daemon, const struct cu_commands_origin *origin,
                    json_t *result);

#endif
