/* SPDX-License-Identifier: BSD-3-Clause */
/* Does a directory tell names apart by case? Where it does not, a name exists that its listing does
 * not show. */
#ifndef CU_STORAGE_CASEFOLD_H
#define CU_STORAGE_CASEFOLD_H

#include "base/buf.h"

#include <stdbool.h>

/* What the directory open at fd says of itself (ext4, f2fs, tmpfs: an attribute of each directory).
 */
bool cu_casefold_flag(int fd);
/* Tries it with a name of its listing (proto/dir.h; NULL: empty), written in the other case. 1: it
 * is found; 0: it is not; -ENODATA: no name to try with, or no answer. One lstat(2). */
int cu_casefold_try(int fd, const struct cu_buf *listing);

#endif
