/* SPDX-License-Identifier: BSD-3-Clause */
/* Files with holes. The list of a file's holes is one object, read at the root and cached by each
 * node that needs it: reads in a hole are answered with zeros without asking anybody, and lseek(2)
 * with SEEK_DATA and SEEK_HOLE says what storage says.
 *
 * When a reader has it asked for: src/ahead/holes.c. */
#include "front/holes.h"

#include "ahead/ahead.h"
#include "base/path.h"
#include "front/state.h"
#include "proto/holes.h"

#include <errno.h>
#include <sys/stat.h>

static struct cu_request holes_of(const struct cu_inode *inode, const char *path, size_t path_len)
{
    return (struct cu_request){.kind = CU_KIND_HOLES,
                               .path = path,
                               .path_len = path_len,
                               .version = cu_version_of(&inode->attr)};
}

struct cu_buf *cu_front_holes(struct cu_front *front, const struct cu_inode *inode,
                              const char *path, size_t path_len)
{
    struct cu_request what = holes_of(inode, path, path_len);
    const struct cu_value *value;

    if (!cu_ahead_may_have_holes(front->ahead, &inode->attr))
        return NULL;
    value = cu_core_peek(front->config.core, &what, uv_hrtime());
    return value && !value->error ? cu_buf_ref(value->bytes) : NULL;
}

/* Without a list everything counts as data, which is always correct; reads detect a changed
 * file. */
void cu_front_seek_done(struct cu_front *front, struct cu_front_request *r,
                        const struct cu_value *value)
{
    const struct cu_buf *list = value->error ? NULL : value->bytes;
    uint64_t at = r->seek.offset, size = r->inode->attr.size;

    at = r->seek.whence == SEEK_DATA ? cu_holes_data_from(list, size, at)
                                     : cu_holes_hole_from(list, size, at);
    if (r->seek.whence == SEEK_DATA && at >= size) {
        cu_front_request_fail(front, r, ENXIO);
        return;
    }
    fuse_reply_lseek(r->fuse, (off_t)at);
    cu_front_request_end(front, r);
}

void cu_front_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
                       struct fuse_file_info *fi)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *inode = cu_inodes_get(&front->inodes, ino);
    struct cu_front_request *r;
    struct cu_request what;
    char path[CU_TREE_PATH_MAX];
    int len;

    (void)fi;
    CU_FRONT_COUNT(front, fuse_other);
    if (cu_special_is(ino)) {
        cu_special_seek(front, req, ino, (uint64_t)off, whence);
        return;
    }
    if (!inode || !S_ISREG(inode->attr.mode) || (whence != SEEK_DATA && whence != SEEK_HOLE)) {
        cu_front_refuse(req, inode ? EINVAL : ESTALE);
        return;
    }
    if (off < 0 || (uint64_t)off >= inode->attr.size) {
        cu_front_refuse(req, ENXIO);
        return;
    }
    len = cu_inode_path(inode, path);
    if (len < 0) {
        cu_front_refuse(req, -len);
        return;
    }
    r = cu_front_request_new(front, req, inode, CU_FRONT_SEEK);
    if (!r)
        return;
    r->seek.offset = (uint64_t)off;
    r->seek.whence = whence;
    what = holes_of(inode, path, (size_t)len);
    cu_front_want(front, r, &what, 0);
}
