/* SPDX-License-Identifier: BSD-3-Clause */
/* A file that is replaced as a whole: what is written goes to a new file beside it, which takes its
 * name when it is complete. A process that is killed meanwhile leaves the new file; whoever
 * replaces a file in that directory later removes it. */
#ifndef CU_HOST_REPLACE_H
#define CU_HOST_REPLACE_H

#include <limits.h>

/* A new file that is as old when another one is begun was left by a process that has ended: who
 * lives writes to it. */
#define CU_REPLACE_AGE_S 3600

struct cu_replace {
    int dir_fd; /* borrowed */
    const char *name;
    char next[NAME_MAX + 32]; /* of the new file */
};

/* Makes the new file, mode 0600, for the name (borrowed, as dir_fd is) in that directory. A
 * descriptor, which the caller closes; or -errno, and there is nothing to end. */
__attribute__((warn_unused_result)) int cu_replace_begin(struct cu_replace *replace, int dir_fd,
                                                         const char *name);
/* rc 0: gives the new file, which is complete and closed, its name; else removes it. rc, or -errno:
 * what has the name is as before. */
__attribute__((warn_unused_result)) int cu_replace_end(const struct cu_replace *replace, int rc);

#endif
