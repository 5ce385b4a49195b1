/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of a stage: directories are walked in the order in which they were found, level by level.
 * The next few listings are asked for before their turn. A directory is entered when its attributes
 * have arrived, whatever type its listing says. */
#include "ahead/stage_state.h"

#include "base/path.h"
#include "proto/dir.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Where no more than some names fit, content does not come along unseen. */
static bool has_room_for_content(const struct cu_stage *s)
{
    return s->figures.held + UINT64_C(1) * CU_STAGE_WALKS * CU_STAGE_INLINE < s->config.room;
}

void cu_stage_name(struct cu_stage *s, struct cu_stage_item *item)
{
    struct cu_ahead_want want = {.kind = CU_KIND_ATTR,
                                 .path = item->path,
                                 .path_len = item->path_len,
                                 .version = item->version,
                                 .content = has_room_for_content(s)};

    if (item->tries == 0)
        s->figures.objects++;
    if (cu_stage_ask(s, CU_STAGE_NAME, item, &want, 0))
        return;
    cu_stage_fail(s, item->path, item->path_len, ENOMEM);
    cu_stage_item_free(item);
}

/* --- listings --------------------------------------------------------------------------------- */

static bool ask_listing(struct cu_stage *s)
{
    struct cu_stage_item *dir = s->unasked;
    struct cu_ahead_want want = {.kind = CU_KIND_DIR, .path = dir->path, .path_len = dir->path_len};

    s->unasked = dir->next;
    s->asked++;
    if (cu_stage_ask(s, CU_STAGE_LISTING, dir, &want, 0))
        return true;
    dir->listed = true;
    cu_stage_fail(s, dir->path, dir->path_len, ENOMEM);
    return true;
}

void cu_stage_listed(struct cu_stage *s, struct cu_stage_item *dir, const struct cu_value *value)
{
    dir->listed = true;
    if (value->error) {
        if (value->error != ENOENT) /* else: it has gone since */
            cu_stage_fail(s, dir->path, dir->path_len, value->error);
        return;
    }
    s->figures.objects_done++;
    dir->bytes = cu_buf_ref(value->bytes);
    s->figures.held += CU_STAGE_COST + dir->path_len + (dir->bytes ? dir->bytes->size : 0);
    if (value->cut)
        cu_stage_fail(s, dir->path, dir->path_len, E2BIG);
}

static void leave_dir(struct cu_stage *s)
{
    cu_stage_item_free(cu_stage_pop(&s->dirs));
    s->asked--;
}

/* The next entry of a listing; it may be of another node, so anything may stand in it. */
static bool next_entry(struct cu_stage_item *dir, const char **name, size_t *name_len)
{
    const struct cu_buf *bytes = dir->bytes;
    const unsigned char *at;
    size_t left = bytes ? bytes->size - dir->at : 0;

    if (left < CU_DIR_ENTRY_HEAD)
        return false;
    at = (const unsigned char *)bytes->data + dir->at;
    *name_len = (size_t)(at[CU_DIR_ENTRY_HEAD - 2] | at[CU_DIR_ENTRY_HEAD - 1] << 8);
    *name = (const char *)at + CU_DIR_ENTRY_HEAD;
    if (*name_len == 0 || *name_len > left - CU_DIR_ENTRY_HEAD || memchr(*name, '/', *name_len) ||
        memchr(*name, 0, *name_len))
        return false;
    dir->at += CU_DIR_ENTRY_HEAD + *name_len;
    return true;
}

static void take_entry(struct cu_stage *s)
{
    struct cu_stage_item *dir = s->dirs.first, *item;
    char path[CU_TREE_PATH_MAX];
    const char *name;
    size_t name_len;
    int len;

    if (!next_entry(dir, &name, &name_len)) {
        if (dir->bytes && dir->at < dir->bytes->size)
            cu_stage_fail(s, dir->path, dir->path_len, EIO);
        leave_dir(s);
        return;
    }
    len = cu_path_join(dir->path, dir->path_len, name, name_len, path, sizeof(path));
    if (len > 0 && cu_stage_has_begun(s, path, (size_t)len))
        return;
    item = len > 0 ? cu_stage_item_new(path, (size_t)len) : NULL;
    if (item)
        cu_stage_name(s, item);
    else
        cu_stage_fail(s, dir->path, dir->path_len, len < 0 ? -len : ENOMEM);
}

/* Not even names have room: what is left of the tree is left out. */
static void give_up(struct cu_stage *s)
{
    const struct cu_stage_item *dir = s->dirs.first;

    s->full = true;
    cu_stage_fail(s, dir->path, dir->path_len, ENOSPC);
}

bool cu_stage_walk(struct cu_stage *s)
{
    struct cu_stage_item *dir = s->dirs.first;

    if (s->walks >= CU_STAGE_WALKS || s->files.bytes >= CU_STAGE_QUEUE_MAX)
        return false;
    if (!s->full && s->figures.held > s->config.room + s->config.room / 8 && dir)
        give_up(s);
    if (s->full) { /* listings under way are waited for */
        if (!dir || (s->unasked != dir && !dir->listed))
            return false;
        if (s->unasked == dir) {
            s->unasked = dir->next;
            s->asked++;
        }
        leave_dir(s);
        return true;
    }
    if (s->unasked && s->asked < CU_STAGE_LISTS)
        return ask_listing(s);
    if (!dir || !dir->listed)
        return false;
    take_entry(s);
    return true;
}

/* --- attributes ------------------------------------------------------------------------------- */

static void add_dir(struct cu_stage *s, struct cu_stage_item *item)
{
    if (s->dirs.bytes >= CU_STAGE_QUEUE_MAX) {
        cu_stage_fail(s, item->path, item->path_len, ENOBUFS);
        cu_stage_item_free(item);
        return;
    }
    s->figures.objects++; /* its listing */
    item->given = false;
    cu_stage_push(&s->dirs, item);
    if (!s->unasked)
        s->unasked = item;
}

void cu_stage_named(struct cu_stage *s, struct cu_stage_item *item, const struct cu_value *value)
{
    const struct cu_attr *attr = &value->attr;

    if (item->tries == 0)
        s->figures.objects_done++;
    if (value->error) {
        if (value->error != ENOENT || item->given) /* else: it has gone since */
            cu_stage_fail(s, item->path, item->path_len, value->error);
        cu_stage_item_free(item);
        return;
    }
    s->figures.held += CU_STAGE_COST + item->path_len + (value->bytes ? value->bytes->size : 0);
    if (S_ISDIR(attr->mode)) {
        add_dir(s, item);
        return;
    }
    if (S_ISREG(attr->mode) && attr->size > 0) {
        if (!value->content || value->content->size != attr->size) {
            cu_stage_file(s, item, attr);
            return;
        }
        s->figures.asked += attr->size;
        s->figures.bytes += attr->size;
        s->figures.bytes_done += attr->size;
        s->figures.held += CU_STAGE_COST + item->path_len + attr->size;
    }
    cu_stage_item_free(item);
}
