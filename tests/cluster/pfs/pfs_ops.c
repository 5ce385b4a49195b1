/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations that read. Each: counted, through the gate, done with the rights of who asks. */
#include "pfs_quirk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define READ_BYTES_MAX  (1U << 20)
#define XATTR_BYTES_MAX (1U << 16)
#define LINK_BYTES_MAX  4097
#define MADE_UP_BITS    ((off_t)0x7fffffff00000000)
#define MADE_UP_OFFSET  0x4c6f6e6700000000 /* and the number of the next name; these come first */

struct listing {
    DIR *dir;
    struct dirent *pending; /* read, but did not fit into the last answer */
    off_t offset;
};

/* Counts and passes the gate. False: the request has been answered. */
static bool begin(fuse_req_t req, enum cu_pfs_kind kind, const struct cu_pfs_node *node)
{
    int rc;

    cu_pfs_count(kind, node->path, 0, 0);
    rc = cu_pfs_gate(kind, node->path);
    if (rc != 0)
        fuse_reply_err(req, -rc);
    return rc == 0;
}

/* A name that is not there counts as "miss", which waits like a stat; one that is, as "lookup". */
static void op_lookup(fuse_req_t req, fuse_ino_t parent_ino, const char *name)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(parent_ino);
    char *path = cu_pfs_path_join(parent, name);
    struct fuse_entry_param entry;
    int rc;

    cu_pfs_last_set(req, NULL);
    if (!path) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    cu_pfs_user_enter(req);
    rc = cu_pfs_find(req, parent, name, &entry);
    cu_pfs_user_leave(req);
    if (rc == 0) {
        cu_pfs_count(CU_PFS_LOOKUP, path, 0, 0);
        rc = cu_pfs_gate(CU_PFS_LOOKUP, path);
        if (rc != 0)
            cu_pfs_node_forget(cu_pfs_node_of(entry.ino), 1);
    } else {
        int fault;
        cu_pfs_count(CU_PFS_MISS, path, 0, 0);
        fault = cu_pfs_gate(CU_PFS_MISS, path);
        rc = fault != 0 ? fault : rc;
    }
    free(path);
    if (rc != 0) {
        fuse_reply_err(req, -rc);
        return;
    }
    cu_pfs_last_set(req, cu_pfs_node_of(entry.ino));
    if (fuse_reply_entry(req, &entry) != 0)
        cu_pfs_node_forget(cu_pfs_node_of(entry.ino), 1);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
    cu_pfs_node_forget(cu_pfs_node_of(ino), lookups);
    fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        cu_pfs_node_forget(cu_pfs_node_of(forgets[i].ino), forgets[i].nlookup);
    fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    bool stat_call = cu_pfs_last_take(req, node) || ino == FUSE_ROOT_ID;

    (void)fi;
    if (begin(req, stat_call ? CU_PFS_STAT : CU_PFS_FSTAT, node))
        cu_pfs_reply_attr(req, node);
}

static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    long rc;

    cu_pfs_last_set(req, NULL);
    if (!begin(req, CU_PFS_ACCESS, node))
        return;
    cu_pfs_user_enter(req);
    rc = syscall(SYS_faccessat2, node->fd, "", mask, AT_EMPTY_PATH | AT_EACCESS);
    cu_pfs_user_leave(req);
    fuse_reply_err(req, rc == 0 ? 0 : errno);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    char target[LINK_BYTES_MAX];
    ssize_t len;

    cu_pfs_last_set(req, NULL);
    if (!begin(req, CU_PFS_READLINK, node))
        return;
    len = readlinkat(node->fd, "", target, sizeof target - 1);
    if (len > 0 && cu_pfs_quirk(CU_PFS_QUIRK_EMPTY_LINKS) > 0)
        len = 0;
    if (len < 0) {
        fuse_reply_err(req, errno);
        return;
    }
    target[len] = '\0';
    fuse_reply_readlink(req, target);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    int fd;

    cu_pfs_last_set(req, NULL);
    if (!begin(req, CU_PFS_OPEN, node))
        return;
    cu_pfs_user_enter(req);
    fd = open(cu_pfs_proc(node).path, (fi->flags & ~(O_NOFOLLOW | O_CREAT | O_DIRECT)) | O_CLOEXEC);
    cu_pfs_user_leave(req);
    if (fd < 0) {
        fuse_reply_err(req, errno);
        return;
    }
    fi->fh = (uint64_t)fd;
    cu_pfs_open_flags(fi);
    if (fuse_reply_open(req, fi) != 0)
        close(fd);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    close((int)fi->fh);
    fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
    static _Thread_local char *buffer;
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    ssize_t got = -1;
    int rc;

    cu_pfs_last_set(req, NULL);
    if (!buffer)
        buffer = malloc(READ_BYTES_MAX);
    rc = buffer ? cu_pfs_gate(CU_PFS_READ, node->path) : -ENOMEM;
    if (rc == 0) {
        got = pread((int)fi->fh, buffer, size < READ_BYTES_MAX ? size : READ_BYTES_MAX, offset);
        rc = got < 0 ? -errno : 0;
    }
    cu_pfs_count(CU_PFS_READ, node->path, (uint64_t)offset, rc == 0 ? (uint64_t)got : 0);
    if (rc != 0) {
        fuse_reply_err(req, -rc);
        return;
    }
    cu_pfs_pace((uint64_t)got);
    fuse_reply_buf(req, buffer, (size_t)got);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
                     struct fuse_file_info *fi)
{
    int rc = cu_pfs_gate(CU_PFS_LSEEK, cu_pfs_node_of(ino)->path);
    off_t at;

    if (rc != 0) {
        fuse_reply_err(req, -rc);
        return;
    }
    at = lseek((int)fi->fh, offset, whence);
    if (at < 0)
        fuse_reply_err(req, errno);
    else
        fuse_reply_lseek(req, at);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    struct listing *listing;
    int fd;

    cu_pfs_last_set(req, NULL);
    if (!begin(req, CU_PFS_READDIR, node))
        return;
    cu_pfs_user_enter(req);
    fd = open(cu_pfs_proc(node).path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cu_pfs_user_leave(req);
    if (fd < 0) {
        fuse_reply_err(req, errno);
        return;
    }
    listing = calloc(1, sizeof *listing);
    if (!listing || !(listing->dir = fdopendir(fd))) {
        close(fd);
        free(listing);
        fuse_reply_err(req, ENOMEM);
        return;
    }
    fi->fh = (uint64_t)(uintptr_t)listing;
    fuse_reply_open(req, fi);
}

/* Names that no directory has, from the made-up one of that number on; next: of the first one that
 * did not fit. The kernel's buffer holds at least a page. */
static size_t add_made_up(fuse_req_t req, const char *path, char *buffer, size_t size, off_t *next)
{
    struct dirent found = {.d_ino = 1, .d_type = DT_REG, .d_name = "made up"};
    char name[CU_PFS_QUIRK_NAME_MAX];
    struct stat st;
    size_t used = 0, needed;

    cu_pfs_quirk_listed(req, &found, &st);
    for (; cu_pfs_quirk_made_up(path, (uint64_t)*next, name); (*next)++, used += needed) {
        needed = fuse_add_direntry(req, buffer + used, size - used, name, &st,
                                   MADE_UP_OFFSET + *next + 1);
        if (needed > size - used)
            break;
    }
    return used;
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                       struct fuse_file_info *fi)
{
    struct listing *listing = (struct listing *)(uintptr_t)fi->fh;
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    bool made_up = offset == 0 || (offset & MADE_UP_BITS) == MADE_UP_OFFSET;
    off_t next = offset & ~MADE_UP_BITS;
    int rc = cu_pfs_gate(CU_PFS_ENTRIES, node->path);
    char *buffer = rc == 0 ? malloc(size) : NULL;
    size_t used = 0;

    if (!buffer) {
        fuse_reply_err(req, rc != 0 ? -rc : ENOMEM);
        return;
    }
    if (offset != listing->offset) {
        if (made_up)
            rewinddir(listing->dir);
        else
            seekdir(listing->dir, offset);
        listing->pending = NULL;
        listing->offset = offset;
    }
    if (made_up) {
        used = add_made_up(req, node->path, buffer, size, &next);
        listing->offset = MADE_UP_OFFSET + next;
    }
    errno = 0;
    while (listing->pending || (listing->pending = readdir(listing->dir))) {
        struct dirent *found = listing->pending;
        struct stat st;
        size_t needed = 0;
        if (cu_pfs_quirk_listed(req, found, &st))
            needed = fuse_add_direntry(req, buffer + used, size - used, found->d_name, &st,
                                       found->d_off);
        if (needed > size - used)
            break;
        used += needed;
        listing->offset = found->d_off;
        listing->pending = NULL;
    }
    if (used == 0 && errno != 0)
        fuse_reply_err(req, errno);
    else
        fuse_reply_buf(req, buffer, used);
    free(buffer);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct listing *listing = (struct listing *)(uintptr_t)fi->fh;

    (void)ino;
    closedir(listing->dir);
    free(listing);
    fuse_reply_err(req, 0);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    struct statvfs st;

    cu_pfs_last_set(req, NULL);
    if (!begin(req, CU_PFS_STATFS, node))
        return;
    if (fstatvfs(node->fd, &st) != 0)
        fuse_reply_err(req, errno);
    else
        fuse_reply_statfs(req, &st);
}

/* As the kernel does for file systems of its own: trusted.* is for root only. */
static size_t drop_trusted(char *list, size_t size)
{
    size_t kept = 0;

    for (size_t at = 0, len; at < size; at += len) {
        len = strlen(list + at) + 1;
        if (strncmp(list + at, "trusted.", 8) != 0) {
            memmove(list + kept, list + at, len);
            kept += len;
        }
    }
    return kept;
}

/* name NULL: the list of names. A user's length may be an upper bound. */
static void reply_xattr(fuse_req_t req, const struct cu_pfs_node *node, const char *name,
                        size_t size)
{
    struct cu_pfs_proc proc = cu_pfs_proc(node);
    size_t max = size < XATTR_BYTES_MAX ? size : XATTR_BYTES_MAX;
    char *value = malloc(max + 1);
    ssize_t got;

    if (!value) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    cu_pfs_user_enter(req);
    got = name ? getxattr(proc.path, name, value, max) : listxattr(proc.path, value, max);
    cu_pfs_user_leave(req);
    if (got > 0 && size > 0 && !name && fuse_req_ctx(req)->uid != 0)
        got = (ssize_t)drop_trusted(value, (size_t)got);
    if (got < 0)
        fuse_reply_err(req, errno);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)got);
    else
        fuse_reply_buf(req, value, (size_t)got);
    free(value);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    cu_pfs_last_set(req, NULL);
    if (begin(req, CU_PFS_GETXATTR, cu_pfs_node_of(ino)))
        reply_xattr(req, cu_pfs_node_of(ino), name, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    cu_pfs_last_set(req, NULL);
    if (begin(req, CU_PFS_LISTXATTR, cu_pfs_node_of(ino)))
        reply_xattr(req, cu_pfs_node_of(ino), NULL, size);
}

void cu_pfs_ops_read(struct fuse_lowlevel_ops *ops)
{
    ops->lookup = op_lookup;
    ops->forget = op_forget;
    ops->forget_multi = op_forget_multi;
    ops->getattr = op_getattr;
    ops->access = op_access;
    ops->readlink = op_readlink;
    ops->open = op_open;
    ops->release = op_release;
    ops->read = op_read;
    ops->lseek = op_lseek;
    ops->opendir = op_opendir;
    ops->readdir = op_readdir;
    ops->releasedir = op_releasedir;
    ops->statfs = op_statfs;
    ops->getxattr = op_getxattr;
    ops->listxattr = op_listxattr;
}
