/* SPDX-License-Identifier: BSD-3-Clause */
/* GETXATTR and LISTXATTR. On the loop thread. */
#ifndef CU_FRONT_XATTR_H
#define CU_FRONT_XATTR_H

#include "front/fuse.h"

#include <stddef.h>

struct cu_front;
struct cu_front_request;
struct cu_value;

void cu_front_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void cu_front_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void cu_front_getxattr_done(struct cu_front *front, struct cu_front_request *r,
                            const struct cu_value *value);
void cu_front_listxattr_done(struct cu_front *front, struct cu_front_request *r,
                             const struct cu_value *value);

#endif
