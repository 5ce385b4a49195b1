/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths with the mount's prefix, and back. */
#ifndef CU_COPPER_PREFIX_H
#define CU_COPPER_PREFIX_H

#include "copper/origin.h"

/* path (absolute) as Copper shows it, into out: MOUNT and the path without links. 1; 0: it goes
 * through the mount already, does not lie on a file system of a network, or Copper does not show
 * it; out is as path then. */
int cu_prefix_add(const struct cu_origin *origin, const char *mount, const char *path,
                  char out[CU_PATH_MAX]);
/* The original of a path below the mount: 1; 0: it does not lie there, and out is as path. */
int cu_prefix_remove(const char *mount, const char *path, char out[CU_PATH_MAX]);
/* The entries of a list with colons, each as above: *list, new text, NULL when nothing changes. 0
 * or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_prefix_list(const struct cu_origin *origin,
                                                       const char *mount, bool remove,
                                                       const char *value, char **list);

#endif
