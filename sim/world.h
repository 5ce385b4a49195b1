/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage's contents as the simulator knows them: a tree of names, each with a version that counts
 * up when a fault changes the file. Attributes, content and listings are functions of (seed, file,
 * version), so a checker can tell from an answer which version it is of. */
#ifndef CU_SIM_WORLD_H
#define CU_SIM_WORLD_H

#include "base/buf.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stdint.h>

#define CU_SIM_ABSENT 0u /* types besides: DT_REG, DT_DIR, DT_LNK */
#define CU_SIM_NONE   UINT32_MAX

struct cu_sim_file {
    char *path; /* owned, normal form */
    uint16_t path_len;
    uint16_t name_len;
    uint8_t type;
    uint32_t parent; /* index; the root's is itself */
    uint64_t size;   /* of version 1 */
    uint32_t version;
    uint32_t chunk_base;  /* index of its first chunk among all chunks */
    uint32_t chunk_count; /* of its largest version */
    uint32_t dir;         /* as a directory: number among those; CU_SIM_NONE: it is none */
    uint32_t *children;   /* owned, DT_DIR */
    uint32_t child_count;
    uint64_t changed_ns; /* when the version last changed */
    uint64_t absent_ns;  /* last time at which it was absent: UINT64_MAX when it is now; 0 never */
    uint64_t present_ns; /* the same for being there */
    struct cu_buf *listing; /* owned: of list_version */
    uint64_t listing_hash;
    uint32_t list_version;
    uint64_t *list_hashes; /* owned: hash of the listing by version, 0: never listed */
    uint32_t list_hash_count;
};

struct cu_sim_world {
    struct cu_sim_file *files; /* owned; [0] is "/" */
    uint32_t count;
    uint32_t capacity;
    uint32_t *table; /* owned hash table of indexes + 1 */
    uint32_t table_size;
    uint32_t chunk_bytes;
    uint32_t chunk_total;
    uint32_t *dirs; /* owned: files by number as a directory */
    uint32_t dir_count;
    uint32_t scaled_bytes; /* content of a chunk is cut to this (0: not); buf->capacity says the
                              true length, which is what wires, disks and budgets are charged */
    uint32_t inline_bytes; /* not cut: content that travels with its attr is of the true size */
    bool sparse;           /* some files have holes */
    uint64_t seed;
    struct cu_buf **chunks; /* owned: content of the version in chunk_version */
    uint64_t *chunk_hash;
    uint32_t *chunk_version;
};

struct cu_sim_world *cu_sim_world_new(uint64_t seed);
void cu_sim_world_free(struct cu_sim_world *world);
/* Adds a name with its ancestors (as directories); a name that is there gets type and size unless
 * type is CU_SIM_ABSENT. Returns its index. */
uint32_t cu_sim_world_add(struct cu_sim_world *world, const char *path, uint8_t type,
                          uint64_t size);
/* After the last add. changes: files may change later. */
void cu_sim_world_seal(struct cu_sim_world *world, uint32_t chunk_bytes, bool changes);
/* Index, or CU_SIM_NONE. */
uint32_t cu_sim_world_find(const struct cu_sim_world *world, const char *path, size_t len);

/* Is the file there in this version? */
bool cu_sim_world_exists(const struct cu_sim_world *world, uint32_t file, uint32_t version);
uint64_t cu_sim_world_size(const struct cu_sim_world *world, uint32_t file, uint32_t version);
void cu_sim_world_attr(const struct cu_sim_world *world, uint32_t file, uint32_t version,
                       struct cu_attr *attr);
/* The version that a cu_version or cu_attr is of, 0 when it is of none. */
uint32_t cu_sim_world_version(const struct cu_sim_world *world, uint32_t file,
                              const struct cu_version *version);
uint32_t cu_sim_world_chunk_bytes(const struct cu_sim_world *world, uint32_t file, uint32_t version,
                                  uint32_t chunk);
/* Is that chunk a hole, which reads as zeros? */
bool cu_sim_world_is_hole(const struct cu_sim_world *world, uint32_t file, uint32_t version,
                          uint32_t chunk);
/* The list of the file's holes (proto/holes.h): new reference, NULL: none. */
struct cu_buf *cu_sim_world_holes(const struct cu_sim_world *world, uint32_t file,
                                  uint32_t version);
/* New reference to the content. */
struct cu_buf *cu_sim_world_chunk(struct cu_sim_world *world, uint32_t file, uint32_t version,
                                  uint32_t chunk, uint64_t *hash);
/* The same of a piece of the chunk (proto/piece.h). */
struct cu_buf *cu_sim_world_piece(struct cu_sim_world *world, uint32_t file, uint32_t version,
                                  uint32_t chunk, uint32_t piece, uint64_t *hash);
/* The true length of this payload. */
uint64_t cu_sim_world_true_bytes(const struct cu_sim_world *world, const struct cu_buf *buf);
/* New reference to the listing as it is now. */
struct cu_buf *cu_sim_world_listing(struct cu_sim_world *world, uint32_t dir, uint64_t *hash);
/* Is this the link's target? New reference. */
struct cu_buf *cu_sim_world_target(const struct cu_sim_world *world, uint32_t file);
/* The next version: rewritten, longer, shorter, removed or there again. */
void cu_sim_world_change(struct cu_sim_world *world, uint32_t file, uint64_t now_ns);

#endif
