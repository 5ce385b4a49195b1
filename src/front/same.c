/* SPDX-License-Identifier: BSD-3-Clause */
/* Decides whether a file has changed by its bytes, not by its stamps. When the stamps of a file
 * that is being read have moved, but not its size and mtime, there are two possible reasons. Either
 * its bytes are the same: it got a link, another mode or owner, an attribute, or was renamed and
 * renamed back. Or it was rewritten in place and its mtime was restored. Stamps cannot distinguish
 * the two, bytes can. So the parts of the old version that this node's kernel was given are
 * compared, by checksum, with the same parts of the new version, which are read through the tree
 * like any version. When all are equal, the content of the kernel's page cache is that of the new
 * version, and the inode continues as the new version; else readers get ESTALE. Nothing is given to
 * the kernel between the comparison of the last part and the change of the inode's version, and a
 * read that began before does not end after it: bytes of two versions are never mixed.
 *
 * A file that is not at its path any more is searched by its inode number in the directory where
 * its path ends: it, or a directory above it, may have been renamed there. It is then read under
 * the new name.
 *
 * When not all parts that the kernel was given are known (a large file, or they were given by an
 * earlier daemon), those that are known are compared, and the changed stamp must be explained by
 * another link count, mode, owner or name of the same file: one with the same inode number. A
 * number made of the path shows no such thing. */
#include "front/same.h"

#include "base/path.h"
#include "front/lookup.h"
#include "front/read.h"
#include "front/state.h"
#include "front/view.h"
#include "proto/dir.h"
#include "proto/dirview.h"
#include "proto/pathno.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES       3u /* of one read: a file that is changed again and again is stale */
#define AT_ONCE_MAX 8u

enum phase {
    LOOK,    /* waits for the attributes of the file's path */
    LIST,    /* waits for the listing of the directory in which a name of that path is gone */
    FOUND,   /* waits for the attributes of the entry with the file's number there */
    COMPARE, /* the parts */
};

struct cu_front_same {
    enum phase phase;
    struct cu_attr attr;         /* that storage shows now */
    uint32_t next;               /* part to compare next */
    bool differs;                /* some part does */
    bool is_explained;           /* the new stamp, without the parts */
    const struct cu_inode *lost; /* LIST: the file or an ancestor, whose name is gone */
    size_t path_len;
    char path[CU_TREE_PATH_MAX]; /* where the file is looked for */
};

static void give_up(struct cu_front *front, struct cu_front_request *r)
{
    r->kind = CU_FRONT_READ;
    if (r->read.epoch == r->inode->file.epoch)
        cu_front_mark_stale(front, r->inode);
    cu_front_request_fail(front, r, ESTALE);
}

static void read_again(struct cu_front *front, struct cu_front_request *r)
{
    r->kind = CU_FRONT_READ;
    free(r->read.same);
    r->read.same = NULL;
    cu_front_read_start(front, r);
}

static void carry_on(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_inode *inode = r->inode;

    if (r->read.epoch == inode->file.epoch) { /* else: another read has done it */
        if (cu_inode_set_path(inode, r->read.same->path) < 0) {
            CU_FRONT_COUNT(front, no_memory);
            give_up(front, r);
            return;
        }
        cu_front_stale_clear(front, inode);
        cu_inodes_set_attr(&front->inodes, inode, &r->read.same->attr);
        inode->file.epoch++;
    }
    read_again(front, r);
}

/* The same time, or the whole second of the other: nodes may see storage through different kernels
 * or protocols, and a server may keep no more than that. */
static bool same_time(const struct cu_time *a, const struct cu_time *b)
{
    return a->sec == b->sec && (a->nsec == b->nsec || a->nsec == 0 || b->nsec == 0);
}

/* Can the bytes still be the same? */
static bool may_be_same(const struct cu_attr *was, const struct cu_value *value)
{
    const struct cu_attr *is = &value->attr;

    return value->error == 0 && S_ISREG(is->mode) && is->size == was->size &&
           same_time(&is->mtime, &was->mtime);
}

static bool explained(const struct cu_front_request *r, const struct cu_attr *is)
{
    const struct cu_front_same *same = r->read.same;
    const struct cu_attr *was = &r->inode->attr;

    if (is->ino != was->ino || is->ino == cu_pathno_of(same->path, same->path_len))
        return false;
    return is->nlink != was->nlink || is->mode != was->mode || is->uid != was->uid ||
           is->gid != was->gid;
}

/* Wants the next parts of the new version, or ends. */
static void compare(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_front_same *same = r->read.same;
    const struct cu_seen *seen = &r->inode->file.seen;
    struct cu_request what = {.kind = CU_KIND_DATA, .version = cu_version_of(&same->attr)};

    what.path = same->path;
    what.path_len = same->path_len;
    same->differs |= seen->lost && !same->is_explained;
    r->waiting++; /* a want that fails at once does not end it here */
    while (!same->differs && same->next < seen->count && r->waiting <= AT_ONCE_MAX) {
        uint32_t i = same->next++;

        what.chunk = seen->parts[i].chunk;
        what.piece = seen->parts[i].piece;
        cu_front_want(front, r, &what, i);
    }
    if (--r->waiting > 0)
        return;
    if (same->differs)
        give_up(front, r);
    else
        carry_on(front, r);
}

/* The attributes have arrived: of the path where the file was, or of the file that it seems to be
 * now. */
static void begin_to_compare(struct cu_front *front, struct cu_front_request *r,
                             const struct cu_attr *attr)
{
    struct cu_front_same *same = r->read.same;
    bool moved = same->phase == FOUND; /* which explains another ctime */

    same->attr = *attr;
    same->phase = COMPARE;
    same->is_explained = moved || explained(r, attr);
    compare(front, r);
}

static void want(struct cu_front *front, struct cu_front_request *r, enum phase phase,
                 enum cu_kind kind, const char *path, size_t path_len)
{
    struct cu_request what = {.kind = kind, .path = path, .path_len = path_len};

    if (phase == LOOK)
        what.version = cu_version_of(&r->inode->attr);
    r->read.same->phase = phase;
    cu_front_want(front, r, &what, 0);
}

/* The name of lost is gone, or belongs to another file: asks for its directory's listing to find
 * the new name. */
static void search(struct cu_front *front, struct cu_front_request *r, const struct cu_inode *lost)
{
    char dir[CU_TREE_PATH_MAX];
    int len = lost->parent ? cu_inode_path(lost->parent, dir) : -ENOENT;

    r->read.same->lost = lost;
    if (len < 0)
        give_up(front, r);
    else
        want(front, r, LIST, CU_KIND_DIR, dir, (size_t)len);
}

/* Writes the path that the file has when lost was renamed to name. */
static int renamed_path(struct cu_front_request *r, const char *name, size_t name_len)
{
    const struct cu_inode *lost = r->read.same->lost;
    char whole[CU_TREE_PATH_MAX], dir[CU_TREE_PATH_MAX];
    int len = cu_inode_path(r->inode, whole), lost_len = cu_inode_path(lost, dir), n;
    int dir_len = cu_inode_path(lost->parent, dir);

    if (len < 0 || lost_len < 0 || dir_len < 0 || lost_len > len)
        return -ENAMETOOLONG;
    n = snprintf(r->read.same->path, CU_TREE_PATH_MAX, "%s/%.*s%s", dir_len > 1 ? dir : "",
                 (int)name_len, name, whole + lost_len);
    if (n >= (int)CU_TREE_PATH_MAX)
        return -ENAMETOOLONG;
    r->read.same->path_len = (size_t)n;
    return 0;
}

/* An entry that has the inode number of lost under another name. */
static int find_renamed(struct cu_front_request *r, const struct cu_dir_index *index)
{
    const struct cu_inode *lost = r->read.same->lost;
    unsigned char type = IFTODT(lost->attr.mode);
    int rc = -ENOENT;

    for (uint32_t i = 0; i < index->count && rc == -ENOENT; i++) {
        struct cu_dirent entry = cu_dir_index_entry(index, i);

        if (entry.ino == lost->attr.ino && (entry.type == type || entry.type == DT_UNKNOWN) &&
            (entry.name_len != lost->name_len ||
             memcmp(entry.name, lost->name, entry.name_len) != 0))
            rc = renamed_path(r, entry.name, entry.name_len);
    }
    return rc;
}

static bool is_gone(int error)
{
    return error == ENOENT || error == ENOTDIR;
}

static void list_done(struct cu_front *front, struct cu_front_request *r,
                      const struct cu_value *value)
{
    struct cu_front_same *same = r->read.same;
    struct cu_dirview *view = NULL;
    char path[CU_TREE_PATH_MAX];
    int len, rc;

    if (is_gone(value->error)) {
        search(front, r, same->lost->parent);
        return;
    }
    len = cu_inode_path(same->lost->parent, path);
    rc = value->error || len < 0 ? -ENOENT
                                 : cu_front_view(front, path, (size_t)len, value, r, &view);
    if (rc == -EAGAIN)
        return; /* comes again */
    if (rc == 0 && view)
        rc = find_renamed(r, &view->index);
    cu_dirview_unref(view);
    if (rc < 0)
        give_up(front, r);
    else
        want(front, r, FOUND, CU_KIND_ATTR, same->path, same->path_len);
}

static void look_done(struct cu_front *front, struct cu_front_request *r,
                      const struct cu_value *value)
{
    const struct cu_attr *was = &r->inode->attr;
    struct cu_version had = cu_version_of(was), has = cu_version_of(&value->attr);

    if (may_be_same(was, value) && !cu_version_equal(&had, &has))
        begin_to_compare(front, r, &value->attr);
    else if (is_gone(value->error) || (value->error == 0 && value->attr.ino != was->ino))
        search(front, r, r->inode);
    else
        give_up(front, r);
}

void cu_front_same_done(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                        const struct cu_value *value)
{
    const struct cu_seen *seen = &r->inode->file.seen;
    struct cu_front_same *same = r->read.same;

    if (same->phase != COMPARE && r->read.epoch != r->inode->file.epoch) {
        read_again(front, r); /* another read has settled it */
        return;
    }
    switch (same->phase) {
    case LOOK:
        look_done(front, r, value);
        break;
    case LIST:
        list_done(front, r, value);
        break;
    case FOUND:
        if (may_be_same(&r->inode->attr, value) && value->attr.ino == r->inode->attr.ino)
            begin_to_compare(front, r, &value->attr);
        else
            give_up(front, r);
        break;
    case COMPARE:
        same->differs |= value->error || sub >= seen->count || value->hash != seen->parts[sub].hash;
        if (same->differs ? r->waiting == 0 : r->waiting < AT_ONCE_MAX)
            compare(front, r);
        break;
    }
}

bool cu_front_same_begin(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_front_same *same;
    int len;

    if (front->closing || ++r->read.tries > TRIES)
        return false;
    if (r->read.epoch != r->inode->file.epoch) {
        read_again(front, r);
        return true;
    }
    same = calloc(1, sizeof(*same));
    if (!same) {
        CU_FRONT_COUNT(front, no_memory);
        return false;
    }
    free(r->read.same);
    r->read.same = same;
    len = cu_inode_path(r->inode, same->path);
    if (len < 0)
        return false;
    same->path_len = (size_t)len;
    r->kind = CU_FRONT_READ_SAME;
    want(front, r, LOOK, CU_KIND_ATTR, same->path, same->path_len);
    return true;
}
