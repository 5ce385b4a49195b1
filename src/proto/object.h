/* SPDX-License-Identifier: BSD-3-Clause */
/* The objects that are sent and cached: their kinds, keys and values. Types only. */
#ifndef CU_PROTO_OBJECT_H
#define CU_PROTO_OBJECT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_dirview;

#define CU_RANK_NONE UINT32_MAX /* no node: the copper command, or none */

enum cu_kind {
    CU_KIND_ATTR = 1,   /* lstat of a path and, for a symbolic link, its target */
    CU_KIND_DIR = 2,    /* complete listing of a directory: names, types, inode numbers */
    CU_KIND_DATA = 3,   /* one chunk of one version of a regular file, or a piece of it */
    CU_KIND_XATTR = 4,  /* all extended attributes of a path */
    CU_KIND_STATFS = 5, /* statvfs of the file system that holds a path */
    CU_KIND_HOLES = 6,  /* where one version of a regular file has no data (proto/holes.h) */
};
#define CU_KIND_COUNT 7 /* array size when indexed by kind; 0 is no kind */

struct cu_time {
    int64_t sec; /* since the epoch */
    uint32_t nsec;
};

/* Which state of a file, or of a directory, the bytes belong to. It travels and is compared between
 * nodes, so nothing is in it that holds on one node only: a device number differs where each node
 * mounts storage itself, and an inode number can change with a mount, or with time. All zero: no
 * version (nothing to read has it: a file of size 0 has no bytes, a directory without stamps is
 * listed again). */
struct cu_version {
    uint64_t size;
    struct cu_time mtime, ctime;
};

/* As stat(2) on storage, but for st_dev, which means nothing on another node. */
struct cu_attr {
    uint32_t mode;
    uint32_t nlink;
    uint32_t uid;
    uint32_t gid;
    uint64_t ino; /* shown, never compared between nodes */
    uint64_t rdev;
    uint64_t size;
    uint64_t blocks; /* of 512 bytes */
    uint32_t blksize;
    struct cu_time atime, mtime, ctime;
};

/* As statvfs(3). */
struct cu_statfs {
    uint64_t bsize, frsize, blocks, bfree, bavail, files, ffree, namemax;
};

/* One entry of a listing. */
struct cu_dirent {
    uint64_t ino;
    uint8_t type; /* DT_* of readdir(3) */
    uint16_t name_len;
    const char *name; /* borrowed, not NUL-terminated */
};

/* The value of an object. Which fields count depends on the kind; buffers are references that the
 * holder owns. A value with error != 0 has nothing else. */
struct cu_value {
    int error;       /* positive errno: the storage's answer is this error */
    uint32_t age_ms; /* time since storage was asked, for what expires */
    union {
        struct cu_attr attr;       /* ATTR */
        struct cu_version version; /* DIR: of the directory; DATA, HOLES: of the file */
        struct cu_statfs statfs;   /* STATFS */
    };
    struct cu_buf
        *bytes;    /* ATTR: link target (see cu_target_error) or NULL; DIR: entries (proto/dir.h);
                      DATA: content; XATTR: pairs (proto/xattr.h);
                      HOLES: list (proto/holes.h), NULL: none */
    uint64_t hash; /* XXH3 of bytes, made where storage was read; 0 when no bytes */
    struct cu_dirview *view; /* DIR: bytes made ready (proto/dirview.h), or NULL; never travels */
    struct cu_buf *content;  /* ATTR: the whole of a small regular file, or NULL */
    uint64_t content_hash;   /* XXH3 of content */
    bool unchanged;          /* DIR: the version the asker holds is still right; no bytes */
    bool partial;            /* DIR: names may exist that are not in it; absence proves nothing */
    bool cut;                /* DIR: it was over a bound and ends before its time; also partial */
};

/* What a request and its answer are about: the same number on both ends. path_hash: cu_hash_bytes
 * of the path; chunk, piece: DATA, else 0. */
uint64_t cu_object_key(enum cu_kind kind, uint64_t path_hash, uint64_t chunk, uint32_t piece);
struct cu_version cu_version_of(const struct cu_attr *attr);
bool cu_version_equal(const struct cu_version *a, const struct cu_version *b);
bool cu_version_is_none(const struct cu_version *version);
/* A link whose target cannot be read has its attributes all the same, and in place of the target
 * this: new bytes, NULL when out of memory. error: positive errno up to 65,535. */
struct cu_buf *cu_target_unread(int error);
/* 0: it is a target (or NULL). Else the errno for who reads the link. */
int cu_target_error(const struct cu_buf *target);
/* Takes new references to the buffers. */
void cu_value_copy(struct cu_value *to, const struct cu_value *from);
/* Drops the references and zeroes the value. */
void cu_value_clear(struct cu_value *value);

#endif
