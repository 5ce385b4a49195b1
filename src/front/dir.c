/* SPDX-License-Identifier: BSD-3-Clause */
/* Directory listings for the kernel, which caches them. Offsets are cursors (proto/order.h): 1 is
 * after ".", 2 after "..", and those of entries are made of their names. So a walk needs no state
 * in the daemon: it continues after its cursor in whichever listing is current, also when the entry
 * at its cursor was removed, when many directories are walked at once, and in a restarted daemon.
 * One listing is held for a directory, so that a walk does not ask for it again with each call.
 *
 * The kernel caches a listing as a sequence of entries; an entry is appended when the cursor before
 * it was the last one cached. It searches a walker's cursor in this cache, and takes a cursor that
 * is not found for the end of the directory. So the cache must never mix two listings, nor lack the
 * cursor of a walker that began with another listing. The daemon does not know which processes have
 * a directory open: answering opendir would cost a round trip for each listing. But the kernel
 * drops the cached listing when one of its pages is dropped. So from the moment at which a
 * directory has a second listing, the kernel's pages of it are dropped: before any entry of the new
 * listing is shown, and each time before the kernel gets the last entry. The kernel then asks for
 * each listing of this directory again, as long as it knows the directory.
 *
 * readdirplus returns attributes only of entries that are cached on this node: listing a directory
 * must not stat its entries. The kernel always sends it at offset 0, and later only for processes
 * that stat the entries: then the attributes of the next entries are asked for in advance. */
#include "front/dir.h"

#include "ahead/ahead.h"
#include "base/path.h"
#include "front/link.h"
#include "front/lookup.h"
#include "front/state.h"
#include "front/view.h"
#include "proto/dirview.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HELD_BYTES_MAX (4u * 1024 * 1024) /* a larger listing is dropped when its walk ends */
#define EMPTY_HASH     1u                 /* used as the hash of an empty listing */
/* Of one reply: some 8,000 entries, which take 3 ms. */
#define REPLY_MAX (256u * 1024)

/* A reply that is being put together. */
struct listing {
    struct cu_front *front;
    fuse_req_t fuse;
    bool plus;
    size_t used;
    size_t size; /* of front->scratch, in this reply */
};

/* Adds an entry; false when it does not fit any more. inode_attr NULL: only number and type known.
 */
static bool add(struct listing *l, const char *name, const struct fuse_entry_param *entry,
                off_t next)
{
    char *at = l->front->scratch + l->used;
    size_t left = l->size - l->used, need;

    if (l->plus)
        need = fuse_add_direntry_plus(l->fuse, at, left, name, entry, next);
    else
        need = fuse_add_direntry(l->fuse, at, left, name, &entry->attr, next);
    if (need > left)
        return false;
    l->used += need;
    return true;
}

static bool has_room(struct listing *l, const char *name)
{
    size_t need = l->plus ? fuse_add_direntry_plus(l->fuse, NULL, 0, name, NULL, 0)
                          : fuse_add_direntry(l->fuse, NULL, 0, name, NULL, 0);

    return need <= l->size - l->used;
}

static struct fuse_entry_param plain(uint64_t ino, uint32_t mode)
{
    struct fuse_entry_param entry = {0};

    entry.attr.st_ino = ino ? ino : UINT32_MAX; /* some programs skip entries numbered 0 */
    entry.attr.st_mode = mode;
    return entry;
}

static bool add_dots(struct listing *l, const struct cu_inode *dir, uint64_t *at)
{
    struct fuse_entry_param entry = plain(dir->attr.ino, S_IFDIR);

    if (*at == 0) {
        if (!add(l, ".", &entry, 1))
            return false;
        *at = 1;
    }
    if (*at == 1) {
        if (dir->parent)
            entry = plain(dir->parent->attr.ino, S_IFDIR);
        if (!add(l, "..", &entry, 2))
            return false;
        *at = 2;
    }
    return true;
}

/* The entry with its attributes when they are known here and of this very version. The kernel takes
 * a reference with it, so there must be room for it. */
static bool known(struct listing *l, struct cu_inode *dir, const char *path, size_t path_len,
                  const char *name, size_t name_len, struct fuse_entry_param *entry)
{
    struct cu_front *front = l->front;
    struct cu_request what = {.kind = CU_KIND_ATTR, .path = path, .path_len = path_len};
    const struct cu_value *value;

    if (front->stale_count > 0 && cu_inodes_find_stale(&front->inodes, dir, name, name_len))
        return false;
    value = cu_core_peek(front->config.core, &what, uv_hrtime());
    if (!value || value->error || (S_ISLNK(value->attr.mode) && !cu_front_links_known(front)))
        return false;
    if (!cu_front_enter(front, dir, name, name_len, value, entry))
        return false;
    if (front->config.events.given)
        front->config.events.given(front->config.events.context, path, path_len);
    return true;
}

static bool is_hidden(const struct cu_front *front, const char *path, size_t len)
{
    for (size_t i = 0; i < CU_FRONT_HIDDEN_MAX && front->config.hidden_paths[i]; i++)
        if (front->hidden_len[i] == len && memcmp(front->config.hidden_paths[i], path, len) == 0)
            return true;
    return false;
}

/* Adds entries of the listing after a cursor, as many as fit. */
static void add_entries(struct listing *l, struct cu_inode *inode, uint64_t cursor)
{
    const struct cu_held *held = inode->dir.ahead.held;
    char dir[CU_TREE_PATH_MAX], path[CU_TREE_PATH_MAX], name[CU_NAME_MAX + 1];
    int dir_len = cu_inode_path(inode, dir), len;
    struct cu_order_at at = cu_order_after(&held->view->order, cursor);

    while (at.next < held->view->index.count) {
        struct cu_dirent e = cu_order_take(&held->view->order, &at);
        struct fuse_entry_param entry = plain(e.ino, (uint32_t)e.type << 12);

        memcpy(name, e.name, e.name_len);
        name[e.name_len] = '\0';
        if (!has_room(l, name))
            return;
        len = dir_len < 0
                  ? dir_len
                  : cu_path_join(dir, (size_t)dir_len, e.name, e.name_len, path, CU_TREE_PATH_MAX);
        if (len > 0 && is_hidden(l->front, path, (size_t)len))
            continue;
        if (l->plus && len > 0)
            known(l, inode, path, (size_t)len, name, e.name_len, &entry);
        if (!add(l, name, &entry, (off_t)at.cursor))
            return;
    }
}

/* Makes the kernel drop what it has cached of this listing. This only takes page locks, which no
 * process holds while it waits for the daemon. */
static void drop_kept(struct cu_front *front, const struct cu_inode *dir)
{
    CU_FRONT_COUNT(front, listings_unkept);
    fuse_lowlevel_notify_inval_inode(front->session, dir->nodeid, 0, 0);
}

/* value is about to be shown as the listing of dir. */
static void note_shown(struct cu_front *front, struct cu_inode *dir, const struct cu_value *value)
{
    uint64_t hash = value->bytes && value->bytes->size > 0 ? value->hash : EMPTY_HASH;

    if (dir->dir.shown == hash)
        return;
    if (dir->dir.shown != 0)
        dir->dir.relisted = true;
    dir->dir.shown = hash;
    if (dir->dir.relisted)
        drop_kept(front, dir);
}

static void serve(struct cu_front *front, struct cu_inode *dir, fuse_req_t fuse, uint64_t offset,
                  size_t size, bool plus)
{
    const struct cu_held *held = dir->dir.ahead.held;
    struct listing l = {.front = front, .fuse = fuse, .plus = plus};
    uint64_t cursor = offset;
    char *larger;

    if (size > REPLY_MAX)
        size = REPLY_MAX;
    if (size > front->scratch_size) {
        larger = realloc(front->scratch, size);
        if (!larger) {
            CU_FRONT_COUNT(front, no_memory);
            fuse_reply_err(fuse, ENOMEM);
            return;
        }
        front->scratch = larger;
        front->scratch_size = size;
    }
    l.size = size;
    if (plus && offset > 0)
        cu_ahead_shown(front->ahead, &dir->dir.ahead,
                       cu_order_after(&held->view->order, offset).next);
    if (add_dots(&l, dir, &cursor))
        add_entries(&l, dir, cursor);
    front->counters[CU_COUNT_kernel_bytes] += l.used;
    if (l.used == 0 && dir->dir.relisted)
        drop_kept(front, dir);
    if (l.used == 0 && held->cut) /* never a reply that looks like the end */
        fuse_reply_err(fuse, E2BIG);
    else
        fuse_reply_buf(fuse, front->scratch, l.used);
    if (l.used == 0 && held->view->bytes && held->view->bytes->size > HELD_BYTES_MAX)
        cu_ahead_held_drop(front->ahead, &dir->dir.ahead);
}

/* As cu_front_view; the listing is held for its walk then. */
static int hold(struct cu_front *front, struct cu_front_request *r, const struct cu_value *value)
{
    char path[CU_TREE_PATH_MAX];
    int len = cu_inode_path(r->inode, path), rc;
    struct cu_value ready = *value;

    if (len < 0)
        return len;
    rc = cu_front_view(front, path, (size_t)len, value, r, &ready.view);
    if (rc == 0) {
        rc = cu_ahead_hold(front->ahead, &r->inode->dir.ahead, &ready);
        cu_dirview_unref(ready.view);
    }
    return rc;
}

void cu_front_readdir_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value)
{
    int rc;

    if (value->error) {
        cu_front_request_fail(front, r, value->error);
        return;
    }
    rc = hold(front, r, value);
    if (rc == -EAGAIN)
        return; /* comes again */
    if (rc < 0) {
        CU_FRONT_COUNT(front, no_memory);
        cu_front_request_fail(front, r, -rc);
        return;
    }
    note_shown(front, r->inode, value);
    serve(front, r->inode, r->fuse, r->dir.offset, r->dir.size, r->dir.plus);
    cu_front_request_end(front, r);
}

static void readdir_common(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *dir = cu_inodes_get(&front->inodes, ino);
    struct cu_front_request *r;

    CU_FRONT_COUNT(front, fuse_readdir);
    if (cu_special_is(ino)) {
        cu_special_readdir(req, ino, size, (uint64_t)off, plus);
        return;
    }
    if (!dir || !S_ISDIR(dir->attr.mode) || off < 0) {
        cu_front_refuse(req, !dir ? ESTALE : off < 0 ? EINVAL : ENOTDIR);
        return;
    }
    if (off > 0 && dir->dir.ahead.held) {
        cu_ahead_held_used(front->ahead, &dir->dir.ahead);
        serve(front, dir, req, (uint64_t)off, size, plus);
        return;
    }
    r = cu_front_request_new(front, req, dir, CU_FRONT_READDIR);
    if (!r)
        return;
    r->dir.offset = (uint64_t)off;
    r->dir.size = size;
    r->dir.plus = plus;
    cu_ahead_listed(front->ahead, &dir->dir.ahead);
    cu_front_want_own(front, r, CU_KIND_DIR);
}

void cu_front_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                         struct fuse_file_info *fi)
{
    (void)fi;
    readdir_common(req, ino, size, off, false);
}

void cu_front_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                             struct fuse_file_info *fi)
{
    (void)fi;
    readdir_common(req, ino, size, off, true);
}
