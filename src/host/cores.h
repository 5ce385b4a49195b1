/* SPDX-License-Identifier: BSD-3-Clause */
/* Binding of the daemon to cores (-b). */
#ifndef CU_HOST_CORES_H
#define CU_HOST_CORES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define CU_CORES_MAX 4096u

struct cu_cores {
    bool given;            /* by the user: each must exist then; else the default is tried */
    const unsigned *cores; /* borrowed */
    size_t count;
};

/* Which of the wished cores to bind to: all, or none. root is a prefix of /sys (tests; NULL: none).
 * 1: bind to *chosen; 0: no binding, reason says why (for the log); -EINVAL with reason: a core
 * that the user gave is not on this node. */
__attribute__((warn_unused_result)) int cu_cores_choose(const struct cu_cores *wish,
                                                        const char *root, struct cu_cores *chosen,
                                                        struct cu_error *reason);
/* Binds the calling thread and all that it will start. 0; -errno, and no binding, with reason where
 * it may not run on all of these cores: it names those that its control group (cpuset) leaves. */
__attribute__((warn_unused_result)) int cu_cores_bind(const struct cu_cores *chosen,
                                                      struct cu_error *reason);
/* May a thread that is bound to these wait for work by looking for it? There are at least two of
 * them, for it and for those that work for it, and the node has others. Whether others use them
 * all the same is not known from this. root as above. */
bool cu_cores_are_own(const struct cu_cores *bound, const char *root);
/* "48-51,60" for messages. */
void cu_cores_text(const struct cu_cores *cores, char *text, size_t size);

#endif
