/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked for before anybody asks: each request that waits for the parent costs a way through
 * the tree, so what will follow by all that was seen so far goes up along with it. Events in, wants
 * out. A guess that is wrong costs a request, never an answer. Pure: no I/O, no clock, no thread;
 * the FUSE front and the simulator drive the same code. One thread at a time.
 *
 * The rules, one file each:
 *   content.c    a small file's content comes with its attributes, by what is read of its suffix
 *   names.c      what is looked up after a name by habit; what a link leads to; the ACL
 *   listings.c   a directory is listed when a name in it was absent, or where others are
 *   libraries.c  a file that will be read is asked for as a whole, a large one at its ends
 *   walks.c      the next names of somebody who goes through a directory
 *   reads.c      the next chunks of somebody who reads on; how large the parts of a read are
 *   holes.c      where a file that was read as zeros has no data
 * All wants pass one budget (ahead.c).
 *
 * The driver keeps a struct cu_ahead_dir or cu_ahead_file beside each node of its own, all zero to
 * begin with, and tells of it with the events below. Ports are called during events only, and must
 * not call back into the library. */
#ifndef CU_AHEAD_AHEAD_H
#define CU_AHEAD_AHEAD_H

#include "ahead/held.h"
#include "base/buf.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_ahead;
struct cu_stream;

/* What is to be asked for. Nobody waits for it. Borrowed during the call. */
struct cu_ahead_want {
    enum cu_kind kind; /* ATTR, DIR, DATA, XATTR, HOLES */
    const char *path;  /* normal form */
    size_t path_len;
    struct cu_version version; /* DATA, HOLES: of the file */
    uint64_t chunk;            /* DATA: all of it */
    bool content;              /* ATTR: with a small file's content */
};

/* What was asked for ahead and is not here yet. */
struct cu_ahead_load {
    uint64_t requests;
    uint64_t bytes; /* of chunks */
};

/* What the driver knows of a directory. */
struct cu_ahead_place {
    struct cu_ahead_dir *above; /* the directory that it is in; NULL: it is the root */
    uint64_t id;                /* a number of its own, not 0 */
    const char *name;           /* borrowed, ends with a NUL */
    size_t name_len;
};

/* A name in a directory, by its whole path; borrowed. */
struct cu_ahead_name {
    const char *path; /* normal form */
    size_t path_len;
    size_t dir_len;   /* path begins with the directory's, which is so long */
    const char *name; /* ends with a NUL where an event says it */
    size_t name_len;
};

struct cu_ahead_ports {
    void *context;
    void (*want)(void *context, const struct cu_ahead_want *want);
    struct cu_ahead_load (*load)(void *context);
    void (*place)(void *context, const struct cu_ahead_dir *dir, struct cu_ahead_place *out);
    /* Writes a path in normal form (CU_TREE_PATH_MAX bytes); its length or -ENAMETOOLONG. */
    int (*dir_path)(void *context, const struct cu_ahead_dir *dir, char *out);
    int (*file_path)(void *context, const void *owner, char *out);
    /* Is there nothing to ask: the name is known (dir NULL: of no node), or is never shown? */
    bool (*settled)(void *context, const struct cu_ahead_dir *dir,
                    const struct cu_ahead_name *name);
    /* Is it known not to exist, by a listing held here? */
    bool (*absent)(void *context, const struct cu_ahead_name *name);
    /* A fresh listing held here, borrowed until the next port is called; NULL: none. */
    const struct cu_value *(*listing)(void *context, const char *path, size_t path_len);
    /* The list of a file's holes that is held here, a new reference; NULL: none. */
    struct cu_buf *(*holes)(void *context, const void *owner, const char *path, size_t path_len);
};

enum cu_ahead_content { CU_AHEAD_BY_SUFFIX, CU_AHEAD_ALWAYS, CU_AHEAD_NEVER };

#define CU_AHEAD_STREAM_BYTES (16u << 20) /* default of stream_bytes */
#define CU_AHEAD_LIST_AFTER   1u          /* default of list_after */
#define CU_AHEAD_LIST_NEVER   UINT32_MAX

struct cu_ahead_config {
    struct cu_ahead_ports ports;
    uint32_t chunk_bytes;
    uint64_t cache_bytes;   /* what is asked for ahead must still be held when it is wanted */
    uint64_t enoent_ttl_ns; /* how long absence is believed; 0: never, so listings are no use */
    uint32_t stream_bytes;  /* ahead of somebody who reads on; 0: nothing */
    uint32_t list_after;    /* a directory is listed after so many names in it were absent */
    enum cu_ahead_content content;
};

/* NULL: out of memory. */
struct cu_ahead *cu_ahead_create(const struct cu_ahead_config *config);
/* Every directory's listing must have been dropped. NULL does nothing. */
void cu_ahead_destroy(struct cu_ahead *a);

/* --- what the driver keeps for a node ----------------------------------------------------------
 */

struct cu_ahead_dir {
    struct cu_held *held; /* its listing, for a walk; the library's. NULL: none */
    uint64_t retry_ns;    /* the listing failed: not again before */
    uint32_t found;       /* names looked up and found while no listing was held */
    uint8_t absent;       /* names in it that were found not to exist, up to 255 */
    uint8_t walked;       /* how directories in it are walked: 1 + enum cu_ahead_order; 0: not */
    bool listed;          /* it was, once */
};

struct cu_ahead_file {
    uint8_t jumps; /* small reads in no order, up to some number */
    bool read;     /* it was, once */
    bool predicts; /* was a reason to expect that files of its kind are read */
};

/* What is known of the directory may be out of date: its listing is dropped, absent names and
 * failures are forgotten. */
void cu_ahead_dir_doubt(struct cu_ahead *a, struct cu_ahead_dir *dir);
/* The node goes. */
void cu_ahead_dir_clear(struct cu_ahead *a, struct cu_ahead_dir *dir);

/* --- events: names -----------------------------------------------------------------------------
 */

/* name is going to be looked up in dir, and no listing here says whether it exists: is the listing
 * asked for first, because it will answer for others, too? */
bool cu_ahead_lists_first(const struct cu_ahead *a, const struct cu_ahead_dir *dir,
                          const char *name, size_t name_len, uint64_t now_ns);
/* Is its content asked for with its attributes? */
bool cu_ahead_content(const struct cu_ahead *a, const char *name, size_t name_len);
/* Its attributes were asked for. acl: the kernel looks at its ACL when it is opened. */
void cu_ahead_asked(struct cu_ahead *a, const struct cu_ahead_name *name, bool acl);
/* It is looked up in dir, and was not asked for before. */
void cu_ahead_looked_up(struct cu_ahead *a, struct cu_ahead_dir *dir,
                        const struct cu_ahead_name *name);
/* It was found not to exist. */
void cu_ahead_absent(struct cu_ahead *a, struct cu_ahead_dir *dir, const char *name,
                     size_t name_len);
/* A regular file of this name becomes known for the first time. */
void cu_ahead_new_file(struct cu_ahead *a, const char *name, size_t name_len);

/* A node that was looked up and found; borrowed. */
struct cu_ahead_node {
    struct cu_ahead_dir *dir; /* that it is in */
    const char *name;
    size_t name_len;
    const char *path; /* regular file, directory; NULL: too long */
    size_t path_len;
    const struct cu_attr *attr;
    bool first;                  /* it was not known before */
    struct cu_ahead_dir *self;   /* directory */
    struct cu_ahead_file *file;  /* regular file */
    const struct cu_buf *target; /* symbolic link: what it says, or NULL */
};
void cu_ahead_found(struct cu_ahead *a, const struct cu_ahead_node *node);
/* name in dir was asked for its extended attributes (XATTR): somebody may go through the directory.
 * For attributes cu_ahead_found does it. */
void cu_ahead_step(struct cu_ahead *a, struct cu_ahead_dir *dir, enum cu_kind kind,
                   const char *name, size_t name_len);

/* --- events: listings --------------------------------------------------------------------------
 */

/* dir's listing is asked for by somebody. */
void cu_ahead_listed(struct cu_ahead *a, struct cu_ahead_dir *dir);
/* It could not be had. */
void cu_ahead_list_failed(struct cu_ahead *a, struct cu_ahead_dir *dir, uint64_t now_ns);
/* It is here: kept for walks, and to be shown. 0, -ENOMEM, -EIO (not a listing). */
__attribute__((warn_unused_result)) int cu_ahead_hold(struct cu_ahead *a, struct cu_ahead_dir *dir,
                                                      const struct cu_value *value);
/* dir's listing (held) was used: it is the latest. */
void cu_ahead_held_used(struct cu_ahead *a, struct cu_ahead_dir *dir);
/* It is not needed any more. Without one nothing happens. */
void cu_ahead_held_drop(struct cu_ahead *a, struct cu_ahead_dir *dir);
/* Entries of dir's listing (held) are shown from this position on to somebody who takes their
 * attributes along. */
void cu_ahead_shown(struct cu_ahead *a, struct cu_ahead_dir *dir, uint32_t from);

/* --- events: reads -----------------------------------------------------------------------------
 */

/* A read of [start, end), within the file and not empty. */
struct cu_ahead_read {
    const void *owner; /* the driver's node, for its ports */
    uint64_t id;       /* a number of the file's own, not 0 */
    struct cu_ahead_file *file;
    const char *name;
    size_t name_len;
    const struct cu_attr *attr;
    uint64_t start, end;
    /* the library's, from cu_ahead_read to cu_ahead_reads_on */
    struct cu_stream *stream;
    uint32_t part_bytes;
};
/* Before anything is asked for: how large the parts are in which it is to be: chunk_bytes, or
 * pieces of chunks (proto/piece.h). */
uint32_t cu_ahead_read(struct cu_ahead *a, struct cu_ahead_read *read);
/* What it needs was asked for. No other read in between. */
void cu_ahead_reads_on(struct cu_ahead *a, struct cu_ahead_read *read);

/* May the file have a hole that is worth a request? */
bool cu_ahead_may_have_holes(const struct cu_ahead *a, const struct cu_attr *attr);
/* These bytes of the file were read. */
void cu_ahead_bytes(struct cu_ahead *a, const void *owner, const struct cu_attr *attr,
                    const struct cu_buf *bytes);

#endif
