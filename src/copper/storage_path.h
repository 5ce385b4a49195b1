/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths that a user gives: as on storage, or as below the mount, absolute or relative. */
#ifndef CU_COPPER_STORAGE_PATH_H
#define CU_COPPER_STORAGE_PATH_H

#include "base/path.h"

/* The path on storage, in normal form. 0, -EINVAL, -ENAMETOOLONG, or why there is no working
 * directory. */
__attribute__((warn_unused_result)) int cu_storage_path(const char *mount, const char *given,
                                                        char out[CU_TREE_PATH_MAX]);

#endif
