/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks: a process that goes through a directory name by name (`ls -l`, find, a loader of data
 * sets) asks for one name after the other, and each lookup would cost a round trip. The listing
 * shows which names come next. So after a few consecutive neighbours the next names are asked for
 * in advance, in a growing window; with their content, where files of that suffix are read. For
 * this, a directory in which some names were found is listed; one next to a directory that was
 * walked, at its first name. Each directory remembers how the directories in it are walked, so a
 * walk elsewhere changes nothing for them; it forgets this when a walk that was started early for
 * this reason turns out not to be one. A readdirplus caller counts as walking the directory,
 * too. */
#include "ahead/internal.h"

#include "base/path.h"

#define RUN_MIN    3u /* neighbours in a row before anything is asked for ahead */
#define GAP_MAX    4u /* names between neighbours: subdirectories, names the kernel knows */
#define LIST_MIN   4u /* names found before the directory is listed */
#define HOLDS_MIN  8u /* further neighbours that confirm a walk that was started early */
#define WINDOW_MIN 16u
#define WINDOW_WALKED                                                                              \
    64u /* a walk is certain from this window on; also the first window next to a walked directory \
         */
#define WINDOW_CONTENT 128u  /* names whose content comes along: guards memory */
#define WINDOW_MAX     1024u /* a fourth of the budget's requests */

static struct cu_walk *walk_of(struct cu_held *held, enum cu_kind kind, enum cu_ahead_order order)
{
    return kind == CU_KIND_ATTR ? &held->attrs[order] : &held->xattrs[order];
}

/* Asks for the names at positions [from, from + count) of a held listing. */
static void want_ahead(struct cu_ahead *a, struct cu_held *held, enum cu_kind kind,
                       enum cu_ahead_order order, uint32_t from, uint32_t count)
{
    struct cu_walk *walk = walk_of(held, kind, order);
    uint64_t end = (uint64_t)from + count;
    struct cu_ahead_want want = {.kind = kind};
    char dir[CU_TREE_PATH_MAX], path[CU_TREE_PATH_MAX];
    int dir_len = cu_ahead_dir_path(a, held->dir, dir), len;

    if (dir_len < 0)
        return;
    if (walk->ahead < from)
        walk->ahead = from;
    if (end > held->view->index.count)
        end = held->view->index.count;
    for (; walk->ahead < end; walk->ahead++) {
        struct cu_dirent e = order == CU_AHEAD_BY_NAME
                                 ? cu_dir_index_entry(&held->view->index, walk->ahead)
                                 : cu_order_entry(&held->view->order, walk->ahead);

        len = cu_path_join(dir, (size_t)dir_len, e.name, e.name_len, path, sizeof(path));
        if (len < 0)
            continue;
        want.path = path;
        want.path_len = (size_t)len;
        want.content = kind == CU_KIND_ATTR && cu_ahead_content(a, e.name, e.name_len);
        cu_ahead_emit(a, &want);
    }
}

/* The listing for a walk of dir, in which one more name was found. When enough were found it is
 * asked for; from then on the listing held here is used. */
static struct cu_held *held_of(struct cu_ahead *a, struct cu_ahead_dir *dir,
                               const struct cu_ahead_dir *above)
{
    const struct cu_ahead_ports *ports = &a->config.ports;
    uint32_t list_at = above && above->walked ? 1 : LIST_MIN;
    const struct cu_value *value;
    char path[CU_TREE_PATH_MAX];
    int len;

    if (dir->held)
        return dir->held;
    if (++dir->found < list_at && dir->found < RUN_MIN)
        return NULL;
    len = cu_ahead_dir_path(a, dir, path);
    if (len < 0)
        return NULL;
    value = ports->listing(ports->context, path, (size_t)len);
    if (!value && dir->found == list_at)
        cu_ahead_emit(
            a, &(struct cu_ahead_want){.kind = CU_KIND_DIR, .path = path, .path_len = (size_t)len});
    if (!value || value->error || cu_ahead_hold(a, dir, value) < 0)
        return NULL;
    return dir->held;
}

static void step(struct cu_ahead *a, struct cu_held *held, struct cu_ahead_dir *above,
                 enum cu_kind kind, enum cu_ahead_order order, uint32_t at, bool content)
{
    struct cu_walk *walk = walk_of(held, kind, order);
    bool beside_walked = above && above->walked == 1 + (unsigned)order;

    if (beside_walked && walk->window == 0) {
        walk->run = RUN_MIN;
        walk->window = WINDOW_WALKED / 2;
    } else if (at <= walk->last || at - walk->last > GAP_MAX) {
        if (walk->window && walk->run < RUN_MIN + HOLDS_MIN &&
            walk->last + 1 < held->view->index.count && beside_walked)
            above->walked = 0;
        *walk = (struct cu_walk){.last = at, .run = 1};
        return;
    }
    walk->last = at;
    if (++walk->run < RUN_MIN)
        return;
    /* Ask again only when half of the window is used, so that each batch needs few messages. */
    if (walk->window && walk->ahead > at + walk->window / 2)
        return;
    walk->window = walk->window ? walk->window * 2 : WINDOW_MIN;
    if (walk->window > WINDOW_MAX)
        walk->window = WINDOW_MAX;
    if (content && walk->window > WINDOW_CONTENT)
        walk->window = WINDOW_CONTENT;
    if (walk->window >= WINDOW_WALKED && above)
        above->walked = (uint8_t)(1 + order);
    want_ahead(a, held, kind, order, at + 1, walk->window);
}

void cu_ahead_step(struct cu_ahead *a, struct cu_ahead_dir *dir, enum cu_kind kind,
                   const char *name, size_t name_len)
{
    struct cu_ahead_dir *above = cu_ahead_place_of(a, dir).above;
    struct cu_held *held = held_of(a, dir, above);
    int64_t by_name, as_shown;
    bool content;

    if (!held)
        return;
    by_name = cu_dir_index_find(&held->view->index, name, name_len);
    if (by_name < 0)
        return;
    /* A process that walks a tree comes back to this directory after each directory in it. */
    cu_ahead_held_used(a, dir);
    content = kind == CU_KIND_ATTR && cu_ahead_content(a, name, name_len);
    step(a, held, above, kind, CU_AHEAD_BY_NAME, (uint32_t)by_name, content);
    as_shown = cu_order_find(&held->view->order, name, name_len);
    step(a, held, above, kind, CU_AHEAD_AS_SHOWN, (uint32_t)as_shown, content);
}

void cu_ahead_shown(struct cu_ahead *a, struct cu_ahead_dir *dir, uint32_t from)
{
    want_ahead(a, dir->held, CU_KIND_ATTR, CU_AHEAD_AS_SHOWN, from, WINDOW_MAX);
}
