/* SPDX-License-Identifier: BSD-3-Clause */
/* An object: what a node knows about one thing, such as a file's attributes, a listing, or a piece
 * of a chunk. There are as many objects as there are names and chunks, so each kind has a layout of
 * its own after the common part. State that is needed only while an object is asked for or read is
 * in its flight. */
#ifndef CU_CORE_OBJECT_H
#define CU_CORE_OBJECT_H

#include "base/table.h"
#include "core/flight.h"
#include "core/names.h"
#include "proto/dirview.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_core;
struct cu_request;

struct object {
    struct cu_table_link hash_link;
    union {
        struct cu_list lru;    /* FILLED: in core->lru; ABSENT: nowhere */
        struct flight *flight; /* ASKING, READING */
    };
    struct cu_name *name;
    uint64_t valid_ns;    /* when storage was asked */
    struct cu_buf *bytes; /* what is held: see struct cu_value */
    uint64_t bytes_hash;
    uint32_t hash;   /* of the key */
    uint32_t charge; /* bytes accounted */
    uint16_t error;  /* what is held is this errno */
    uint8_t kind;    /* enum cu_kind */
    uint8_t state;   /* enum cu_flight_state */
    uint8_t tree;
    bool verified : 1;  /* checksum seen to be right on this node */
    bool ahead : 1;     /* FILLED: read ahead, and nobody has asked for it yet */
    bool read_on : 1;   /* FILLED: the same, of what the root read on (readon.h) */
    bool advance : 1;   /* FILLED: the same, of what a recipe brought here (advance.h) */
    bool kernel : 1;    /* this node's kernel has asked for it */
    bool doubted : 1;   /* FILLED: older than a refresh of something in it: counts as expired */
    bool brief : 1;     /* XATTR, a link: some of it could not be read: valid as an error is */
    uint16_t refreshed; /* FILLED: low bits of refreshes.made when it came, or was last compared */
};

struct attr_object {
    struct object object;
    struct cu_attr attr;
};

struct dir_object {
    struct object object;
    bool partial;              /* as in struct cu_value */
    bool cut;                  /* the same */
    struct cu_version version; /* all zero: none held */
    struct cu_dirview *view;   /* reference; NULL: not made yet */
    struct cu_list used;       /* renews.used, once this node's kernel used it */
    uint64_t used_ns;          /* last */
    bool renewed;              /* and not used since then (renew.h) */
};

struct data_object { /* DATA, and HOLES, which has chunk and piece 0 */
    struct object object;
    uint64_t chunk;
    uint16_t piece;            /* as in struct cu_request */
    struct cu_version version; /* part of the key */
};

struct statfs_object {
    struct object object;
    struct cu_statfs statfs;
};

static inline struct object *cu_object_of(struct cu_table_link *link) /* NULL: NULL */
{
    return link ? CU_LIST_ENTRY(link, struct object, hash_link) : NULL;
}

static inline struct cu_attr *cu_object_attr(const struct object *object) /* ATTR */
{
    return &CU_LIST_ENTRY(object, struct attr_object, object)->attr;
}

static inline struct dir_object *cu_object_dir(const struct object *object) /* DIR */
{
    return CU_LIST_ENTRY(object, struct dir_object, object);
}

static inline struct data_object *cu_object_data(const struct object *object) /* DATA, HOLES */
{
    return CU_LIST_ENTRY(object, struct data_object, object);
}

/* Is the version part of the key, because the kind belongs to one version of a file? */
static inline bool cu_kind_of_version(enum cu_kind kind)
{
    return kind == CU_KIND_DATA || kind == CU_KIND_HOLES;
}

static inline bool cu_object_in_flight(const struct object *object)
{
    return object->state == CU_FLIGHT_ASKING || object->state == CU_FLIGHT_READING;
}

/* The memory that it takes, without its name and bytes. */
size_t cu_object_size(enum cu_kind kind);
/* Memory for what it is asked for: a chunk or a piece of one, at most; 0: any other, which is
 * small. */
uint32_t cu_object_fill_bytes(uint32_t chunk_bytes, const struct object *object);
/* Bytes of content that it holds: of a chunk by its key, because the simulator's are stand-ins. */
uint64_t cu_object_content_bytes(const struct cu_core *core, const struct object *object);
/* The request for the object: its key, and the options of its flight. Borrows the path. */
struct cu_request cu_object_request(const struct object *object);
/* As answers carry it that are about the object, or about that piece of it. */
uint64_t cu_object_key_of(const struct object *object, uint32_t piece);
/* What it holds, borrowed. */
void cu_object_peek(const struct object *object, struct cu_value *value);
/* Holds the value from now on; not its content. Takes references. */
void cu_object_set(struct object *object, const struct cu_value *value);
/* Holds nothing from now on. */
void cu_object_forget(struct object *object);

#endif
