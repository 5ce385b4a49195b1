/* SPDX-License-Identifier: BSD-3-Clause */
/* READ: parts of a file from the core, to the kernel in one piece. On the loop thread. */
#ifndef CU_FRONT_READ_H
#define CU_FRONT_READ_H

#include "front/fuse.h"

#include <stddef.h>
#include <stdint.h>

struct cu_front;
struct cu_front_request;
struct cu_value;

/* The kernel's limit for one read: bounds its chunks. */
#define CU_FRONT_TRANSFER_MAX (1024u * 1024)

/* The operation READ. */
void cu_front_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                      struct fuse_file_info *fi);
/* The value for part sub of a request of kind READ. */
void cu_front_read_done(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                        const struct cu_value *value);
/* Asks for all parts of the read again. No part may be held when it is called. */
void cu_front_read_start(struct cu_front *front, struct cu_front_request *r);
/* Drops the references of a read, and frees what it holds. */
void cu_front_read_clear(struct cu_front_request *r);

#endif
