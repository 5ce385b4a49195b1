/* SPDX-License-Identifier: BSD-3-Clause */
/* launch_copper.sh --once, which several steps of a job may call at the same time. */
#ifndef CU_COPPER_LAUNCH_ONCE_H
#define CU_COPPER_LAUNCH_ONCE_H

#include "base/error.h"

/* Does Copper of this process's own job or session run at the mount? Waits for a launch there that
 * is under way on this host. 1: it runs; 0: it does not, or belongs to another; -ECANCELED with
 * err: that launch has failed; -errno. */
__attribute__((warn_unused_result)) int cu_launch_once(const char *mount_dir, struct cu_error *err);

#endif
