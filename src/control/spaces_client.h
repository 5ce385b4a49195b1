/* SPDX-License-Identifier: BSD-3-Clause */
/* The other end of control/spaces.h: one process that wants to run in a namespace. Blocking, with
 * time limits. */
#ifndef CU_CONTROL_SPACES_CLIENT_H
#define CU_CONTROL_SPACES_CLIENT_H

#include "base/error.h"
#include "control/spaces.h"

struct cu_spaces_client {
    int fd;
    struct cu_spaces_packet asked;
};

/* Asks the daemon of this node for the namespace with the key. 1: *space is its descriptor. 0: the
 * caller has to make it and to call cu_spaces_give; *space is that of one made from the same user
 * namespace, or -1. Both are the caller's. -ENOENT when no daemon runs here, -ETIMEDOUT, -errno,
 * with err. The client is closed by the caller, unless there is none (-errno). */
__attribute__((warn_unused_result)) int cu_spaces_ask(struct cu_spaces_client *client,
                                                      const char *mount_dir,
                                                      const uint8_t key[CU_SPACES_KEY_BYTES],
                                                      const uint8_t base[CU_SPACES_KEY_BYTES],
                                                      int *space, struct cu_error *err);
/* Gives the daemon the namespace that was made: 0 when it has it; -errno: others make their own. */
__attribute__((warn_unused_result)) int cu_spaces_give(struct cu_spaces_client *client, int space);
void cu_spaces_close(struct cu_spaces_client *client);

#endif
