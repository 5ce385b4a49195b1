/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool of paths: each path is stored once, for all objects that refer to it (attributes, listing,
 * thousands of chunks). Counted references; one thread at a time. A pool may be shared by several
 * cores of one thread (the simulator has 10,624). */
#ifndef CU_CORE_NAMES_H
#define CU_CORE_NAMES_H

#include "base/table.h"

#include <stddef.h>
#include <stdint.h>

struct cu_names;

struct cu_name {
    struct cu_table_link link;
    uint64_t hash; /* XXH3 of the path */
    uint32_t refs;
    uint16_t len;
    char path[]; /* NUL-terminated */
};

/* NULL: out of memory. */
struct cu_names *cu_names_new(void);
/* All names must have been given back. NULL does nothing. */
void cu_names_free(struct cu_names *names);
/* The name when it is in the pool, borrowed; else NULL. hash: of the path (cu_hash_bytes). */
struct cu_name *cu_names_find(const struct cu_names *names, const char *path, size_t len,
                              uint64_t hash);
/* New reference; len < 65536. NULL: out of memory. */
struct cu_name *cu_names_get(struct cu_names *names, const char *path, size_t len, uint64_t hash);
/* Adds a reference; returns name. */
struct cu_name *cu_names_ref(struct cu_name *name);
/* Drops a reference; the last frees. */
void cu_names_put(struct cu_names *names, struct cu_name *name);

#endif
