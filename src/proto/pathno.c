/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash of the name is seeded with that of the directory, so a path of any length is hashed
 * without being put together. */
#include "proto/pathno.h"

#include "base/hash.h"
#include "base/path.h"

#define LOW_BITS 32u
#define TOP_BIT  (UINT64_C(1) << 63)
#define SEED     UINT64_C(0x636f707065722d32)

uint64_t cu_pathno_dir(const char *dir, size_t len)
{
    return cu_hash_seeded(dir, len, SEED);
}

uint64_t cu_pathno_entry(uint64_t dir, const char *name, size_t name_len)
{
    uint64_t number = cu_hash_seeded(name, name_len, dir);

    /* Small ones are storage's: of the main file system they are shown as they are. */
    return number >> LOW_BITS ? number : TOP_BIT | number;
}

uint64_t cu_pathno_of(const char *path, size_t len)
{
    size_t parent = cu_path_parent_len(path, len);
    size_t name = parent + (parent > 1); /* "/" is its own parent, with an empty name */

    return cu_pathno_entry(cu_pathno_dir(path, parent), path + name, len - name);
}
