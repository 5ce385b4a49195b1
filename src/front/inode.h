/* SPDX-License-Identifier: BSD-3-Clause */
/* The inode table: maps the kernel's node numbers to files and directories. A node is (parent,
 * name, version): two versions of one path are two nodes, so that an open file never mixes them; a
 * directory is the same node as long as it is the same directory. Node numbers are never given out
 * twice. One thread. */
#ifndef CU_FRONT_INODE_H
#define CU_FRONT_INODE_H

#include "ahead/ahead.h"
#include "base/list.h"
#include "base/path.h"
#include "base/table.h"
#include "front/recovery.h"
#include "front/seen.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_INODE_ROOT 1u /* the kernel's number for the mount's root */

/* How the target of a link is shown. Decided once: the kernel keeps its length, too. */
enum cu_inode_link {
    CU_INODE_LINK_OPEN,   /* not decided; nobody was told */
    CU_INODE_LINK_KEPT,   /* as on storage */
    CU_INODE_LINK_INSIDE, /* as cu_relink has it */
};

struct cu_inode {
    struct cu_table_link id_link;
    struct cu_table_link name_link;
    struct cu_list order;    /* in cu_inodes.all */
    struct cu_inode *parent; /* holds a reference; NULL: the root */
    uint64_t nodeid;
    uint64_t lookups; /* the kernel's references */
    uint32_t refs;    /* ours: children, requests under way, pins */
    uint32_t record;  /* in the recovery area, 0: none */
    uint16_t name_len;
    bool has_attr;   /* false: the root before it was asked for */
    bool stale;      /* storage has another version now */
    bool doubted;    /* attr may be out of date: to be asked for again */
    bool absent;     /* its name was found not to exist later */
    uint16_t locked; /* requests for which the kernel holds its lock (hold.h) */
    struct cu_attr attr;
    union {
        struct {
            struct cu_ahead_dir ahead;
            bool relisted;  /* the kernel may have been shown more than one listing */
            uint64_t shown; /* hash of the listing last shown; 0: none */
        } dir;
        struct {
            uint32_t epoch; /* how often its version changed while its bytes did not */
            struct cu_ahead_file ahead;
            struct cu_seen seen; /* the parts of the version that the kernel was given */
            char *moved; /* owned: path on storage when it was renamed there; NULL: unchanged */
        } file;
        struct {
            struct cu_buf *target; /* reference, or NULL */
            enum cu_inode_link how;
        } link;
    };
    char name[]; /* name_len bytes, then NUL */
};

struct cu_inodes {
    struct cu_table by_id;
    struct cu_table by_name;
    struct cu_list all; /* oldest first, so parents before their children */
    uint64_t count;
    uint64_t bytes; /* memory of all nodes, recovery records not counted */
    uint64_t next_id;
    struct cu_inode *root;
    struct cu_recovery *recovery;                           /* borrowed, may be NULL */
    void (*on_free)(void *context, struct cu_inode *inode); /* may be NULL */
    void *context;
};

/* A table with the root in it. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int
cu_inodes_init(struct cu_inodes *t, void (*on_free)(void *context, struct cu_inode *inode),
               void *context);
/* To be called right after cu_inodes_init: from now on changes of the table are recorded in the
 * area (borrowed; NULL: not recorded), so that another process can continue. restore: fills the
 * table from the area first. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_inodes_keep(struct cu_inodes *t,
                                                       struct cu_recovery *recovery, bool restore);
/* Frees all, referenced or not. */
void cu_inodes_free(struct cu_inodes *t);
/* Borrowed; NULL: no such node. */
struct cu_inode *cu_inodes_get(const struct cu_inodes *t, uint64_t nodeid);
/* The node of this name and version, made if needed, with the attributes set; NULL: out of memory.
 * Counts no reference: the caller calls cu_inodes_looked_up, or cu_inodes_unref after cu_inode_ref.
 */
struct cu_inode *cu_inodes_enter(struct cu_inodes *t, struct cu_inode *parent, const char *name,
                                 size_t name_len, const struct cu_attr *attr);
/* Would a lookup of the node's name that returns attr yield this node? */
bool cu_inode_is(const struct cu_inode *inode, const struct cu_attr *attr);
/* Sets what is known of inode. */
void cu_inodes_set_attr(struct cu_inodes *t, struct cu_inode *inode, const struct cu_attr *attr);
/* Decides how a link is shown, before the kernel is told. */
void cu_inodes_set_link(struct cu_inodes *t, struct cu_inode *inode, enum cu_inode_link how);
/* The kernel is about to get inode in an answer, and will hold one more reference. To be called
 * before the answer: a node that the kernel knows and we do not would be lost in a crash
 * between. */
void cu_inodes_looked_up(struct cu_inodes *t, struct cu_inode *inode);
/* A node of this name that is known to be out of date, or NULL. */
struct cu_inode *cu_inodes_find_stale(const struct cu_inodes *t, const struct cu_inode *parent,
                                      const char *name, size_t name_len);
/* Any node of this name, or NULL. */
struct cu_inode *cu_inodes_find(const struct cu_inodes *t, const struct cu_inode *parent,
                                const char *name, size_t name_len);
/* The name was found not to exist: marks its nodes, until it is entered again. */
void cu_inodes_set_absent(struct cu_inodes *t, const struct cu_inode *parent, const char *name,
                          size_t name_len);
/* A node of this name that is not marked as not existing, or NULL. */
struct cu_inode *cu_inodes_find_present(const struct cu_inodes *t, const struct cu_inode *parent,
                                        const char *name, size_t name_len);
/* The kernel drops count references. Unknown nodes are ignored. */
void cu_inodes_forget(struct cu_inodes *t, uint64_t nodeid, uint64_t count);
struct cu_inode *cu_inode_ref(struct cu_inode *inode);
/* Drops a reference; frees the node, and its parents, when that was the last. NULL does nothing. */
void cu_inodes_unref(struct cu_inodes *t, struct cu_inode *inode);
/* Writes the normal path on storage (CU_TREE_PATH_MAX bytes) and a NUL; its length or
 * -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int cu_inode_path(const struct cu_inode *inode, char *out);
/* Storage now has the (regular) file at that path: it is read there, while the kernel keeps its old
 * name. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_inode_set_path(struct cu_inode *inode, const char *path);
/* The node made next after inode (NULL: the oldest), or NULL. A referenced node keeps its place, so
 * that all nodes can be visited in steps. */
struct cu_inode *cu_inodes_next(const struct cu_inodes *t, const struct cu_inode *inode);

#endif
