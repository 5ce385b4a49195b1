/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations that change something. All count as "change" on the path they change. */
#include "pfs_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Counts a change of parent/name (name NULL: of parent) and passes the gate. */
static bool begin(fuse_req_t req, const struct cu_pfs_node *parent, const char *name)
{
    char *path = name ? cu_pfs_path_join(parent, name) : NULL;
    int rc = name && !path ? -ENOMEM : 0;

    cu_pfs_last_set(req, NULL);
    if (rc == 0) {
        cu_pfs_count(CU_PFS_CHANGE, path ? path : parent->path, 0, 0);
        rc = cu_pfs_gate(CU_PFS_CHANGE, path ? path : parent->path);
    }
    free(path);
    if (rc != 0)
        fuse_reply_err(req, -rc);
    return rc == 0;
}

/* Ends the operation: rc is the result of the system call. */
static void end_entry(fuse_req_t req, int rc, const struct cu_pfs_node *parent, const char *name)
{
    cu_pfs_user_leave(req);
    if (rc != 0)
        fuse_reply_err(req, errno);
    else
        cu_pfs_reply_entry(req, parent, name);
}

static void end_status(fuse_req_t req, int rc)
{
    cu_pfs_user_leave(req);
    fuse_reply_err(req, rc == 0 ? 0 : errno);
}

static int set_times(const struct cu_pfs_node *node, const struct stat *attr, int what)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

    if (what & FUSE_SET_ATTR_ATIME_NOW)
        times[0].tv_nsec = UTIME_NOW;
    else if (what & FUSE_SET_ATTR_ATIME)
        times[0] = attr->st_atim;
    if (what & FUSE_SET_ATTR_MTIME_NOW)
        times[1].tv_nsec = UTIME_NOW;
    else if (what & FUSE_SET_ATTR_MTIME)
        times[1] = attr->st_mtim;
    return utimensat(AT_FDCWD, cu_pfs_proc(node).path, times, 0);
}

static int set_attr(const struct cu_pfs_node *node, const struct stat *attr, int what,
                    const struct fuse_file_info *fi)
{
    struct cu_pfs_proc proc = cu_pfs_proc(node);

    if ((what & FUSE_SET_ATTR_MODE) && chmod(proc.path, attr->st_mode) != 0)
        return -1;
    if (what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
        uid_t uid = what & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
        gid_t gid = what & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
        if (fchownat(node->fd, "", uid, gid, AT_EMPTY_PATH) != 0)
            return -1;
    }
    if (what & FUSE_SET_ATTR_SIZE) {
        int rc = fi ? ftruncate((int)fi->fh, attr->st_size) : truncate(proc.path, attr->st_size);
        if (rc != 0)
            return -1;
    }
    if (what & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME))
        return set_times(node, attr, what);
    return 0;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int what,
                       struct fuse_file_info *fi)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);
    int rc;

    if (!begin(req, node, NULL))
        return;
    cu_pfs_user_enter(req);
    rc = set_attr(node, attr, what, fi);
    cu_pfs_user_leave(req);
    if (rc != 0)
        fuse_reply_err(req, errno);
    else
        cu_pfs_reply_attr(req, node);
}

static void op_create(fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(ino);
    struct fuse_entry_param entry;
    int fd;
    int rc = 0;

    if (!begin(req, parent, name))
        return;
    cu_pfs_user_enter(req);
    fd = openat(parent->fd, name, (fi->flags & ~O_DIRECT) | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        rc = -errno;
    else
        rc = cu_pfs_find(req, parent, name, &entry);
    cu_pfs_user_leave(req);
    if (rc != 0) {
        if (fd >= 0)
            close(fd);
        fuse_reply_err(req, -rc);
        return;
    }
    fi->fh = (uint64_t)fd;
    cu_pfs_open_flags(fi);
    fuse_reply_create(req, &entry, fi);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                     struct fuse_file_info *fi)
{
    ssize_t put;

    if (!begin(req, cu_pfs_node_of(ino), NULL))
        return;
    put = pwrite((int)fi->fh, data, size, offset);
    if (put < 0)
        fuse_reply_err(req, errno);
    else
        fuse_reply_write(req, (size_t)put);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(ino);

    if (!begin(req, parent, name))
        return;
    cu_pfs_user_enter(req);
    end_entry(req, mkdirat(parent->fd, name, mode), parent, name);
}

static void op_mknod(fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode, dev_t rdev)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(ino);

    if (!begin(req, parent, name))
        return;
    cu_pfs_user_enter(req);
    end_entry(req, mknodat(parent->fd, name, mode, rdev), parent, name);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t ino, const char *name)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(ino);

    if (!begin(req, parent, name))
        return;
    cu_pfs_user_enter(req);
    end_entry(req, symlinkat(target, parent->fd, name), parent, name);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent_ino, const char *name)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(parent_ino);
    struct cu_pfs_proc proc = cu_pfs_proc(cu_pfs_node_of(ino));

    if (!begin(req, parent, name))
        return;
    cu_pfs_user_enter(req);
    end_entry(req, linkat(AT_FDCWD, proc.path, parent->fd, name, AT_SYMLINK_FOLLOW), parent, name);
}

static void op_unlink(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(ino);

    if (!begin(req, parent, name))
        return;
    cu_pfs_user_enter(req);
    end_status(req, unlinkat(parent->fd, name, 0));
}

static void op_rmdir(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(ino);

    if (!begin(req, parent, name))
        return;
    cu_pfs_user_enter(req);
    end_status(req, unlinkat(parent->fd, name, AT_REMOVEDIR));
}

static void op_rename(fuse_req_t req, fuse_ino_t ino, const char *name, fuse_ino_t to_ino,
                      const char *to_name, unsigned flags)
{
    const struct cu_pfs_node *parent = cu_pfs_node_of(ino);
    const struct cu_pfs_node *to = cu_pfs_node_of(to_ino);

    if (!begin(req, parent, name))
        return;
    cu_pfs_user_enter(req);
    end_status(req, renameat2(parent->fd, name, to->fd, to_name, flags));
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
                        size_t size, int flags)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);

    if (!begin(req, node, NULL))
        return;
    cu_pfs_user_enter(req);
    end_status(req, setxattr(cu_pfs_proc(node).path, name, value, size, flags));
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    const struct cu_pfs_node *node = cu_pfs_node_of(ino);

    if (!begin(req, node, NULL))
        return;
    cu_pfs_user_enter(req);
    end_status(req, removexattr(cu_pfs_proc(node).path, name));
}

void cu_pfs_ops_write(struct fuse_lowlevel_ops *ops)
{
    ops->setattr = op_setattr;
    ops->create = op_create;
    ops->write = op_write;
    ops->mkdir = op_mkdir;
    ops->mknod = op_mknod;
    ops->symlink = op_symlink;
    ops->link = op_link;
    ops->unlink = op_unlink;
    ops->rmdir = op_rmdir;
    ops->rename = op_rename;
    ops->setxattr = op_setxattr;
    ops->removexattr = op_removexattr;
}
