/* SPDX-License-Identifier: BSD-3-Clause */
/* SEEK_DATA and SEEK_HOLE, and the holes that a read need not ask for. On the loop thread. */
#ifndef CU_FRONT_HOLES_H
#define CU_FRONT_HOLES_H

#include "front/fuse.h"

#include <stddef.h>

struct cu_buf;
struct cu_front;
struct cu_front_request;
struct cu_inode;
struct cu_value;

void cu_front_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
                       struct fuse_file_info *fi);
void cu_front_seek_done(struct cu_front *front, struct cu_front_request *r,
                        const struct cu_value *value);
/* The list of the file's holes when it is held here: a new reference. NULL: all is data, as far as
 * is known. path is inode's. */
struct cu_buf *cu_front_holes(struct cu_front *front, const struct cu_inode *inode,
                              const char *path, size_t path_len);

#endif
