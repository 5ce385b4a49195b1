/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of the FUSE operations, and the small ones among them. On the loop thread. */
#ifndef CU_FRONT_OPS_H
#define CU_FRONT_OPS_H

#include "front/fuse.h"

struct cu_front;
struct cu_front_request;
struct cu_value;

extern const struct fuse_lowlevel_ops cu_front_ops;

void cu_front_getattr_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value);
void cu_front_readlink_done(struct cu_front *front, struct cu_front_request *r,
                            const struct cu_value *value);
void cu_front_statfs_done(struct cu_front *front, struct cu_front_request *r,
                          const struct cu_value *value);

#endif
