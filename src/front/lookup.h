/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups, and what depends on them: entries for the kernel, and marks for files that have changed.
 * A handler ends the request or asks the core once more. On the loop thread. */
#ifndef CU_FRONT_LOOKUP_H
#define CU_FRONT_LOOKUP_H

#include "front/fuse.h"

#include <stdbool.h>
#include <stddef.h>

struct cu_attr;
struct cu_front;
struct cu_front_request;
struct cu_inode;
struct cu_value;
struct stat;

/* The operation LOOKUP. */
void cu_front_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
/* The value for a request of kind LOOKUP_LISTING: the directory's listing, or an error. */
void cu_front_listing_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value);
/* The value for a request of kind LOOKUP: the attributes, or an error. */
void cu_front_lookup_done(struct cu_front *front, struct cu_front_request *r,
                          const struct cu_value *value);
/* The inode and the entry for an answer about name in dir; counts one more reference of the kernel.
 * NULL: out of memory. */
struct cu_inode *cu_front_enter(struct cu_front *front, struct cu_inode *dir, const char *name,
                                size_t name_len, const struct cu_value *value,
                                struct fuse_entry_param *entry);
/* What stat(2) shows of attr. */
void cu_front_stat(const struct cu_attr *attr, struct stat *st);
/* Storage has another version of this file: the kernel forgets the name, and the next lookup asks
 * for what is newer. */
void cu_front_mark_stale(struct cu_front *front, struct cu_inode *inode);
/* It is not out of date after all. */
void cu_front_stale_clear(struct cu_front *front, const struct cu_inode *inode);
/* Forgets all such marks. */
void cu_front_stale_free(struct cu_front *front);

/* Is the path one that is never shown? */
bool cu_front_hidden(const struct cu_front *front, const char *path, size_t len);

#endif
