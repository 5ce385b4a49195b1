/* SPDX-License-Identifier: BSD-3-Clause */
/* State of a stage, which stage.c (requests and answers), stage_walk.c (names) and stage_load.c
 * (content) share; not to be included outside of src/ahead. */
#ifndef CU_AHEAD_STAGE_STATE_H
#define CU_AHEAD_STAGE_STATE_H

#include "ahead/stage.h"
#include "proto/recipe.h"

#define CU_STAGE_WALKS     384u /* requests for names and listings under way */
#define CU_STAGE_LOADS     128u /* requests for chunks under way, at most */
#define CU_STAGE_SLOTS     (CU_STAGE_WALKS + CU_STAGE_LOADS)
#define CU_STAGE_LOAD_MAX  (32u << 20) /* bytes of these */
#define CU_STAGE_LISTS     32u         /* listings asked for before their turn */
#define CU_STAGE_QUEUE_MAX (32u << 20) /* bytes of memory for what waits, of either queue */
#define CU_STAGE_INLINE    (64u << 10) /* a name may bring so much content along */
#define CU_STAGE_COST      320u        /* bytes that an object takes besides name and content */
#define CU_STAGE_RETRIES   3u          /* of a file that changes while it is read */
#define CU_STAGE_LINKS     40u         /* in one path, as the kernel */

enum cu_stage_kind {
    CU_STAGE_FREE,
    CU_STAGE_RESOLVE,  /* a part of a path that was given */
    CU_STAGE_NAME,     /* attributes */
    CU_STAGE_LISTING,  /* of a directory */
    CU_STAGE_HOLES,    /* of a file */
    CU_STAGE_CHUNK,    /* of a file */
    CU_STAGE_MANIFEST, /* a chunk of the manifest */
};

/* A path on its way: from a name to a directory or a file. */
struct cu_stage_item {
    struct cu_stage_item *next; /* in a queue */
    struct cu_buf *bytes;       /* directory: its listing; file: its holes. A reference, or NULL */
    size_t at;                  /* directory: of the listing's next entry */
    char *rest;                 /* owned; RESOLVE: what follows path, which is resolved */
    struct cu_version version;  /* file */
    uint64_t size;              /* the same, in bytes */
    uint64_t data;              /* bytes of it that count, without holes */
    uint64_t done;              /* of these are here */
    uint64_t chunk;             /* the next one to ask for */
    uint32_t open;              /* requests for chunks under way */
    int error;                  /* positive errno of one of them */
    uint8_t tries;              /* how often the file had changed */
    uint8_t links;              /* RESOLVE: followed so far */
    bool given;                 /* a path that was given: it must exist */
    bool listed;                /* directory: the listing is here, or has failed */
    bool queued;                /* file: it is in the queue, and has chunks to ask for */
    uint16_t path_len;
    char path[]; /* ends with a NUL */
};

struct cu_stage_queue {
    struct cu_stage_item *first, *last;
    size_t bytes; /* of memory */
};

struct cu_stage_slot {
    enum cu_stage_kind kind;
    uint32_t bytes;             /* CHUNK: that were asked for */
    uint32_t next;              /* FREE: the next free one */
    uint32_t chunk;             /* MANIFEST */
    struct cu_stage_item *item; /* owned, but for CHUNK */
};

struct cu_stage {
    struct cu_stage_config config;
    struct cu_stage_figures figures;
    char *error_path; /* owned */
    struct cu_stage_slot slots[CU_STAGE_SLOTS];
    uint32_t free;                 /* the first free slot */
    uint32_t walks, loads;         /* slots of either use */
    uint64_t load_bytes;           /* asked for and not here */
    struct cu_stage_queue given;   /* paths to resolve */
    struct cu_stage_queue dirs;    /* to walk; the first one is being walked */
    struct cu_stage_queue files;   /* to load; the first one is being loaded */
    struct cu_stage_item *unasked; /* in dirs: the first whose listing was not asked for */
    uint32_t asked;                /* in dirs, before it */
    struct cu_stage_item
        *manifest;           /* owned; its chunk is the next one to ask for. NULL: none yet */
    char *text;              /* owned: its text; NULL: there is none, or it is done */
    struct cu_recipe *begun; /* owned: the paths that it names, each to be staged with all below it;
                                NULL: there is no manifest, or no memory */
    size_t text_at;          /* of the next path */
    bool nul;                /* a NUL ends a path, not the line */
    bool full;               /* not even names have room any more */
};

/* stage.c */
/* False: it cannot be asked for; item (where the slot would own it) is still the caller's. */
bool cu_stage_ask(struct cu_stage *s, enum cu_stage_kind kind, struct cu_stage_item *item,
                  const struct cu_ahead_want *want, uint32_t bytes);
struct cu_stage_item *cu_stage_item_new(const char *path, size_t path_len);
void cu_stage_item_free(struct cu_stage_item *item);
void cu_stage_push(struct cu_stage_queue *queue, struct cu_stage_item *item);
struct cu_stage_item *cu_stage_pop(struct cu_stage_queue *queue);
/* path could not be staged. */
void cu_stage_fail(struct cu_stage *s, const char *path, size_t path_len, int error);

/* stage_walk.c */
/* Asks for attributes; takes item. */
void cu_stage_name(struct cu_stage *s, struct cu_stage_item *item);
/* One step. False: nothing can be done now. */
bool cu_stage_walk(struct cu_stage *s);
void cu_stage_named(struct cu_stage *s, struct cu_stage_item *item, const struct cu_value *value);
void cu_stage_listed(struct cu_stage *s, struct cu_stage_item *item, const struct cu_value *value);

/* stage_given.c */
/* Has a path of the manifest begun there, so that it is staged, or will be, by itself? */
bool cu_stage_has_begun(const struct cu_stage *s, const char *path, size_t path_len);
/* One step of a path that was given, or of the manifest. False: nothing can be done now. */
bool cu_stage_given(struct cu_stage *s);
void cu_stage_resolved(struct cu_stage *s, struct cu_stage_item *item,
                       const struct cu_value *value);
/* The manifest's attributes. */
void cu_stage_manifest(struct cu_stage *s, struct cu_stage_item *item,
                       const struct cu_value *value);
void cu_stage_manifest_chunk(struct cu_stage *s, uint32_t chunk, const struct cu_value *value);

/* stage_load.c */
/* A regular file whose attributes are here, and whose content is not; takes item. */
void cu_stage_file(struct cu_stage *s, struct cu_stage_item *item, const struct cu_attr *attr);
void cu_stage_holes(struct cu_stage *s, struct cu_stage_item *item, const struct cu_value *value);
void cu_stage_chunk(struct cu_stage *s, struct cu_stage_item *item, uint32_t asked,
                    const struct cu_value *value);
/* One step. False: nothing can be done now. */
bool cu_stage_load(struct cu_stage *s, uint64_t *bytes);

#endif
