/* SPDX-License-Identifier: BSD-3-Clause */
/* Inode numbers computed from paths alone, for files whose own numbers differ between nodes or
 * change during the job. Two paths have one number with a probability of 2^-63. Never 0, nor any
 * number below 2^32. The names of a hard link have numbers of their own. Pure. */
#ifndef CU_STORAGE_PATHNO_H
#define CU_STORAGE_PATHNO_H

#include <stddef.h>
#include <stdint.h>

/* Of path, normal form. */
uint64_t cu_pathno_of(const char *path, size_t len);
/* The same in two steps, for many entries of one directory: the second costs a hash of the name. */
uint64_t cu_pathno_dir(const char *dir, size_t len);
uint64_t cu_pathno_entry(uint64_t dir, const char *name, size_t name_len);

#endif
