/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel lets a process into a FUSE mount only when its user and its primary group are those of
 * who mounted it. So the daemon mounts with the primary group of the process that launched the job,
 * as far as the node allows. */
#ifndef CU_HOST_GROUP_H
#define CU_HOST_GROUP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Has wanted (0: any will do) as its primary group from now on: root by setting it, others by
 * starting this program anew below sg(1), with text (size bytes) as its standard input when it is
 * not NULL; then it does not return. 0: it has. -EPERM with err: it goes on with the group that it
 * has, which err explains. To be called before anything is held. */
__attribute__((warn_unused_result)) int
cu_group_enter(uint32_t wanted, char **argv, const char *text, size_t size, struct cu_error *err);
/* Does the text of fuse.conf say user_allow_other? */
bool cu_group_allows_other(const char *conf);

#endif
