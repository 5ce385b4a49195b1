/* The control plane: what the copper command and the daemons say to each other about the job
 * itself. JSON text in CONTROL and RESULT messages; the same on the control socket (a Unix socket
 * in the user's run directory, where the file modes are the proof) and on the peer port (after the
 * handshake with role client).
 *
 * Request:  {"op": "status"|"stats"|"wait"|"stop"|"refresh"|"doctor", "all": bool, ...}
 * Result:   {"ok": true, ...} or {"ok": false, "error": "one line"}
 * Each op's fields are in docs/protocol.md. */
#ifndef CU_PROTO_CONTROL_H
#define CU_PROTO_CONTROL_H

#include "base/error.h"
#include "base/path.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CU_CONTROL_JSON_MAX (32u << 20)

/* Name of the user's run directory on a node: $COPPER_RUN_DIR, else /tmp/copper-UID. Makes nothing.
 * 0, -EINVAL when the variable is not an absolute path, -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int cu_control_run_path(uid_t uid, char out[CU_PATH_MAX]);
/* The same, and makes sure that it is there and safe: mode 0700, of uid. Makes it when
 * it is not there; refuses (-EPERM, err) what is a link, another's, or open to others. */
__attribute__((warn_unused_result)) int cu_control_run_dir(uid_t uid, char out[CU_PATH_MAX],
                                                           struct cu_error *err);
/* Name of a file in it that belongs to the mount: RUN_DIR/HASH16.SUFFIX, HASH16 16 hex digits of
 * the mount's normal path. Suffixes: "sock" control socket, "lock" held while the daemon lives,
 * "job" the job description on the launch host. 0, -EINVAL when mount_dir is not absolute,
 * -ENAMETOOLONG (also when "sock" is too long for a Unix socket). */
__attribute__((warn_unused_result)) int cu_control_file(const char *run_dir, const char *mount_dir,
                                                        const char *suffix, char out[CU_PATH_MAX]);
/* Where Copper mounts when nothing else is said: $COPPER_MOUNT, else /tmp/$USER/copper (the name of
 * uid when USER is not set or cannot be a directory's name, its number when it has no name). 0,
 * -EINVAL when the variable is not an absolute path, -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int cu_control_default_mount(uid_t uid, char out[CU_PATH_MAX]);

#endif
