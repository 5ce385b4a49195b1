/* SPDX-License-Identifier: BSD-3-Clause */
/* READDIR and READDIRPLUS. On the loop thread. */
#ifndef CU_FRONT_DIR_H
#define CU_FRONT_DIR_H

#include "front/fuse.h"

#include <stddef.h>

struct cu_front;
struct cu_front_request;
struct cu_value;

void cu_front_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                         struct fuse_file_info *fi);
void cu_front_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                             struct fuse_file_info *fi);
void cu_front_readdir_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value);

#endif
