/* SPDX-License-Identifier: BSD-3-Clause */
/* The simple operations: attributes and links from the inode, the counters, and everything that is
 * refused. The answer ENOSYS to open, opendir, flush and similar requests is no error: the kernel
 * then never sends them again and handles them itself (keeps the page cache, caches
 * directories). */
#include "front/ops.h"

#include "base/path.h"
#include "copper/ioctl.h"
#include "front/dir.h"
#include "front/forget.h"
#include "front/holes.h"
#include "front/link.h"
#include "front/lookup.h"
#include "front/names.h"
#include "front/read.h"
#include "front/returned.h"
#include "front/state.h"
#include "front/xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

_Static_assert(CU_COUNTER_COUNT <= COPPER_COUNTERS_MAX, "counters outgrow the ioctl's array");

/* --- attributes ------------------------------------------------------------------------------- */

/* The kernel creates the root's inode before it knows that there are ACLs, and never caches the ACL
 * of this inode: each path walk of a user who does not own "/" would ask for it again. So the
 * mount's root is shown as owned by the user who mounted it, and no other user is let in. */
static void reply_attr(fuse_req_t fuse, const struct cu_inode *inode)
{
    const struct cu_front *front = fuse_req_userdata(fuse);
    struct stat st;

    cu_front_stat(&inode->attr, &st);
    cu_front_link_stat(inode, &st);
    if (inode->nodeid == CU_INODE_ROOT)
        st.st_uid = geteuid();
    if (inode->nodeid == CU_INODE_ROOT && front->config.allow_other)
        st.st_mode = S_IFDIR | 0700; /* nothing else keeps other users out */
    fuse_reply_attr(fuse, &st, CU_FRONT_FOREVER_S);
}

/* Does value show that the path of inode is another file now, or does not exist? */
static bool replaced(const struct cu_inode *inode, const struct cu_value *value)
{
    if (!inode->parent)
        return false;
    if (value->error)
        return value->error == ENOENT || value->error == ENOTDIR || value->error == ELOOP;
    return !cu_inode_is(inode, &value->attr);
}

/* For the root, which is never looked up, and for nodes that may be out of date. */
void cu_front_getattr_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value)
{
    if (replaced(r->inode, value)) {
        cu_front_replaced(front, r);
        return;
    }
    if (value->error || (!r->inode->parent && !S_ISDIR(value->attr.mode))) {
        cu_front_request_fail(front, r, value->error ? value->error : ENOTDIR);
        return;
    }
    cu_inodes_set_attr(&front->inodes, r->inode, &value->attr);
    if (S_ISLNK(value->attr.mode))
        cu_front_link_set(front, r->inode, value->bytes);
    reply_attr(r->fuse, r->inode);
    cu_front_request_end(front, r);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *inode = cu_inodes_get(&front->inodes, ino);
    struct cu_front_request *r;

    (void)fi;
    CU_FRONT_COUNT(front, fuse_getattr);
    if (cu_special_is(ino)) {
        cu_special_getattr(front, req, ino);
    } else if (!inode) {
        cu_front_refuse(req, ESTALE);
    } else if (inode->has_attr && !inode->doubted && cu_front_link_known(inode)) {
        reply_attr(req, inode);
    } else {
        r = cu_front_request_new(front, req, inode, CU_FRONT_GETATTR);
        if (r)
            cu_front_want_own(front, r, CU_KIND_ATTR);
    }
}

/* --- links ------------------------------------------------------------------------------------ */

static void reply_target(fuse_req_t fuse, const struct cu_inode *inode)
{
    char text[CU_PATH_MAX];

    cu_front_link_text(inode, text);
    fuse_reply_readlink(fuse, text);
}

void cu_front_readlink_done(struct cu_front *front, struct cu_front_request *r,
                            const struct cu_value *value)
{
    int error;

    if (replaced(r->inode, value)) {
        cu_front_replaced(front, r);
        return;
    }
    if (value->error || !S_ISLNK(value->attr.mode)) {
        cu_front_request_fail(front, r, value->error ? value->error : EINVAL);
        return;
    }
    cu_inodes_set_attr(&front->inodes, r->inode, &value->attr);
    cu_front_link_set(front, r->inode, value->bytes);
    if (!r->inode->link.target) {
        error = cu_target_error(value->bytes);
        cu_front_request_fail(front, r, error ? error : ENOMEM);
        return;
    }
    reply_target(r->fuse, r->inode);
    cu_front_request_end(front, r);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *inode = cu_inodes_get(&front->inodes, ino);
    struct cu_front_request *r;

    CU_FRONT_COUNT(front, fuse_readlink);
    if (!inode || !S_ISLNK(inode->attr.mode)) {
        cu_front_refuse(req, inode ? EINVAL : ESTALE);
    } else if (inode->link.target && !inode->doubted) {
        reply_target(req, inode);
    } else {
        r = cu_front_request_new(front, req, inode, CU_FRONT_READLINK);
        if (r)
            cu_front_want_own(front, r, CU_KIND_ATTR);
    }
}

/* --- statfs ----------------------------------------------------------------------------------- */

void cu_front_statfs_done(struct cu_front *front, struct cu_front_request *r,
                          const struct cu_value *value)
{
    const struct cu_statfs *s = &value->statfs;
    struct statvfs out;

    if (value->error) {
        cu_front_request_fail(front, r, value->error);
        return;
    }
    out = (struct statvfs){
        .f_bsize = s->bsize,
        .f_frsize = s->frsize,
        .f_blocks = s->blocks,
        .f_bfree = s->bfree,
        .f_bavail = s->bavail,
        .f_files = s->files,
        .f_ffree = s->ffree,
        .f_favail = s->ffree,
        .f_namemax = s->namemax,
    };
    fuse_reply_statfs(r->fuse, &out);
    cu_front_request_end(front, r);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *inode =
        cu_inodes_get(&front->inodes, ino && !cu_special_is(ino) ? ino : CU_INODE_ROOT);
    struct cu_front_request *r;

    CU_FRONT_COUNT(front, fuse_statfs);
    if (!inode) {
        cu_front_refuse(req, ESTALE);
        return;
    }
    r = cu_front_request_new(front, req, inode, CU_FRONT_STATFS);
    if (r)
        cu_front_want_own(front, r, CU_KIND_STATFS);
}

/* --- the kernel's references ------------------------------------------------------------------ */

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
    struct cu_front *front = fuse_req_userdata(req);

    CU_FRONT_COUNT(front, fuse_forget);
    cu_special_forget(front, ino);
    cu_inodes_forget(&front->inodes, ino, count);
    cu_front_names_count(front);
    fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    struct cu_front *front = fuse_req_userdata(req);

    CU_FRONT_COUNT(front, fuse_forget);
    for (size_t i = 0; i < count; i++)
        cu_special_forget(front, forgets[i].ino);
    cu_front_returned_add(front, forgets, count);
    cu_front_names_count(front);
    fuse_reply_none(req);
}

/* --- ioctl ------------------------------------------------------------------------------------ */

/* Python's open() calls isatty(3), which is an ioctl, for every file. The kernel sends each one to
 * the daemon and cannot be told not to. So this answer must be cheap. */
static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
                     struct fuse_file_info *fi, unsigned flags, const void *in_buf, size_t in_bufsz,
                     size_t out_bufsz)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct copper_counters out = {.version = 1, .count = CU_COUNTER_COUNT};

    (void)arg, (void)fi, (void)flags, (void)in_buf, (void)in_bufsz;
    CU_FRONT_COUNT(front, fuse_ioctl);
    if (ino == CU_INODE_ROOT && cmd == COPPER_IOC_COUNTERS && out_bufsz >= sizeof(out)) {
        memcpy(out.values, front->counters, CU_COUNTER_COUNT * sizeof(out.values[0]));
        fuse_reply_ioctl(req, 0, &out, sizeof(out));
    } else if (ino == CU_INODE_ROOT && cmd == COPPER_IOC_DROP) {
        if (front->config.events.drop && !front->closing)
            front->config.events.drop(front->config.events.context);
        fuse_reply_ioctl(req, 0, NULL, 0);
    } else {
        cu_front_refuse(req, ENOTTY);
    }
}

/* --- never again ------------------------------------------------------------------------------ */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct cu_front *front = fuse_req_userdata(req);

    (void)ino, (void)fi;
    CU_FRONT_COUNT(front, fuse_open);
    cu_front_refuse(req, ENOSYS);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct cu_front *front = fuse_req_userdata(req);

    (void)ino, (void)fi;
    CU_FRONT_COUNT(front, fuse_opendir);
    cu_front_refuse(req, ENOSYS);
}

static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
    struct cu_front *front = fuse_req_userdata(req);

    (void)ino, (void)mask;
    CU_FRONT_COUNT(front, fuse_access);
    cu_front_refuse(req, ENOSYS); /* default_permissions: the kernel decides */
}

static void unsupported(fuse_req_t req)
{
    struct cu_front *front = fuse_req_userdata(req);

    CU_FRONT_COUNT(front, fuse_other);
    cu_front_refuse(req, ENOSYS);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino, (void)fi;
    unsupported(req);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    (void)ino, (void)datasync, (void)fi;
    unsupported(req);
}

/* --- read-only -------------------------------------------------------------------------------- */

static void refuse(fuse_req_t req)
{
    struct cu_front *front = fuse_req_userdata(req);

    CU_FRONT_COUNT(front, fuse_refused);
    cu_front_refuse(req, EROFS);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                       struct fuse_file_info *fi)
{
    (void)ino, (void)attr, (void)to_set, (void)fi;
    refuse(req);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    (void)parent, (void)name, (void)mode, (void)rdev;
    refuse(req);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)parent, (void)name, (void)mode;
    refuse(req);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    (void)parent, (void)name;
    refuse(req);
}

static void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
    (void)link, (void)parent, (void)name;
    refuse(req);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
                      const char *newname, unsigned int flags)
{
    (void)parent, (void)name, (void)newparent, (void)newname, (void)flags;
    refuse(req);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
    (void)ino, (void)newparent, (void)newname;
    refuse(req);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
                     struct fuse_file_info *fi)
{
    (void)ino, (void)buf, (void)size, (void)off, (void)fi;
    refuse(req);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
                        size_t size, int flags)
{
    (void)ino, (void)name, (void)value, (void)size, (void)flags;
    refuse(req);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
    (void)parent, (void)name, (void)mode, (void)fi;
    refuse(req);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                         struct fuse_file_info *fi)
{
    (void)ino, (void)mode, (void)offset, (void)length, (void)fi;
    refuse(req);
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
                               struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
                               struct fuse_file_info *fi_out, size_t len, int flags)
{
    (void)ino_in, (void)off_in, (void)fi_in, (void)ino_out;
    (void)off_out, (void)fi_out, (void)len, (void)flags;
    refuse(req);
}

/* --- the table -------------------------------------------------------------------------------- */

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
    struct cu_front *front = userdata;
    unsigned wanted = FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ | FUSE_CAP_CACHE_SYMLINKS |
                      FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_NO_OPEN_SUPPORT |
                      FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_EXPLICIT_INVAL_DATA |
                      FUSE_CAP_POSIX_ACL | FUSE_CAP_IOCTL_DIR;

    /* These differ from libfuse's defaults: splice costs two more system calls per request, and
     * locks are handled by the kernel on this node, as on a local disk. */
    conn->want = conn->capable & wanted;
    if (conn->max_write > CU_FRONT_TRANSFER_MAX)
        conn->max_write = CU_FRONT_TRANSFER_MAX;
    if (conn->max_readahead > CU_AHEAD_WINDOW)
        conn->max_readahead = CU_AHEAD_WINDOW;
    /* Reads ahead of files that hang stay here, and those of all other files wait behind them. */
    conn->max_background = 4096;
    conn->congestion_threshold = 3072;
    front->posix_acl = conn->want & FUSE_CAP_POSIX_ACL;
    front->parallel_lookups = conn->want & FUSE_CAP_PARALLEL_DIROPS;
    front->initialised = true;
}

const struct fuse_lowlevel_ops cu_front_ops = {
    .init = on_init,
    .lookup = cu_front_op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .readlink = op_readlink,
    .open = op_open,
    .read = cu_front_op_read,
    .flush = op_flush,
    .fsync = op_fsync,
    .fsyncdir = op_fsync,
    .opendir = op_opendir,
    .readdir = cu_front_op_readdir,
    .readdirplus = cu_front_op_readdirplus,
    .statfs = op_statfs,
    .getxattr = cu_front_op_getxattr,
    .listxattr = cu_front_op_listxattr,
    .access = op_access,
    .ioctl = op_ioctl,
    .lseek = cu_front_op_lseek,
    .setattr = op_setattr,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_unlink,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .write = op_write,
    .setxattr = op_setxattr,
    .removexattr = op_unlink,
    .create = op_create,
    .fallocate = op_fallocate,
    .copy_file_range = op_copy_file_range,
};
