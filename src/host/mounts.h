/* SPDX-License-Identifier: BSD-3-Clause */
/* What is mounted on a directory, and removing the mount that a killed daemon has left behind.
 * */
#ifndef CU_HOST_MOUNTS_H
#define CU_HOST_MOUNTS_H

#include "base/error.h"
#include "base/path.h"

#include <sys/types.h>

#define CU_MOUNTS_TYPE     "fuse.copper"
#define CU_MOUNTS_TEXT_MAX ((size_t)256 * 1024 * 1024) /* of a mountinfo file */

enum cu_mounts_what {
    CU_MOUNTS_NOTHING,
    CU_MOUNTS_OURS,  /* a Copper mount made by this user */
    CU_MOUNTS_OTHER, /* anything else */
};

/* The topmost mount on dir (normal form) in the text of a mountinfo file, which is changed. */
enum cu_mounts_what cu_mounts_find(char *mountinfo, const char *dir, uid_t uid);
/* The same in this process's mount namespace. -errno when it cannot be read. */
__attribute__((warn_unused_result)) int cu_mounts_look(const char *dir, enum cu_mounts_what *what);
/* Makes sure that nothing is mounted on dir: this user's dead Copper mounts are removed. -EBUSY
 * with err when another mount is there, or a Copper mount that is alive. */
__attribute__((warn_unused_result)) int cu_mounts_clean(const char *dir, struct cu_error *err);
/* Unmounts lazily, with fusermount3 when not root. 0 or -errno with err, in fusermount3's own
 * words. */
__attribute__((warn_unused_result)) int cu_mounts_unmount(const char *dir, struct cu_error *err);
/* Where fusermount3 is: in PATH, or at one of the usual places, which PATH need not name. 0,
 * -ENOENT.
 */
__attribute__((warn_unused_result)) int cu_mounts_helper(char path[CU_PATH_MAX]);

#endif
