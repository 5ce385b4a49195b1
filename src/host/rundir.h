/* SPDX-License-Identifier: BSD-3-Clause */
/* The paths of a job's files on a node: the user's run directory, and the default mount
 * directory. */
#ifndef CU_HOST_RUNDIR_H
#define CU_HOST_RUNDIR_H

#include "base/error.h"
#include "base/path.h"

#include <sys/types.h>
#include <sys/un.h>

#define CU_RUNDIR_SELF ((uid_t)-1) /* the uid of this process */
/* A longer one has no room for the names of sockets in it. */
#define CU_RUNDIR_BYTES_MAX                                                                        \
    (sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof("/0123456789abcdef.sock"))

/* The usual name of the user's run directory: $COPPER_RUN_DIR, else /tmp/copper-UID. 0, -EINVAL
 * when the variable is not an absolute path, -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int cu_rundir_usual(uid_t uid, char out[CU_PATH_MAX]);
/* The one that is used on this node: the usual one, or, when another user has taken that name, one
 * of the user's called /tmp/copper-UID.XXXXXX. Makes nothing. Errors as above. */
__attribute__((warn_unused_result)) int cu_rundir_path(uid_t uid, char out[CU_PATH_MAX]);
/* The same, and makes sure that it is there and safe: mode 0700, of uid, where no other user can
 * replace it (CU_TRUST_WAY). Creates it when it does not exist; refuses (-EPERM, err) a link, a
 * directory of another user, or one that others may access; -ENAMETOOLONG with err when it has more
 * than CU_RUNDIR_BYTES_MAX bytes. */
__attribute__((warn_unused_result)) int cu_rundir_make(uid_t uid, char out[CU_PATH_MAX],
                                                       struct cu_error *err);
/* The same without making it: 0, too, when there is nothing of that name. */
__attribute__((warn_unused_result)) int cu_rundir_find(uid_t uid, char out[CU_PATH_MAX],
                                                       struct cu_error *err);
/* Name of a file in it that belongs to the mount: RUN_DIR/HASH16.SUFFIX, HASH16 16 hex digits of
 * the mount's normal path. Suffixes: "sock" control socket, "view" that of
 * control/spaces.h, "lock" held while the daemon lives,
 * "job" the job description on the launch host. 0, -EINVAL when mount_dir is not absolute,
 * -ENAMETOOLONG (also when "sock" or "view" is too long for a Unix socket). */
__attribute__((warn_unused_result)) int cu_rundir_file(const char *run_dir, const char *mount_dir,
                                                       const char *suffix, char out[CU_PATH_MAX]);
/* A mount directory as people write it: %j becomes the number of the scheduler's job, %u the name
 * of uid ($USER), then the path its normal form. Where this is no job, %j stays: the text may be
 * for a job that is yet to come. 0, -EINVAL when it is not absolute, -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int cu_rundir_mount(const char *given, uid_t uid,
                                                        char out[CU_PATH_MAX]);
/* The default mount directory: $COPPER_MOUNT as above, else /tmp/$USER/copper (the name of uid when
 * USER is not set or cannot be a directory's name, its number when it has no name). Errors as
 * cu_rundir_mount's, about the variable. */
__attribute__((warn_unused_result)) int cu_rundir_default_mount(uid_t uid, char out[CU_PATH_MAX]);

#endif
