/* SPDX-License-Identifier: BSD-3-Clause */
/* A recipe: what the start of a program touches, in the order of its first use. Paths and which
 * part of each is used; never content, and nothing that is true on one node only. A recipe says
 * what to ask for in advance, so one that is out of date costs needless requests and cannot change
 * an answer.
 *
 * Stored and sent as bytes, integers little-endian, "varint" seven bits a byte, lowest first:
 *   "CURECIPE" | u32 format (1) | u32 count | entries | u64 XXH3 of all before
 *   entry: varint shared | varint added | added bytes of path | u8 what + 16 * unused | varint size
 * | varint parts | parts: varint gap, varint chunks - 1 The path begins with `shared` bytes of the
 * path before. A gap is counted from the end of the part before. One thread at a time. */
#ifndef CU_PROTO_RECIPE_H
#define CU_PROTO_RECIPE_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define CU_RECIPE_CHUNK       (256u << 10) /* parts of files are counted in these */
#define CU_RECIPE_ENTRIES_MAX 1000000u
#define CU_RECIPE_PARTS_MAX   1024u       /* of one file; the last one grows when there are more */
#define CU_RECIPE_BYTES_MAX   (16u << 20) /* for who writes, sends and reads one */
#define CU_RECIPE_UNUSED_MAX  2u /* runs in which an entry was not used, after which it goes */

/* What of a path is used. */
#define CU_RECIPE_ATTR    1u /* its attributes, with a link's target; always set */
#define CU_RECIPE_CONTENT 2u /* of a small file: all bytes, with the attributes */
#define CU_RECIPE_LISTING 4u /* of a directory */

struct cu_recipe;

struct cu_recipe_part {
    uint64_t first; /* chunk */
    uint64_t count; /* above 0 */
};

struct cu_recipe_entry {
    const char *path; /* normal form, not NUL-terminated; borrowed */
    uint16_t path_len;
    uint8_t what;   /* CU_RECIPE_* */
    uint8_t unused; /* the last runs in which it was not used, one after the other */
    uint64_t size;  /* of a file, when the recipe was recorded */
    uint32_t part_count;
    const struct cu_recipe_part *parts; /* of a file: in its order, none touching the next; borrowed
                                         */
};

/* With one reference. NULL: out of memory. */
struct cu_recipe *cu_recipe_new(void);
/* Adds a reference; returns recipe. One that has several must not be changed. */
struct cu_recipe *cu_recipe_ref(struct cu_recipe *recipe);
/* Drops a reference; the last frees. NULL does nothing. */
void cu_recipe_free(struct cu_recipe *recipe);
uint32_t cu_recipe_count(const struct cu_recipe *recipe);
/* Entry i < count, in the order of first use; borrowed until the recipe is changed. */
struct cu_recipe_entry cu_recipe_get(const struct cu_recipe *recipe, uint32_t i);
/* Is there an entry for path (then *i is its number)? */
int cu_recipe_find(const struct cu_recipe *recipe, const char *path, size_t path_len, uint32_t *i);

/* path is used in these ways (CU_RECIPE_ATTR is added). 0; -EINVAL: path is not in normal form, or
 * what has other bits; -ENOMEM; -E2BIG: there are CU_RECIPE_ENTRIES_MAX. */
__attribute__((warn_unused_result)) int cu_recipe_note(struct cu_recipe *recipe, const char *path,
                                                       size_t path_len, uint8_t what,
                                                       uint64_t size);
/* The same for chunks [first, first + count) of a file. -EINVAL also: none, or past INT64_MAX
 * bytes. */
__attribute__((warn_unused_result)) int cu_recipe_note_part(struct cu_recipe *recipe,
                                                            const char *path, size_t path_len,
                                                            uint64_t size,
                                                            struct cu_recipe_part part);
/* Adds all entries of from; those that are new come last. 0, -ENOMEM, -E2BIG. */
__attribute__((warn_unused_result)) int cu_recipe_merge(struct cu_recipe *into,
                                                        const struct cu_recipe *from);

/* After a run that used what is in used: the new recipe in *out. Its entries are those of used,
 * then those of old that were not used, unless that was so too often, or there are too many. old
 * may be NULL. 0, -ENOMEM. */
__attribute__((warn_unused_result)) int
cu_recipe_update(const struct cu_recipe *old, const struct cu_recipe *used, struct cu_recipe **out);

/* Bytes of content that an entry names. */
uint64_t cu_recipe_bytes(const struct cu_recipe_entry *entry);
/* What of a recipe was used in a run, in bytes of content, as far as the sizes are still right. */
struct cu_recipe_use {
    uint64_t entries, used_entries;
    uint64_t bytes, used_bytes;
};
struct cu_recipe_use cu_recipe_compare(const struct cu_recipe *recipe,
                                       const struct cu_recipe *used);

/* So many of the first entries have room in CU_RECIPE_BYTES_MAX. */
uint32_t cu_recipe_fits(const struct cu_recipe *recipe);
/* These. New reference; NULL: out of memory. */
struct cu_buf *cu_recipe_encode(const struct cu_recipe *recipe);
/* 0 with a new recipe; -EBADMSG: malformed, cut or changed; -ENOTSUP: of another format; -ENOMEM.
 */
__attribute__((warn_unused_result)) int cu_recipe_decode(const void *bytes, size_t size,
                                                         struct cu_recipe **recipe);

#endif
