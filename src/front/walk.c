/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks: a process that goes through a directory name by name (`ls -l`, find, a loader of data
 * sets) asks for one name after the other, and each would be a trip through the tree. The listing
 * says what comes next, so after a few neighbours in a row the next ones are asked for ahead, ever
 * more of them; with their content, where files of that suffix are read. A directory of which some
 * names were found is listed for that; one beside a directory that was walked, at its first name.
 * Each directory remembers how those in it are walked, so a walk above or elsewhere changes nothing
 * for them; and forgets it when a walk of one of them that was begun for that turns out to be none.
 *
 * Invariant: at most HELD_MAX listings are held, of HELD_BYTES_MAX together when there are two or
 * more, each by exactly one directory's inode. */
#include "front/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX       64u
#define HELD_BYTES_MAX (16u << 20) /* with what is needed to search in them */

#define RUN_MIN    3u /* neighbours in a row before anything is asked for ahead */
#define GAP_MAX    4u /* names between neighbours: subdirectories, names the kernel knows */
#define LIST_MIN   4u /* names found before the directory is listed */
#define HOLDS_MIN  8u /* further neighbours after which what was begun as a walk is one */
#define WINDOW_MIN 16u
#define WINDOW_WALKED                                                                              \
    64u /* from here on it surely is a walk; and the first window beside a walked directory */
#define WINDOW_CONTENT 128u  /* names whose content comes along: guards memory */
#define WINDOW_MAX     1024u /* half of what the core reads ahead at once */

static size_t held_size(const struct cu_front_held *held)
{
    size_t size = sizeof(*held) + 2 * held->index.count * sizeof(uint32_t);

    return held->bytes ? size + held->bytes->capacity : size;
}

void cu_front_held_drop(struct cu_front *front, struct cu_front_held *held)
{
    if (!held)
        return;
    cu_list_remove(&held->link);
    held->dir->dir.held = NULL;
    front->held_count--;
    front->held_bytes -= held_size(held);
    cu_order_free(&held->order);
    cu_dir_index_free(&held->index);
    cu_buf_unref(held->bytes);
    free(held);
}

void cu_front_held_touch(struct cu_front *front, struct cu_front_held *held)
{
    cu_list_remove(&held->link);
    cu_list_push_back(&front->held, &held->link);
}

int cu_front_hold(struct cu_front *front, struct cu_inode *dir, const struct cu_value *value)
{
    struct cu_front_held *held = dir->dir.held;
    int rc;

    if (held && held->bytes == value->bytes) {
        cu_front_held_touch(front, held);
        return 0;
    }
    cu_front_held_drop(front, held);
    held = calloc(1, sizeof(*held));
    if (!held)
        return -ENOMEM;
    rc = cu_dir_index_build(&held->index, value->bytes);
    if (rc == 0)
        rc = cu_order_build(&held->order, &held->index);
    if (rc < 0) {
        cu_dir_index_free(&held->index);
        free(held);
        return rc == -EINVAL ? -EIO : rc;
    }
    held->bytes = cu_buf_ref(value->bytes);
    held->cut = value->cut;
    held->dir = dir;
    dir->dir.held = held;
    dir->dir.positives = 0;
    cu_list_push_back(&front->held, &held->link);
    front->held_count++;
    front->held_bytes += held_size(held);
    while (front->held_count > HELD_MAX ||
           (front->held_bytes > HELD_BYTES_MAX && front->held_count > 1))
        cu_front_held_drop(front, CU_LIST_ENTRY(front->held.next, struct cu_front_held, link));
    return 0;
}

static struct cu_front_walk *walk_of(struct cu_front_held *held, enum cu_kind kind,
                                     enum cu_front_way way)
{
    return kind == CU_KIND_ATTR ? &held->attrs[way] : &held->xattrs[way];
}

void cu_front_walk_ahead(struct cu_front *front, struct cu_front_held *held, enum cu_kind kind,
                         enum cu_front_way way, uint32_t from, uint32_t count)
{
    struct cu_front_walk *walk = walk_of(held, kind, way);
    uint64_t end = (uint64_t)from + count, now_ns = uv_hrtime();
    struct cu_request what = {.kind = kind};
    char dir[CU_TREE_PATH_MAX], path[CU_TREE_PATH_MAX];
    int dir_len = cu_inode_path(held->dir, dir), len;

    if (dir_len < 0 || front->closing)
        return;
    if (walk->ahead < from)
        walk->ahead = from;
    if (end > held->index.count)
        end = held->index.count;
    for (; walk->ahead < end; walk->ahead++) {
        struct cu_dirent e = way == CU_FRONT_BY_NAME ? cu_dir_index_entry(&held->index, walk->ahead)
                                                     : cu_order_entry(&held->order, walk->ahead);

        len = cu_path_join(dir, (size_t)dir_len, e.name, e.name_len, path, CU_TREE_PATH_MAX);
        if (len < 0)
            continue;
        what.path = path;
        what.path_len = (size_t)len;
        if (kind == CU_KIND_ATTR && cu_predict_content(&front->predict, e.name, e.name_len))
            what.flags = CU_WANT_CONTENT;
        else
            what.flags = 0;
        cu_core_prefetch(front->config.core, &what, now_ns);
    }
}

/* Was a directory beside this one walked? Then this one will be, too. */
static bool beside_walked(const struct cu_inode *dir)
{
    return dir->parent && dir->parent->dir.walked != 0;
}

static bool beside_walked_so(const struct cu_inode *dir, enum cu_front_way way)
{
    return dir->parent && dir->parent->dir.walked == 1 + (unsigned)way;
}

/* The listing for a walk of dir, of which one more name was found. It is asked for when enough
 * were, and looked for from then on. */
static struct cu_front_held *held_of(struct cu_front *front, struct cu_inode *dir)
{
    uint32_t list_at = beside_walked(dir) ? 1 : LIST_MIN;
    uint64_t now_ns = uv_hrtime();
    struct cu_request what = {.kind = CU_KIND_DIR};
    const struct cu_value *value;
    char path[CU_TREE_PATH_MAX];
    int len;

    if (dir->dir.held)
        return dir->dir.held;
    if (++dir->dir.positives < list_at && dir->dir.positives < RUN_MIN)
        return NULL;
    len = cu_inode_path(dir, path);
    if (len < 0)
        return NULL;
    what.path = path;
    what.path_len = (size_t)len;
    value = cu_core_peek(front->config.core, &what, now_ns);
    if (!value && dir->dir.positives == list_at && !front->closing)
        cu_core_prefetch(front->config.core, &what, now_ns);
    if (!value || value->error || cu_front_hold(front, dir, value) < 0)
        return NULL;
    return dir->dir.held;
}

/* The name at this position was asked for. */
static void step(struct cu_front *front, struct cu_front_held *held, enum cu_kind kind,
                 enum cu_front_way way, uint32_t at, bool content)
{
    struct cu_front_walk *walk = walk_of(held, kind, way);
    struct cu_inode *dir = held->dir;

    if (beside_walked_so(dir, way) && walk->window == 0) {
        walk->run = RUN_MIN;
        walk->window = WINDOW_WALKED / 2;
    } else if (at <= walk->last || at - walk->last > GAP_MAX) {
        if (walk->window && walk->run < RUN_MIN + HOLDS_MIN && walk->last + 1 < held->index.count &&
            beside_walked_so(dir, way))
            dir->parent->dir.walked = 0;
        *walk = (struct cu_front_walk){.last = at, .run = 1};
        return;
    }
    walk->last = at;
    if (++walk->run < RUN_MIN)
        return;
    /* Ask again only when half the window is used up: one batch goes up in few messages. */
    if (walk->window && walk->ahead > at + walk->window / 2)
        return;
    walk->window = walk->window ? walk->window * 2 : WINDOW_MIN;
    if (walk->window > WINDOW_MAX)
        walk->window = WINDOW_MAX;
    if (content && walk->window > WINDOW_CONTENT)
        walk->window = WINDOW_CONTENT;
    if (walk->window >= WINDOW_WALKED && dir->parent)
        dir->parent->dir.walked = (uint8_t)(1 + way);
    cu_front_walk_ahead(front, held, kind, way, at + 1, walk->window);
}

void cu_front_walk_step(struct cu_front *front, struct cu_inode *dir, enum cu_kind kind,
                        const char *name, size_t name_len)
{
    struct cu_front_held *held = held_of(front, dir);
    int64_t by_name, as_shown;
    bool content;

    if (!held)
        return;
    by_name = cu_dir_index_find(&held->index, name, name_len);
    if (by_name < 0)
        return;
    /* Who walks a tree comes back here after each directory in it. */
    cu_front_held_touch(front, held);
    content = kind == CU_KIND_ATTR && cu_predict_content(&front->predict, name, name_len);
    step(front, held, kind, CU_FRONT_BY_NAME, (uint32_t)by_name, content);
    as_shown = cu_order_find(&held->order, name, name_len);
    step(front, held, kind, CU_FRONT_AS_SHOWN, (uint32_t)as_shown, content);
}
