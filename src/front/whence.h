/* SPDX-License-Identifier: BSD-3-Clause */
/* Extended attributes that tell where a file of the view comes from: user.copper.source, .level,
 * .version and .cached. They are in no list, and an attribute of storage that has the same name is
 * the one that is shown. On the loop thread. */
#ifndef CU_FRONT_WHENCE_H
#define CU_FRONT_WHENCE_H

#include <stddef.h>

struct cu_front;
struct cu_inode;

#define CU_WHENCE_MAX 256u

/* The value's length (it is not terminated), or 0: there is no such attribute. */
size_t cu_front_whence(const struct cu_front *front, const struct cu_inode *inode, const char *name,
                       char out[CU_WHENCE_MAX]);

#endif
