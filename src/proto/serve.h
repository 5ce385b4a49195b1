/* SPDX-License-Identifier: BSD-3-Clause */
/* Which paths below "/" are served, decided by name alone. A list of paths (--serve) selects them;
 * without it all are. In both cases paths that hold secrets of this node or of the user
 * (cu_serve_secrets) are not served, unless a path of the list leads to them or below them: the
 * longer of the two matching paths decides. A directory above a path of the list is a way: its
 * attributes are served, and of its names only those that lead to the path. */
#ifndef CU_PROTO_SERVE_H
#define CU_PROTO_SERVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define CU_SERVE_PATHS_MAX 64u

enum cu_serve_what {
    CU_SERVE_NOT, /* as if it were not there */
    CU_SERVE_WAY,
    CU_SERVE_ALL,
};

struct cu_serve; /* constant once made: may be used by all threads */

/* list: paths with commas, absolute; NULL or "": none. NULL: out of memory, or not such a list. */
struct cu_serve *cu_serve_create(const char *list);
void cu_serve_destroy(struct cu_serve *serve); /* NULL does nothing */
/* 0; -EINVAL: not such a list, or longer than CU_SERVE_PATHS_MAX. */
__attribute__((warn_unused_result)) int cu_serve_check(const char *list);

/* path: normal form. serve NULL: all is served. */
enum cu_serve_what cu_serve_judge(const struct cu_serve *serve, const char *path, size_t len);
/* Is name an entry to list of the directory, which is `what` by cu_serve_judge? Quicker than to
 * judge its path. */
bool cu_serve_lists(const struct cu_serve *serve, const char *dir, size_t dir_len,
                    enum cu_serve_what what, const char *name);

/* The paths that are not served unless the list names them, as one line of text for people each; i
 * from 0, NULL at the end. */
const char *cu_serve_secrets(unsigned i);

#endif
