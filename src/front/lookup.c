/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups: from a name to an inode. Most are for names that do not exist (Python and ld.so try one
 * directory after the other). So a directory in which a name was absent is listed once, and its
 * complete listing answers all further lookups on this node. */
#include "front/internal.h"
#include "proto/serve.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MS_NS 1000000ull
#define STALE_MAX                                                                                  \
    1024u /* marks kept; guards memory when a tree is being rewritten under the job                \
           */

/* Keeps a reference to an inode that is known to be out of date until the next lookup of its
 * name. */
struct stale_mark {
    struct cu_list link;
    struct cu_inode *inode;
};

void cu_front_stat(const struct cu_attr *attr, struct stat *st)
{
    *st = (struct stat){
        .st_ino = attr->ino,
        .st_mode = attr->mode,
        .st_nlink = attr->nlink,
        .st_uid = attr->uid,
        .st_gid = attr->gid,
        .st_rdev = attr->rdev,
        .st_size = (off_t)attr->size,
        .st_blksize = attr->blksize,
        .st_blocks = (blkcnt_t)attr->blocks,
        .st_atim = {attr->atime.sec, attr->atime.nsec},
        .st_mtim = {attr->mtime.sec, attr->mtime.nsec},
        .st_ctim = {attr->ctime.sec, attr->ctime.nsec},
    };
}

/* --- files that have changed ------------------------------------------------------------------ */

static void stale_drop(struct cu_front *front, struct stale_mark *mark)
{
    struct cu_inode *inode = mark->inode;

    cu_list_remove(&mark->link);
    free(mark);
    front->stale_count--;
    inode->stale = false;
    cu_inodes_unref(&front->inodes, inode);
}

static struct stale_mark *oldest_mark(struct cu_front *front)
{
    return CU_LIST_ENTRY(front->stale.next, struct stale_mark, link);
}

void cu_front_stale_free(struct cu_front *front)
{
    while (!cu_list_empty(&front->stale))
        stale_drop(front, oldest_mark(front));
}

void cu_front_mark_stale(struct cu_front *front, struct cu_inode *inode)
{
    struct stale_mark *mark;

    if (inode->stale || !inode->parent)
        return;
    cu_front_doubt(front, inode, false);
    mark = malloc(sizeof(*mark));
    if (!mark) {
        CU_FRONT_COUNT(front, no_memory);
        return;
    }
    mark->inode = cu_inode_ref(inode);
    inode->stale = true;
    cu_list_push_back(&front->stale, &mark->link);
    if (++front->stale_count > STALE_MAX)
        stale_drop(front, oldest_mark(front));
}

void cu_front_stale_clear(struct cu_front *front, const struct cu_inode *inode)
{
    if (!inode->stale)
        return;
    cu_list_for_each_safe (link, &front->stale) {
        struct stale_mark *mark = CU_LIST_ENTRY(link, struct stale_mark, link);

        if (mark->inode == inode) {
            stale_drop(front, mark);
            return;
        }
    }
}

/* The name's answer is in: it is not the stale version any more, or is it not there at all. */
static void stale_settled(struct cu_front *front, const struct cu_inode *dir, const char *name,
                          size_t name_len, const struct cu_value *value)
{
    struct cu_inode *old;

    if (front->stale_count == 0)
        return;
    old = cu_inodes_find_stale(&front->inodes, dir, name, name_len);
    if (!old)
        return;
    if (value->error == 0) {
        struct cu_version had = cu_version_of(&old->attr), has = cu_version_of(&value->attr);

        if (cu_version_equal(&had, &has))
            return;
    }
    cu_front_stale_clear(front, old);
}

/* --- answers ---------------------------------------------------------------------------------- */

struct cu_inode *cu_front_enter(struct cu_front *front, struct cu_inode *dir, const char *name,
                                size_t name_len, const struct cu_value *value,
                                struct fuse_entry_param *entry)
{
    struct cu_inode *inode = cu_inodes_enter(&front->inodes, dir, name, name_len, &value->attr);

    if (!inode) {
        CU_FRONT_COUNT(front, no_memory);
        return NULL;
    }
    if (inode->lookups == 0 && S_ISREG(value->attr.mode))
        cu_ahead_new_file(front->ahead, name, name_len);
    cu_inodes_looked_up(&front->inodes, inode);
    if (S_ISLNK(value->attr.mode) && !inode->link.target)
        inode->link.target = cu_buf_ref(value->bytes);
    *entry = (struct fuse_entry_param){.ino = inode->nodeid,
                                       .attr_timeout = CU_FRONT_FOREVER_S,
                                       .entry_timeout = CU_FRONT_FOREVER_S};
    cu_front_stat(&value->attr, &entry->attr);
    cu_front_names_bound(front);
    return inode;
}

static double believed_s(const struct cu_front *front, uint32_t age_ms)
{
    uint64_t age_ns = (uint64_t)age_ms * MS_NS;

    if (age_ns >= front->config.enoent_ttl_ns)
        return 0;
    return (double)(front->config.enoent_ttl_ns - age_ns) / 1e9;
}

static void reply_negative(fuse_req_t fuse, double timeout_s)
{
    struct fuse_entry_param entry = {.entry_timeout = timeout_s};

    fuse_reply_entry(fuse, &entry);
}

/* The name of lookup r does not exist; storage was asked age_ms ago. */
static void reply_absent(struct cu_front *front, const struct cu_front_request *r, uint32_t age_ms)
{
    double timeout_s = believed_s(front, age_ms);

    if (timeout_s > 0)
        cu_negatives_add(&front->negatives, r->inode->nodeid, r->lookup.name, r->lookup.name_len,
                         uv_hrtime() + (uint64_t)(timeout_s * 1e9));
    cu_inodes_set_absent(&front->inodes, r->inode, r->lookup.name, r->lookup.name_len);
    reply_negative(r->fuse, timeout_s);
}

void cu_front_lookup_done(struct cu_front *front, struct cu_front_request *r,
                          const struct cu_value *value)
{
    struct fuse_entry_param entry;
    struct cu_inode *inode;

    stale_settled(front, r->inode, r->lookup.name, r->lookup.name_len, value);
    if (value->error == ENOENT) {
        cu_ahead_absent(front->ahead, &r->inode->dir.ahead, r->lookup.name, r->lookup.name_len);
        reply_absent(front, r, value->age_ms);
        r->error = ENOENT;
        cu_front_request_end(front, r);
        return;
    }
    if (value->error) {
        cu_front_request_fail(front, r, value->error);
        return;
    }
    inode = cu_front_enter(front, r->inode, r->lookup.name, r->lookup.name_len, value, &entry);
    if (!inode) {
        cu_front_request_fail(front, r, ENOMEM);
        return;
    }
    if (fuse_reply_entry(r->fuse, &entry) < 0) /* the kernel did not take the reference */
        cu_inodes_forget(&front->inodes, inode->nodeid, 1);
    else
        cu_front_ahead_found(front, inode);
    cu_front_request_end(front, r);
}

/* --- the way to an answer --------------------------------------------------------------------- */

static void want_attr(struct cu_front *front, struct cu_front_request *r,
                      const struct cu_ahead_name *name)
{
    struct cu_request what = {.kind = CU_KIND_ATTR, .path = name->path, .path_len = name->path_len};
    const struct cu_inode *old;
    bool acl;

    r->kind = CU_FRONT_LOOKUP;
    if (cu_ahead_content(front->ahead, name->name, name->name_len))
        what.flags = CU_WANT_CONTENT;
    acl = front->posix_acl && r->inode->attr.uid != fuse_req_ctx(r->fuse)->uid;
    if (front->stale_count > 0) {
        old = cu_inodes_find_stale(&front->inodes, r->inode, name->name, name->name_len);
        if (old)
            what.version = cu_version_of(&old->attr);
    }
    cu_front_want(front, r, &what, 0);
    cu_ahead_asked(front->ahead, name, acl);
}

/* The listing held here is large, and not ready to be looked into. -EAGAIN: it is being made ready,
 * and the request comes again then; 0: it is ready now; -ENODATA: it cannot be. */
static int wait_for_view(struct cu_front *front, struct cu_front_request *r,
                         const struct cu_request *what, uint64_t now_ns)
{
    const struct cu_value *value = cu_core_peek(front->config.core, what, now_ns);
    enum cu_front_kind before = r->kind;
    struct cu_dirview *view;
    int rc;

    r->kind = CU_FRONT_LOOKUP_LISTING;
    rc = value ? cu_front_view(front, what->path, what->path_len, value, r, &view) : -ENODATA;
    if (rc == -EAGAIN)
        return rc;
    r->kind = before;
    if (rc < 0)
        return -ENODATA;
    cu_dirview_unref(view); /* the core has it */
    return 0;
}

/* Answers from the listing held here; false when there is none or it has the name. listed: as
 * cu_core_listed; -EAGAIN: the request comes again when the listing is ready. */
static bool answer_absent(struct cu_front *front, struct cu_front_request *r, const char *dir,
                          size_t dir_len, int *listed)
{
    struct cu_request what = {.kind = CU_KIND_DIR, .path = dir, .path_len = dir_len};
    const struct cu_value *value;
    uint64_t now_ns = uv_hrtime();

    *listed = -ENODATA;
    if (r->lookup.name_len > NAME_MAX) /* most storage has an errno of its own for such a name */
        return false;
    *listed = cu_core_listed(front->config.core, dir, dir_len, r->lookup.name, r->lookup.name_len,
                             now_ns);
    if (*listed == -EAGAIN) {
        *listed = wait_for_view(front, r, &what, now_ns);
        if (*listed == -EAGAIN)
            return true;
        if (*listed == 0)
            *listed = cu_core_listed(front->config.core, dir, dir_len, r->lookup.name,
                                     r->lookup.name_len, now_ns);
    }
    if (*listed != 1)
        return false;
    value = cu_core_peek(front->config.core, &what, now_ns);
    CU_FRONT_COUNT(front, hit_negative);
    reply_absent(front, r, value ? value->age_ms : UINT32_MAX);
    r->error = ENOENT;
    cu_front_request_end(front, r);
    return true;
}

void cu_front_listing_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value)
{
    struct cu_ahead_name name = {.name_len = r->lookup.name_len};
    char path[CU_TREE_PATH_MAX], text[CU_NAME_MAX + 1];
    int dir_len, len, listed;

    if (value->error)
        cu_ahead_list_failed(front->ahead, &r->inode->dir.ahead, uv_hrtime());
    dir_len = cu_inode_path(r->inode, path);
    if (dir_len < 0) {
        cu_front_request_fail(front, r, -dir_len);
        return;
    }
    if (!value->error && answer_absent(front, r, path, (size_t)dir_len, &listed))
        return;
    len = cu_path_join(path, (size_t)dir_len, r->lookup.name, r->lookup.name_len, path,
                       CU_TREE_PATH_MAX);
    if (len < 0) {
        cu_front_request_fail(front, r, -len);
        return;
    }
    /* The request may end before the library has looked at the name. */
    memcpy(text, r->lookup.name, r->lookup.name_len + 1u);
    name.name = text;
    name.path = path;
    name.path_len = (size_t)len;
    name.dir_len = (size_t)dir_len;
    want_attr(front, r, &name);
}

bool cu_front_hidden(const struct cu_front *front, const char *path, size_t len)
{
    for (size_t i = 0; i < CU_FRONT_HIDDEN_MAX && front->config.hidden_paths[i]; i++)
        if (cu_path_within(path, len, front->config.hidden_paths[i], front->hidden_len[i]))
            return true;
    return cu_serve_judge(front->config.serve, path, len) == CU_SERVE_NOT;
}

void cu_front_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *dir = cu_inodes_get(&front->inodes, parent);
    size_t name_len = strlen(name);
    char path[CU_TREE_PATH_MAX], full[CU_TREE_PATH_MAX];
    struct cu_ahead_name what = {.path = full, .name = name, .name_len = name_len};
    int dir_len, len, listed;
    struct cu_front_request *r;

    CU_FRONT_COUNT(front, fuse_lookup);
    if (!dir || !S_ISDIR(dir->attr.mode)) {
        fuse_reply_err(req, dir ? ENOTDIR : ESTALE);
        return;
    }
    dir_len = cu_inode_path(dir, path);
    len = dir_len < 0 ? dir_len : -ENAMETOOLONG;
    if (dir_len > 0 && name_len <= CU_NAME_MAX)
        len = cu_path_join(path, (size_t)dir_len, name, name_len, full, CU_TREE_PATH_MAX);
    if (len < 0) {
        CU_FRONT_COUNT(front, paths_over);
        fuse_reply_err(req, -len);
        return;
    }
    if (cu_front_hidden(front, full, (size_t)len)) {
        reply_negative(req, CU_FRONT_FOREVER_S);
        return;
    }
    r = cu_front_request_new(front, req, dir, CU_FRONT_LOOKUP);
    if (!r)
        return;
    memcpy(r->lookup.name, name, name_len + 1);
    r->lookup.name_len = (uint16_t)name_len;
    if (answer_absent(front, r, path, (size_t)dir_len, &listed))
        return;
    if (listed < 0 && name_len <= NAME_MAX &&
        cu_ahead_lists_first(front->ahead, &dir->dir.ahead, name, name_len, uv_hrtime())) {
        r->kind = CU_FRONT_LOOKUP_LISTING;
        cu_ahead_listed(front->ahead, &dir->dir.ahead);
        cu_front_want_own(front, r, CU_KIND_DIR);
        return;
    }
    what.path_len = (size_t)len;
    what.dir_len = (size_t)dir_len;
    want_attr(front, r, &what);
    cu_ahead_looked_up(front->ahead, &dir->dir.ahead, &what);
}
