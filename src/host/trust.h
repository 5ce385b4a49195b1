/* SPDX-License-Identifier: BSD-3-Clause */
/* Directories and files in places that others may write to. A path is walked a component at a time
 * through descriptors, each opened without following a link and checked after it was opened, so
 * that nothing can be replaced between check and use.
 *
 * Trusted owners are this user, root, and whoever owns "/" (root, as a user namespace shows him),
 * the last only of what does not stand in a directory in which others may make names: there, the
 * same number may stand for any user. */
#ifndef CU_HOST_TRUST_H
#define CU_HOST_TRUST_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum cu_trust {
    /* As ssh judges: each directory on the way, the last one included, has a trusted owner, and is
     * not writable by its group or by others unless it is sticky. So no other user can replace a
     * component. A link is followed only where no other user can have created it; never in a sticky
     * directory.
     * */
    CU_TRUST_WAY,
    /* Only links are checked: one of another user is not followed. */
    CU_TRUST_LINKS,
};

struct cu_trust_dir {
    int fd; /* O_PATH; owned by the caller */
    /* Of the last components of the path, how many were made, and stand in a directory that others
     * may not write to. A name in a directory where they may (/tmp) is not counted: after its
     * removal another user could take it. */
    uint32_t made;
};

/* Opens the directory path (absolute). make: also makes what lacks, mode 0700.
 * 0; -EPERM with err when something is not to be trusted; -errno with err, which names the
 * component. On error dir->fd is -1, and what was made stays; dir->made says how much. */
__attribute__((warn_unused_result)) int cu_trust_open_dir(const char *path, enum cu_trust trust,
                                                          bool make, struct cu_trust_dir *dir,
                                                          struct cu_error *err);

enum cu_trust_write {
    CU_TRUST_APPEND,  /* what is there stays; made when it is not there */
    CU_TRUST_REPLACE, /* a new file; what has the name is removed first */
};

/* Opens name in dir_fd for writing, mode 0600: a regular file of this user with no other name (hard
 * link). Never follows a link, never waits (a fifo). The descriptor; -EPERM when something else has
 * the name; -errno. */
__attribute__((warn_unused_result)) int cu_trust_open_file(int dir_fd, const char *name,
                                                           enum cu_trust_write how);

/* Opens the directory of a file's path (absolute), made when it is not there, to be used with the
 * functions that take a descriptor; *name is the file's name in it. Links of others are not
 * followed (CU_TRUST_LINKS). The descriptor, or -errno with err. */
__attribute__((warn_unused_result)) int cu_trust_open_parent(const char *path, const char **name,
                                                             struct cu_error *err);
/* Is the file at path (absolute, normal form), which this program is about to obey, as safe from
 * others as the program itself? The file, its directory and a link in its place belong to root,
 * this user, or the owner of the program, and others may not write to them. A group may where it
 * may write to the program, too: it can replace that anyway. 0; -ENOENT: it is not there; -EPERM or
 * -errno with err. */
__attribute__((warn_unused_result)) int cu_trust_as_program(const char *path, struct cu_error *err);
/* Is this a file that cu_trust_open_file would append to? */
bool cu_trust_is_own(const struct stat *st);
/* What an error of cu_trust_open_file (negative) means: "is there and not a file of this user
 * alone", or the C library's text. */
const char *cu_trust_file_error(int error);

#endif
