/* SPDX-License-Identifier: BSD-3-Clause */
/* The mounts of a namespace that host/nspace.h makes: directories that show others. */
#ifndef CU_HOST_NSMOUNT_H
#define CU_HOST_NSMOUNT_H

#include "base/error.h"
#include "host/nspace.h"

#include <stddef.h>

/* Attaches the binds in this process's mount namespace, in this order. 0; -errno with err, and then
 * any of them may be attached. */
__attribute__((warn_unused_result)) int cu_nsmount_attach(const struct cu_nspace_bind *binds,
                                                          size_t count, struct cu_error *err);

#endif
