/* SPDX-License-Identifier: BSD-3-Clause */
/* The directory to mount on: made when it is not there, removed in the end when we made it and it
 * does not stand in a directory where others may make names. */
#ifndef CU_HOST_MOUNTDIR_H
#define CU_HOST_MOUNTDIR_H

#include "base/error.h"
#include "base/path.h"

#include <stdint.h>

struct cu_mountdir {
    char path[CU_PATH_MAX];
    uint32_t made; /* number of the last components that Copper has created and will remove */
};

/* Makes path (normal form, not "/") and what lacks above it, mode 0700. No other user may be able
 * to replace a component of the path (CU_TRUST_WAY), the directory itself this user's and empty.
 * made_before: as noted by a killed daemon for the same path. -errno with err; then of what it made
 * is left what cu_mountdir_remove leaves. */
__attribute__((warn_unused_result)) int cu_mountdir_make(struct cu_mountdir *dir, const char *path,
                                                         uint32_t made_before,
                                                         struct cu_error *err);
/* Removes the directories that were made, as far as they are empty; except those in a directory
 * where other users may create names. May be called again. */
void cu_mountdir_remove(struct cu_mountdir *dir);

#endif
