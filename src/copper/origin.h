/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths as they are on storage. What lies on a file system of a network is looked at through
 * Copper's mount, so that any number of processes that ask cost storage one question; the rest is
 * looked at where it is. */
#ifndef CU_COPPER_ORIGIN_H
#define CU_COPPER_ORIGIN_H

#include "base/error.h"
#include "base/path.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct cu_origin;

/* mount: Copper's, normal form. types: of further file systems of a network, with commas (host/
 * netfs.h); NULL: none. mount is borrowed. NULL with err: the mount table cannot be read. */
struct cu_origin *cu_origin_create(const char *mount, const char *types, struct cu_error *err);
/* With the types that the site names in copper.conf; err also: of that file. */
struct cu_origin *cu_origin_of_site(const char *mount, struct cu_error *err);
void cu_origin_destroy(struct cu_origin *origin); /* NULL does nothing */

/* The type of the file system on which the path (normal form, no links) lies, by the mount table
 * alone; "": not known. */
const char *cu_origin_type(const struct cu_origin *origin, const char *path);
/* Is it one of a network? */
bool cu_origin_is_shared(const struct cu_origin *origin, const char *path);
/* Is path a place where a file system is mounted? */
bool cu_origin_is_mount(const struct cu_origin *origin, const char *path);
/* Is path Copper's mount, or below it? */
bool cu_origin_is_seen(const struct cu_origin *origin, const char *path);

/* A normal path: where its own name is a link, that link (0: *st is filled), or -errno. */
__attribute__((warn_unused_result)) int cu_origin_stat(const struct cu_origin *origin,
                                                       const char *path, struct stat *st);
/* The same as Copper shows it, wherever it lies. */
__attribute__((warn_unused_result)) int cu_origin_stat_seen(const struct cu_origin *origin,
                                                            const char *path, struct stat *st);
/* Opens a file to read. The descriptor or -errno. */
__attribute__((warn_unused_result)) int cu_origin_open(const struct cu_origin *origin,
                                                       const char *path);
/* path (absolute) without links, as realpath(3), into out. 0 or -errno. */
__attribute__((warn_unused_result)) int cu_origin_resolve(const struct cu_origin *origin,
                                                          const char *path, char out[CU_PATH_MAX]);
/* Where the link leads (normal form, perhaps by further links), into out: 1; 0: it is no link. Its
 * directory must have none. -errno. */
__attribute__((warn_unused_result)) int cu_origin_follow(const struct cu_origin *origin,
                                                         const char *path, char out[CU_PATH_MAX]);

#endif
