/* SPDX-License-Identifier: BSD-3-Clause */
/* Read-ahead: predicts what the kernel will ask for next and asks the parent for it in advance.
 * Each request that somebody waits for costs a round trip through the tree; a right prediction
 * saves it. A wrong one costs a request, and never changes an answer. The driver passes events in,
 * the library calls the port `want`. Pure: no I/O, no clock, no thread; the FUSE front and the
 * simulator drive the same code. One thread at a time.
 *
 * The rules, one file each:
 *   content.c    a small file's content comes with its attributes, by what is read of its suffix
 *   names.c      names that usually follow a name; the target of a link; the ACL
 *   listings.c   a directory is listed when a name in it was absent, or where others are
 *   libraries.c  a file that will be read is asked for as a whole, a large one at its ends
 *   walks.c      the next names of a process that walks through a directory
 *   reads.c      the next chunks of a sequential reader; the size of a read's parts
 *   holes.c      where a file that was read as zeros has no data
 * These share one budget (ahead.c).
 *   replay.c     what an earlier run touched, before anybody asks; with a window of its own
 * stage.h asks for whole trees when it is told to.
 *
 * The driver keeps a struct cu_ahead_dir or cu_ahead_file beside each of its nodes, zeroed at
 * first, and calls the event functions below. Ports are called during events only, and must not
 * call back into the library. */
#ifndef CU_AHEAD_AHEAD_H
#define CU_AHEAD_AHEAD_H

#include "ahead/held.h"
#include "base/buf.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_ahead;
struct cu_recipe;
struct cu_stream;

/* An object to ask for; no request waits for it. Borrowed during the call. */
struct cu_ahead_want {
    enum cu_kind kind; /* ATTR, DIR, DATA, XATTR, HOLES */
    const char *path;  /* normal form */
    size_t path_len;
    struct cu_version
        version;    /* DATA, HOLES: of the file; ATTR: known to be out of date, or zero */
    uint64_t chunk; /* DATA: all of it */
    bool content;   /* ATTR: with a small file's content */
    bool home;      /* DATA: from where its attributes are read, also when the file is above -M */
};

/* What was asked for in advance and has not arrived. */
struct cu_ahead_load {
    uint64_t requests;
    uint64_t bytes; /* of chunks */
};

/* What the driver knows of a directory. */
struct cu_ahead_place {
    struct cu_ahead_dir *above; /* the directory that it is in; NULL: it is the root */
    uint64_t id;                /* unique number, not 0 */
    const char *name;           /* borrowed, ends with a NUL */
    size_t name_len;
};

/* A name in a directory, by its whole path; borrowed. */
struct cu_ahead_name {
    const char *path; /* normal form */
    size_t path_len;
    size_t dir_len;   /* length of the directory's path, with which path begins */
    const char *name; /* ends with a NUL where an event requires it */
    size_t name_len;
};

struct cu_ahead_ports {
    void *context;
    void (*want)(void *context, const struct cu_ahead_want *want);
    /* As want, but the driver calls cu_ahead_fetched with the tag when the answer is here, not
     * before this returns. 0 or -ENOMEM. Needed for recipes only. */
    int (*fetch)(void *context, const struct cu_ahead_want *want, uint32_t tag);
    struct cu_ahead_load (*load)(void *context);
    void (*place)(void *context, const struct cu_ahead_dir *dir, struct cu_ahead_place *out);
    /* Writes a path in normal form (CU_TREE_PATH_MAX bytes); its length or -ENAMETOOLONG. */
    int (*dir_path)(void *context, const struct cu_ahead_dir *dir, char *out);
    int (*file_path)(void *context, const void *owner, char *out);
    /* True when the name need not be asked for: it is known here, or is never shown. dir NULL: the
     * directory has no node. */
    bool (*settled)(void *context, const struct cu_ahead_dir *dir,
                    const struct cu_ahead_name *name);
    /* Does a listing held here prove that the name does not exist? */
    bool (*absent)(void *context, const struct cu_ahead_name *name);
    /* A fresh listing held here, borrowed until the next port is called; NULL: none. */
    const struct cu_value *(*listing)(void *context, const char *path, size_t path_len);
    /* The list of a file's holes that is held here, a new reference; NULL: none. */
    struct cu_buf *(*holes)(void *context, const void *owner, const char *path, size_t path_len);
};

enum cu_ahead_content { CU_AHEAD_BY_SUFFIX, CU_AHEAD_ALWAYS, CU_AHEAD_NEVER };

/* The largest window of the kernel's own read-ahead, which the driver sets. With a larger one the
 * kernel asks for several times what a program reads, after each jump; and a sequential reader
 * gains nothing by it, because what is read ahead here comes from farther away. */
#define CU_AHEAD_WINDOW       (128u << 10)
#define CU_AHEAD_STREAM_BYTES (16u << 20) /* default of stream_bytes */
#define CU_AHEAD_LIST_AFTER   1u          /* default of list_after */
#define CU_AHEAD_LIST_NEVER   UINT32_MAX

struct cu_ahead_config {
    struct cu_ahead_ports ports;
    uint32_t chunk_bytes;
    uint64_t cache_bytes;   /* the core's budget: bounds what is asked for in advance */
    uint64_t enoent_ttl_ns; /* lifetime of negative answers; 0: none, so listings are not used */
    uint32_t stream_bytes;  /* bytes asked for in advance of a sequential reader; 0: none */
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
    struct cu_held *held; /* listing held for walks, owned by the library; NULL: none */
    uint64_t retry_ns;    /* the listing failed: do not ask for it again before */
    uint32_t found;       /* names looked up and found while no listing was held */
    uint8_t absent;       /* names in it that were found not to exist, up to 255 */
    uint8_t walked;       /* how directories in it are walked: 1 + enum cu_ahead_order; 0: not */
    bool listed;          /* it was, once */
};

struct cu_ahead_file {
    uint8_t jumps; /* small reads in no order, counted up to a limit */
    bool read;     /* it was, once */
    bool head;     /* its first read began at its start */
    bool predicts; /* was counted as evidence that files of its kind are read */
};

/* What is known of the directory may be out of date: its listing is dropped, absent names and
 * failures are forgotten. */
void cu_ahead_dir_doubt(struct cu_ahead *a, struct cu_ahead_dir *dir);
/* To be called before the node is freed. */
void cu_ahead_dir_clear(struct cu_ahead *a, struct cu_ahead_dir *dir);

/* --- recipes -----------------------------------------------------------------------------------
 */

/* Begins to ask for all that the recipe names, and takes the reference. bytes: that it may ask for
 * until cu_ahead_replay_allow, where each request counts a little, too; UINT64_MAX: no bound. 0;
 * -EBUSY: one is replayed already (the reference is still the caller's). */
__attribute__((warn_unused_result)) int cu_ahead_replay(struct cu_ahead *a,
                                                        struct cu_recipe *recipe, uint64_t bytes);
/* It may ask for so many more bytes, but for `most` at most before the next time. Does nothing when
 * there is no bound, or no replay. */
void cu_ahead_replay_allow(struct cu_ahead *a, uint64_t bytes, uint64_t most);
struct cu_ahead_progress {
    uint64_t objects; /* that are to be asked for, as far as known */
    uint64_t done;    /* of these: answered, or left out */
};
struct cu_ahead_progress cu_ahead_progress(const struct cu_ahead *a);
/* The answer to a port's fetch. */
void cu_ahead_fetched(struct cu_ahead *a, uint32_t tag, const struct cu_value *value);
/* Has all of it arrived, as far as there is room? */
bool cu_ahead_replayed(const struct cu_ahead *a);

/* --- events: names -----------------------------------------------------------------------------
 */

/* name is about to be looked up in dir, and no listing held here says whether it exists. True: ask
 * for the listing first, because it will answer further lookups, too. */
bool cu_ahead_lists_first(const struct cu_ahead *a, const struct cu_ahead_dir *dir,
                          const char *name, size_t name_len, uint64_t now_ns);
/* Should the file's content be asked for together with its attributes? */
bool cu_ahead_content(const struct cu_ahead *a, const char *name, size_t name_len);
/* The attributes of name were asked for. acl: the kernel will ask for its ACL when it is opened. */
void cu_ahead_asked(struct cu_ahead *a, const struct cu_ahead_name *name, bool acl);
/* name is looked up in dir and was not asked for before. */
void cu_ahead_looked_up(struct cu_ahead *a, struct cu_ahead_dir *dir,
                        const struct cu_ahead_name *name);
/* name was found not to exist in dir. */
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
    const struct cu_buf *target; /* symbolic link: its target, or NULL */
};
void cu_ahead_found(struct cu_ahead *a, const struct cu_ahead_node *node);
/* An object of this kind (XATTR) was asked for name in dir: a process may be walking through the
 * directory. For attributes, cu_ahead_found does this. */
void cu_ahead_step(struct cu_ahead *a, struct cu_ahead_dir *dir, enum cu_kind kind,
                   const char *name, size_t name_len);

/* --- events: listings --------------------------------------------------------------------------
 */

/* The kernel asks for dir's listing. */
void cu_ahead_listed(struct cu_ahead *a, struct cu_ahead_dir *dir);
/* Asking for dir's listing failed. */
void cu_ahead_list_failed(struct cu_ahead *a, struct cu_ahead_dir *dir, uint64_t now_ns);
/* dir's listing has arrived: the library holds it, for walks and for readdir. 0, -ENOMEM, -EIO (not
 * a listing). */
__attribute__((warn_unused_result)) int cu_ahead_hold(struct cu_ahead *a, struct cu_ahead_dir *dir,
                                                      const struct cu_value *value);
/* dir's listing (held) was used: it becomes the most recently used one. */
void cu_ahead_held_used(struct cu_ahead *a, struct cu_ahead_dir *dir);
/* Drops dir's listing. Does nothing when none is held. */
void cu_ahead_held_drop(struct cu_ahead *a, struct cu_ahead_dir *dir);
/* readdirplus returns entries of dir's listing (held) from this position on. */
void cu_ahead_shown(struct cu_ahead *a, struct cu_ahead_dir *dir, uint32_t from);

/* --- events: reads -----------------------------------------------------------------------------
 */

/* A read of [start, end), within the file and not empty. */
struct cu_ahead_read {
    const void *owner; /* the driver's node, for its ports */
    uint64_t id;       /* unique number of the file, not 0 */
    struct cu_ahead_file *file;
    const char *name;
    size_t name_len;
    const struct cu_attr *attr;
    uint64_t start, end;
    /* Set by cu_ahead_read: what to fetch. It contains [start, end), the first part has `start`,
     * the last one has the byte before `end`; `to` may be after the file's end. */
    uint64_t from, to;
    /* owned by the library from cu_ahead_read to cu_ahead_reads_on */
    struct cu_stream *stream;
    uint64_t edge;     /* no part crosses it */
    uint32_t part_max; /* largest part */
};
/* To be called before the read asks for anything. */
void cu_ahead_read(struct cu_ahead *a, struct cu_ahead_read *read);
/* The size of the part to ask for at `at`, which is read->from or where the part before ended:
 * chunk_bytes, or that of a piece of a chunk (proto/piece.h). */
uint32_t cu_ahead_part(const struct cu_ahead_read *read, uint64_t at);
/* To be called when all parts of the read were asked for. No other read may begin in between. */
void cu_ahead_reads_on(struct cu_ahead *a, struct cu_ahead_read *read);

/* May the file have a hole that is worth a request? */
bool cu_ahead_may_have_holes(const struct cu_ahead *a, const struct cu_attr *attr);
/* These bytes of the file were read. */
void cu_ahead_bytes(struct cu_ahead *a, const void *owner, const struct cu_attr *attr,
                    const struct cu_buf *bytes);

#endif
