/* SPDX-License-Identifier: BSD-3-Clause */
/* Are names in a directory case-sensitive? Where they are not, names exist that the listing does
 * not show. */
#ifndef CU_STORAGE_CASEFOLD_H
#define CU_STORAGE_CASEFOLD_H

#include "base/buf.h"

#include <stdbool.h>

/* Reads the casefold attribute of the directory open at fd (ext4, f2fs, tmpfs). */
bool cu_casefold_flag(int fd);
/* Tries it with a name of its listing (proto/dir.h; NULL: empty), written in the other case. 1: it
 * is found; 0: it is not; -ENODATA: no name to try with, or no answer. One lstat(2). */
int cu_casefold_try(int fd, const struct cu_buf *listing);

#endif
