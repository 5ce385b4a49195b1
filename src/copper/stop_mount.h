/* SPDX-License-Identifier: BSD-3-Clause */
/* Stopping what runs at a mount, with messages to the user. */
#ifndef CU_COPPER_STOP_MOUNT_H
#define CU_COPPER_STOP_MOUNT_H

#include "copper/launch.h"

#include <stdbool.h>

struct cu_joblog;
/* Stops the job of this launch host's file when there is one, the hosts in hosts_text (NULL: none),
 * else this node; without all, not what another job or session has launched. log: what becomes of
 * its log (parent is set here); NULL: nothing. Prints the result. Exit status. */
int cu_stop_mount(const char *mount_dir, const char *hosts_text, bool all, struct cu_joblog *log,
                  const struct cu_launch_paths *paths);

#endif
