/* SPDX-License-Identifier: BSD-3-Clause */
/* Extended attributes. One object has all of a path's.
 *
 * POSIX ACLs: with FUSE_CAP_POSIX_ACL the kernel checks permissions with the file's ACL (a user
 * whom only an ACL lets in gets in) and keeps it, or that there is none, with the inode: the second
 * `ls -l` asks nothing. Without it the kernel asks for system.posix_acl_access again with every `ls
 * -l`, and ignores ACLs. The price: a process that does not own a file with group permissions makes
 * the kernel ask once for that file's ACL. The kernel takes every error but ENODATA as a reason to
 * refuse access, so a storage without ACLs or extended attributes means "none" for these two names.
 */
#include "front/xattr.h"

#include "ahead/ahead.h"
#include "front/state.h"
#include "front/whence.h"
#include "proto/xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 65536u /* XATTR_LIST_MAX of linux/limits.h */

static bool is_acl(const char *name)
{
    return strcmp(name, "system.posix_acl_access") == 0 ||
           strcmp(name, "system.posix_acl_default") == 0;
}

/* Storage reads these also where the list of names cannot be had (storage/xattr.c). */
static bool is_always_read(const char *name)
{
    return is_acl(name) || strcmp(name, "security.capability") == 0;
}

/* file capabilities (exec, ls --color): the only security.* attribute that belongs to the file
 * */
static bool is_label(const char *name, size_t len)
{
    static const char prefix[] = "security.", capability[] = "security.capability";

    return len > sizeof(prefix) - 1 && memcmp(name, prefix, sizeof(prefix) - 1) == 0 &&
           (len != sizeof(capability) - 1 || memcmp(name, capability, len) != 0);
}

/* Errors that mean that the storage has, or shows, no attributes; EPERM and EACCES do not concern
 * the ACL.
 * */
static bool means_none(int error)
{
    return error == EOPNOTSUPP || error == ENOSYS || error == EACCES || error == EPERM;
}

static void reply_value(struct cu_front *front, struct cu_front_request *r, const void *value,
                        size_t len)
{
    if (r->xattr.size > 0 && len > r->xattr.size) {
        if (is_acl(r->xattr.name)) /* the kernel asks with a page, and takes no larger one */
            CU_FRONT_COUNT(front, xattrs_over);
        cu_front_request_fail(front, r, ERANGE);
        return;
    }
    if (r->xattr.size == 0)
        fuse_reply_xattr(r->fuse, len);
    else
        fuse_reply_buf(r->fuse, value, len);
    cu_front_request_end(front, r);
}

/* Storage has no such attribute (error): it may be one of ours. */
static void reply_whence(struct cu_front *front, struct cu_front_request *r, int error)
{
    char value[CU_WHENCE_MAX];
    size_t len = cu_front_whence(front, r->inode, r->xattr.name, value);

    if (len > 0)
        reply_value(front, r, value, len);
    else
        cu_front_request_fail(front, r, error);
}

void cu_front_getxattr_done(struct cu_front *front, struct cu_front_request *r,
                            const struct cu_value *value)
{
    size_t name_len = strlen(r->xattr.name), at = 0;
    int error = value->error, rc = 0, names_error = 0;
    struct cu_xattr pair;

    if (error && is_acl(r->xattr.name) && means_none(error))
        error = ENODATA;
    while (!error && (rc = cu_xattr_next(value->bytes, &at, &pair)) == 1) {
        if (pair.name_len == 0)
            names_error = pair.error;
        else if (pair.name_len == name_len && memcmp(pair.name, r->xattr.name, name_len) == 0)
            break;
    }
    if (!error && rc < 0)
        error = EIO;
    else if (!error && rc == 0)
        error = names_error && !is_always_read(r->xattr.name) ? names_error : ENODATA;
    else if (!error)
        error = pair.error;
    if (!error)
        reply_value(front, r, pair.value, pair.value_len);
    else if (error == ENODATA || means_none(error))
        reply_whence(front, r, error);
    else
        cu_front_request_fail(front, r, error);
}

/* Names with their NULs into out (size bytes; NULL: only counted); the length or -EIO, -E2BIG, or
 * why storage has no list. */
static int names(const struct cu_buf *bytes, char *out, size_t size)
{
    struct cu_xattr pair;
    size_t at = 0, len = 0;
    int rc;

    while ((rc = cu_xattr_next(bytes, &at, &pair)) == 1) {
        if (pair.name_len == 0)
            return -(int)pair.error;
        if (is_label(pair.name, pair.name_len))
            continue;
        if (out && len + pair.name_len + 1 <= size) {
            memcpy(out + len, pair.name, pair.name_len);
            out[len + pair.name_len] = '\0';
        }
        len += (size_t)pair.name_len + 1;
    }
    if (rc < 0)
        return -EIO;
    return len > LIST_MAX ? -E2BIG : (int)len;
}

void cu_front_listxattr_done(struct cu_front *front, struct cu_front_request *r,
                             const struct cu_value *value)
{
    char *list = NULL;
    int error = value->error, len;

    len = error ? -error : names(value->bytes, NULL, 0);
    if (len > 0 && r->xattr.size > 0) {
        if ((size_t)len > r->xattr.size)
            len = -ERANGE;
        else if (!(list = malloc((size_t)len)))
            len = -ENOMEM;
        else
            len = names(value->bytes, list, (size_t)len);
    }
    if (len < 0) {
        cu_front_request_fail(front, r, -len);
        free(list);
        return;
    }
    if (r->xattr.size == 0)
        fuse_reply_xattr(r->fuse, (size_t)len);
    else
        fuse_reply_buf(r->fuse, list, (size_t)len);
    free(list);
    cu_front_request_end(front, r);
}

static void xattr_common(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size,
                         enum cu_front_kind kind)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *inode = cu_inodes_get(&front->inodes, ino);
    struct cu_front_request *r;

    if (cu_special_is(ino)) { /* it has none */
        if (kind == CU_FRONT_GETXATTR)
            cu_front_refuse(req, ENODATA);
        else
            fuse_reply_xattr(req, 0);
        return;
    }
    if (!inode || strlen(name) > CU_FRONT_XATTR_NAME_MAX) {
        cu_front_refuse(req, inode ? ERANGE : ESTALE);
        return;
    }
    r = cu_front_request_new(front, req, inode, kind);
    if (!r)
        return;
    r->xattr.size = size;
    memcpy(r->xattr.name, name, strlen(name) + 1);
    cu_front_want_own(front, r, CU_KIND_XATTR);
    if (inode->parent)
        cu_ahead_step(front->ahead, &inode->parent->dir.ahead, CU_KIND_XATTR, inode->name,
                      inode->name_len);
}

void cu_front_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct cu_front *front = fuse_req_userdata(req);

    CU_FRONT_COUNT(front, fuse_getxattr);
    if (is_label(name, strlen(name))) {
        cu_front_refuse(req, EOPNOTSUPP);
        return;
    }
    xattr_common(req, ino, name, size, CU_FRONT_GETXATTR);
}

void cu_front_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    struct cu_front *front = fuse_req_userdata(req);

    CU_FRONT_COUNT(front, fuse_listxattr);
    xattr_common(req, ino, "", size, CU_FRONT_LISTXATTR);
}
