/* SPDX-License-Identifier: BSD-3-Clause */
/* A directory listing as bytes: entries sorted by name (memcmp, then length), each
 *   u64 ino | u8 type | u16 name_len | name
 * without padding. "." and ".." are not in it. Sorted, so that a name is found by bisection and
 * readdir order equals the order of `ls`: a process that walks it is seen to walk it. */
#ifndef CU_PROTO_DIR_H
#define CU_PROTO_DIR_H

#include "proto/object.h"

#include <stddef.h>

#define CU_DIR_ENTRY_HEAD 11           /* bytes before the name */
#define CU_DIR_BYTES_MAX  (256u << 20) /* some 8 million names; a longer listing is cut */

/* Builds a listing. */
struct cu_dir_builder;
struct cu_dir_builder *cu_dir_builder_new(void); /* NULL: out of memory */
/* A bound below CU_DIR_BYTES_MAX. */
void cu_dir_builder_bound(struct cu_dir_builder *b, size_t bytes_max);
/* 0, -ENOMEM, -E2BIG (listing over its bound), -EINVAL (type over 15, or name empty, too
 * long, with '/' or NUL, "." or ".."). Of entries with one name the first stays. */
__attribute__((warn_unused_result)) int cu_dir_builder_add(struct cu_dir_builder *b,
                                                           const struct cu_dirent *entry);
/* Sorted listing as a new reference; NULL when out of memory. Frees b in any case. */
struct cu_buf *cu_dir_builder_finish(struct cu_dir_builder *b);
void cu_dir_builder_free(struct cu_dir_builder *b);

/* Index over a listing: offsets of its entries. */
struct cu_dir_index {
    const struct cu_buf *bytes; /* borrowed */
    uint32_t count;
    uint32_t *offsets; /* owned */
};
/* Checks every entry and the order. 0, -EINVAL (no listing), -ENOMEM. Empty bytes may be NULL. */
__attribute__((warn_unused_result)) int cu_dir_index_build(struct cu_dir_index *index,
                                                           const struct cu_buf *bytes);
void cu_dir_index_free(struct cu_dir_index *index);
/* Entry i < count. */
struct cu_dirent cu_dir_index_entry(const struct cu_dir_index *index, uint32_t i);
/* Position of name, or -1. */
int64_t cu_dir_index_find(const struct cu_dir_index *index, const char *name, size_t name_len);

/* Names that may exist in any directory without being listed: entry points to snapshots and to
 * files by number; and names that are not ASCII, which storage may list in another Unicode form
 * (ZFS, HFS+). A listing never proves that they do not exist. */
bool cu_dir_name_hides(const char *name, size_t name_len);

#endif
