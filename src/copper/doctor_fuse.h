/* SPDX-License-Identifier: BSD-3-Clause */
/* What copper doctor checks of FUSE: whether this process may mount, and unmount. */
#ifndef CU_COPPER_DOCTOR_FUSE_H
#define CU_COPPER_DOCTOR_FUSE_H

#include "base/error.h"

#include <stdbool.h>

struct cu_finding {
    bool good;
    char text[CU_ERROR_TEXT_MAX];
};

#define CU_DOCTOR_FUSE 4u /* findings */

/* Of /dev/fuse, fusermount3, its configuration and the mount table that it reads. */
void cu_doctor_fuse(struct cu_finding findings[CU_DOCTOR_FUSE]);

#endif
