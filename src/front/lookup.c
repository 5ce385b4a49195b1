/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups: from a name to an inode. Most are for names that do not exist (Python and ld.so try one
 * directory after the other). So a directory in which a name was absent is listed once, and its
 * complete listing answers all further lookups on this node. */
#include "front/lookup.h"

#include "ahead/ahead.h"
#include "base/list.h"
#include "base/path.h"
#include "front/ahead.h"
#include "front/forget.h"
#include "front/link.h"
#include "front/names.h"
#include "front/state.h"
#include "front/view.h"
#include "proto/dirview.h"
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
        cu_front_link_set(front, inode, value->bytes);
    *entry = (struct fuse_entry_param){.ino = inode->nodeid,
                                       .attr_timeout = CU_FRONT_FOREVER_S,
                                       .entry_timeout = CU_FRONT_FOREVER_S};
    cu_front_stat(&value->attr, &entry->attr);
    cu_front_link_stat(inode, &entry->attr);
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

/* What a lookup may use of its directory. */
enum listing_use {
    LISTING_HELD,  /* a listing held here */
    LISTING_FIRST, /* the same; where there is none, it is asked for */
    LISTING_NEVER, /* nothing: the listing could not be had */
};

/* The listing held here is large, and not ready to be looked into. -EAGAIN: it is being made ready,
 * and the request comes again then; 0: it is ready now; another error: it cannot be. */
static int wait_for_view(struct cu_front *front, struct cu_front_request *r,
                         const struct cu_ahead_name *name)
{
    struct cu_request what = {.kind = CU_KIND_DIR, .path = name->path, .path_len = name->dir_len};
    const struct cu_value *value = cu_core_peek(front->config.core, &what, uv_hrtime());
    struct cu_dirview *view;
    int rc;

    if (!value)
        return -ENODATA;
    rc = cu_front_view(front, what.path, what.path_len, value, r, &view);
    if (rc == 0)
        cu_dirview_unref(view); /* the core has it */
    return rc;
}

static int want_attr(struct cu_front *front, struct cu_front_request *r,
                     const struct cu_core_lookup *lookup)
{
    r->kind = CU_FRONT_LOOKUP; /* the handler, if it cannot be asked for */
    cu_front_want(front, r, &lookup->attr, 0);
    return CU_LOOKED_ATTR;
}

/* As cu_core_lookup; -EAGAIN: the request comes again when the listing is ready. */
static int ask(struct cu_front *front, struct cu_front_request *r, const struct cu_ahead_name *name,
               const struct cu_core_lookup *lookup, enum listing_use use, uint32_t *age_ms)
{
    int rc;

    if (use == LISTING_NEVER)
        return want_attr(front, r, lookup);
    rc = cu_front_look_up(front, r, lookup, age_ms);
    if (rc == -EAGAIN) {
        r->kind = CU_FRONT_LOOKUP_LISTING;
        rc = wait_for_view(front, r, name);
        if (rc == -EAGAIN)
            return rc;
        if (rc == 0)
            rc = cu_front_look_up(front, r, lookup, age_ms);
        if (rc < 0)
            rc = want_attr(front, r, lookup);
    }
    return rc;
}

/* Answers from the directory's listing held here, or asks for an object. True: the attributes were
 * asked for. */
static bool look_up(struct cu_front *front, struct cu_front_request *r,
                    const struct cu_ahead_name *name, enum listing_use use)
{
    struct cu_core_lookup lookup = {
        .attr = {.kind = CU_KIND_ATTR, .path = name->path, .path_len = name->path_len},
        .dir_len = name->dir_len,
        .list_first = use == LISTING_FIRST,
    };
    bool acl = front->posix_acl && r->inode->attr.uid != fuse_req_ctx(r->fuse)->uid;
    const struct cu_inode *old;
    uint32_t age_ms = 0;
    int rc;

    if (cu_ahead_content(front->ahead, name->name, name->name_len))
        lookup.attr.flags = CU_WANT_CONTENT;
    if (front->stale_count > 0) {
        old = cu_inodes_find_stale(&front->inodes, r->inode, name->name, name->name_len);
        if (old)
            lookup.attr.version = cu_version_of(&old->attr);
    }
    rc = ask(front, r, name, &lookup, use, &age_ms);
    if (rc == CU_LOOKED_ABSENT) {
        CU_FRONT_COUNT(front, hit_negative);
        reply_absent(front, r, age_ms);
        r->error = ENOENT;
        cu_front_request_end(front, r);
    } else if (rc == CU_LOOKED_LISTING) {
        cu_ahead_listed(front->ahead, &r->inode->dir.ahead);
    } else if (rc == CU_LOOKED_ATTR) {
        cu_ahead_asked(front->ahead, name, acl);
    } else if (rc != -EAGAIN) {
        cu_front_request_fail(front, r, -rc);
    }
    return rc == CU_LOOKED_ATTR;
}

/* One component of a path? The kernel sends no other; a damaged recovery area may. */
static bool is_name(const char *text, size_t len)
{
    return len > 0 && !memchr(text, '/', len) && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* Writes the path of a name in dir to path (CU_TREE_PATH_MAX bytes) and describes it. -EINVAL: it
 * is no name; -ENAMETOOLONG. */
static int describe(const struct cu_inode *dir, const char *name, size_t name_len, char *path,
                    struct cu_ahead_name *out)
{
    int dir_len = cu_inode_path(dir, path), len = dir_len;

    if (!is_name(name, name_len))
        return -EINVAL;
    if (dir_len > 0)
        len = cu_path_join(path, (size_t)dir_len, name, name_len, path, CU_TREE_PATH_MAX);
    if (len < 0)
        return len;
    *out = (struct cu_ahead_name){
        .path = path,
        .path_len = (size_t)len,
        .dir_len = (size_t)dir_len,
        .name = path + len - name_len,
        .name_len = name_len,
    };
    return 0;
}

void cu_front_listing_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value)
{
    struct cu_ahead_name name;
    char path[CU_TREE_PATH_MAX];
    int rc = describe(r->inode, r->lookup.name, r->lookup.name_len, path, &name);

    if (value->error)
        cu_ahead_list_failed(front->ahead, &r->inode->dir.ahead, uv_hrtime());
    if (rc < 0) {
        cu_front_request_fail(front, r, -rc);
        return;
    }
    (void)look_up(front, r, &name, value->error ? LISTING_NEVER : LISTING_HELD);
}

bool cu_front_hidden(const struct cu_front *front, const char *path, size_t len)
{
    for (size_t i = 0; i < CU_FRONT_HIDDEN_MAX && front->config.hidden_paths[i]; i++)
        if (cu_path_within(path, len, front->config.hidden_paths[i], front->hidden_len[i]))
            return true;
    return cu_serve_judge(front->config.serve, path, len) == CU_SERVE_NOT;
}

void cu_front_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *text)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *dir = cu_inodes_get(&front->inodes, parent);
    enum listing_use use = LISTING_HELD;
    struct cu_front_request *r;
    struct cu_ahead_name name;
    char path[CU_TREE_PATH_MAX];
    int rc;

    CU_FRONT_COUNT(front, fuse_lookup);
    if (cu_special_lookup(front, req, parent, text))
        return;
    if (!dir || !S_ISDIR(dir->attr.mode)) {
        cu_front_refuse(req, dir ? ENOTDIR : ESTALE);
        return;
    }
    rc = describe(dir, text, strlen(text), path, &name);
    if (rc < 0) {
        if (rc == -ENAMETOOLONG)
            CU_FRONT_COUNT(front, paths_over);
        cu_front_refuse(req, -rc);
        return;
    }
    if (cu_front_hidden(front, path, name.path_len)) {
        reply_negative(req, CU_FRONT_FOREVER_S);
        return;
    }
    r = cu_front_request_new(front, req, dir, CU_FRONT_LOOKUP);
    if (!r)
        return;
    memcpy(r->lookup.name, name.name, name.name_len + 1);
    r->lookup.name_len = (uint16_t)name.name_len;
    if (cu_ahead_lists_first(front->ahead, &dir->dir.ahead, text, name.name_len, uv_hrtime()))
        use = LISTING_FIRST;
    if (look_up(front, r, &name, use))
        cu_ahead_looked_up(front->ahead, &dir->dir.ahead, &name);
}
