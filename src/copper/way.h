/* SPDX-License-Identifier: BSD-3-Clause */
/* From a path as a user writes it to the paths on storage that it leads over. The view names every
 * object by a path without symbolic links, because the kernel follows them before it asks. So who
 * wants to have a path looked at again means its target, and each link on the way to it, which may
 * lead elsewhere by now. */
#ifndef CU_COPPER_WAY_H
#define CU_COPPER_WAY_H

#include "base/path.h"

#include <stdbool.h>
#include <stddef.h>

#define CU_WAY_LINKS_MAX 40u /* followed by the kernel in one path */

struct cu_way {
    char *paths[CU_WAY_LINKS_MAX + 1]; /* owned; on storage, normal form: links, then the target */
    size_t count;
};

/* given: absolute, or relative to the working directory; on storage, or below the mount (normal
 * form) by whatever links. Reads links on storage, never below the mount. What cannot be looked at
 * is taken for no link. 0; -ENOENT for an empty path, -ELOOP, -ENAMETOOLONG, -ENOMEM, or an error
 * of getcwd(3). The caller calls cu_way_free in each case. */
__attribute__((warn_unused_result)) int cu_way_find(const char *mount, const char *given,
                                                    struct cu_way *way);
/* The same in a child process: where storage does not answer within limit_ms, the path as it is
 * written, its links not followed, and *hangs is set. The child ends when storage answers. */
__attribute__((warn_unused_result)) int cu_way_find_within(const char *mount, const char *given,
                                                           int limit_ms, struct cu_way *way,
                                                           bool *hangs);
void cu_way_free(struct cu_way *way);

#endif
