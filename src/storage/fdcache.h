/* SPDX-License-Identifier: BSD-3-Clause */
/* Open files of storage, kept for a while: the chunks of one version of a file are read through one
 * descriptor, opened once, whatever the number of workers that read it. Any thread; may block. */
#ifndef CU_STORAGE_FDCACHE_H
#define CU_STORAGE_FDCACHE_H

#include "proto/object.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_fdcache;
struct cu_fdcache_file; /* an open file in use */

/* Opens path for reading as the version: a descriptor, or a negative errno. */
typedef int (*cu_fdcache_open_fn)(void *context, const char *path,
                                  const struct cu_version *version);

/* files_max: descriptors kept; more are open only while in use. NULL: out of memory. */
struct cu_fdcache *cu_fdcache_create(uint32_t files_max);
/* No file of it may be in use. NULL does nothing. */
void cu_fdcache_destroy(struct cu_fdcache *cache);
/* A file to read from until release. When it is not open yet, it is opened by this call; others
 * that want it meanwhile wait for the outcome. 0 or what open returned, -ENOMEM. local: fstat(2)
 * and close(2) of it do not block. */
__attribute__((warn_unused_result)) int
cu_fdcache_acquire(struct cu_fdcache *cache, const char *path, const struct cu_version *version,
                   bool local, cu_fdcache_open_fn open, void *context,
                   struct cu_fdcache_file **file);
/* The same without waiting, for a local file that is open. NULL: there is none. path need not end
 * with NUL. */
struct cu_fdcache_file *cu_fdcache_try(struct cu_fdcache *cache, const char *path, size_t path_len,
                                       const struct cu_version *version);
/* Releases one that try handed out; does not block. */
void cu_fdcache_untry(struct cu_fdcache *cache, struct cu_fdcache_file *file);
int cu_fdcache_fd(const struct cu_fdcache_file *file);
/* keep false: the file is out of date and is not handed out any more. */
void cu_fdcache_release(struct cu_fdcache *cache, struct cu_fdcache_file *file, bool keep);
/* Closes what was not used since before_ns (uv_hrtime); returns how many stay open. */
uint32_t cu_fdcache_sweep(struct cu_fdcache *cache, uint64_t before_ns);

#endif
