/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside pfsemu: nodes (what the kernel knows by a number) and what all operations share. */
#ifndef CU_TESTS_PFS_TREE_H
#define CU_TESTS_PFS_TREE_H

#include "pfs.h"

#ifdef PFS_FUSE_312 /* the first in which more than 10 threads can be had */
#define FUSE_USE_VERSION 312
#else
#define FUSE_USE_VERSION 35
#endif
#include <fuse_lowlevel.h>
#include <sys/stat.h>

/* One object under one path. Replaced files and moved directories get new nodes; the descriptor
 * keeps the old inode, so an open file stays what it was. */
struct cu_pfs_node {
    struct cu_pfs_node *next;
    uint64_t lookups; /* guarded by the table's lock */
    dev_t dev;
    ino_t ino;
    int fd; /* O_PATH */
    char path[];
};

/* One of the places where the tree is mounted: what fuse_req_userdata gives. */
struct cu_pfs_mount {
    unsigned index;
    char *mountpoint; /* absolute */
    struct fuse_session *session;
};

struct cu_pfs_node *cu_pfs_node_of(fuse_ino_t ino);
/* The top of what is passed through (O_PATH, taken); before the session starts. */
void cu_pfs_root_set(int fd);
/* Finds or adds; takes fd (O_PATH), counts one lookup. NULL: no memory. */
struct cu_pfs_node *cu_pfs_node_get(const struct cu_pfs_node *parent, const char *name, int fd,
                                    const struct stat *st);
void cu_pfs_node_forget(struct cu_pfs_node *node, uint64_t lookups);
/* "parent/name", to be freed. */
char *cu_pfs_path_join(const struct cu_pfs_node *parent, const char *name);

/* "/proc/self/fd/N": by it calls that know no O_PATH descriptor work. */
struct cu_pfs_proc {
    char path[32];
};
struct cu_pfs_proc cu_pfs_proc(const struct cu_pfs_node *node);

/* Between these two the thread has the rights of who asks. */
void cu_pfs_user_enter(fuse_req_t req);
void cu_pfs_user_leave(fuse_req_t req);

/* The answer to lookup and to whatever creates: an entry, or an error. */
void cu_pfs_reply_entry(fuse_req_t req, const struct cu_pfs_node *parent, const char *name);
/* 0, or -errno; fills entry. */
int cu_pfs_find(fuse_req_t req, const struct cu_pfs_node *parent, const char *name,
                struct fuse_entry_param *entry);
/* The answer to getattr and setattr. */
void cu_pfs_reply_attr(fuse_req_t req, const struct cu_pfs_node *node);

/* Notes the last lookup of each thread, to distinguish lstat(2) from fstat(2). node NULL: the
 * thread did something else. */
void cu_pfs_last_set(fuse_req_t req, const struct cu_pfs_node *node);
bool cu_pfs_last_take(fuse_req_t req, const struct cu_pfs_node *node);

/* Sets how the kernel treats an opened file. */
void cu_pfs_open_flags(struct fuse_file_info *fi);

#endif
