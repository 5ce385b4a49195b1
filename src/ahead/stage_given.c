/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths that were given to a stage, by its caller or in a manifest. Each is followed component by
 * component, because storage alone knows its links, and because a lookup of it will ask for all
 * that it leads through. */
#include "ahead/stage_state.h"

#include "base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MANIFEST_MAX (64u << 20) /* bytes */

static void fail(struct cu_stage *s, struct cu_stage_item *item, int error)
{
    cu_stage_fail(s, item->path, item->path_len, error);
    cu_stage_item_free(item);
}

/* --- one path --------------------------------------------------------------------------------- */

/* A new item with this path and the same rest. NULL: out of memory. Frees item. */
static struct cu_stage_item *moved(struct cu_stage_item *item, const char *path, size_t path_len)
{
    struct cu_stage_item *to = cu_stage_item_new(path, path_len);

    if (to) {
        to->rest = item->rest;
        to->links = item->links;
        to->given = item->given;
        item->rest = NULL;
    }
    cu_stage_item_free(item);
    return to;
}

/* The next component of the rest, which loses it; its length, 0: there is none. */
static size_t next_component(struct cu_stage_item *item, char *out)
{
    const char *at = item->rest + strspn(item->rest, "/");
    size_t len = strcspn(at, "/");

    if (len < CU_TREE_PATH_MAX)
        memcpy(out, at, len);
    memmove(item->rest, at + len, strlen(at + len) + 1);
    return len;
}

static void ask(struct cu_stage *s, struct cu_stage_item *item)
{
    struct cu_ahead_want want = {
        .kind = CU_KIND_ATTR, .path = item->path, .path_len = item->path_len};

    if (!cu_stage_ask(s, CU_STAGE_RESOLVE, item, &want, 0))
        fail(s, item, ENOMEM);
}

bool cu_stage_has_begun(const struct cu_stage *s, const char *path, size_t path_len)
{
    uint32_t i;

    return s->begun && cu_recipe_find(s->begun, path, path_len, &i) == 0;
}

/* Asks for the path, whose components are known, unless one that was given before leads to it. What
 * is given in the other order is left out where the walk comes to it: take_entry. Without memory it
 * is staged several times, which only takes more room. */
static void begin(struct cu_stage *s, struct cu_stage_item *item)
{
    size_t len = item->path_len;

    while (len > 1 && !cu_stage_has_begun(s, item->path, len))
        len = cu_path_parent_len(item->path, len);
    if (cu_stage_has_begun(s, item->path, len)) {
        cu_stage_item_free(item);
        return;
    }
    if (s->begun &&
        cu_recipe_note(s->begun, item->path, item->path_len, CU_RECIPE_ATTR, 0) == -EINVAL)
        fail(s, item, EINVAL);
    else
        cu_stage_name(s, item);
}

/* Asks for the next component, or for the path's end when all components are known. */
static void follow(struct cu_stage *s, struct cu_stage_item *item)
{
    char name[CU_TREE_PATH_MAX], path[CU_TREE_PATH_MAX];
    size_t name_len;

    while ((name_len = next_component(item, name)) > 0) {
        int len;

        if (name_len == 1 && name[0] == '.')
            continue;
        if (name_len == 2 && name[0] == '.' && name[1] == '.') {
            item->path_len = (uint16_t)cu_path_parent_len(item->path, item->path_len);
            item->path[item->path_len] = '\0';
            continue;
        }
        len = name_len > CU_NAME_MAX
                  ? -ENAMETOOLONG
                  : cu_path_join(item->path, item->path_len, name, name_len, path, sizeof(path));
        if (len < 0) {
            fail(s, item, -len);
            return;
        }
        if (item->links > 0 && s->config.mount && strcmp(path, s->config.mount) == 0) {
            item->path_len = 1; /* of "/" */
            item->path[1] = '\0';
            continue;
        }
        item = moved(item, path, (size_t)len);
        if (!item)
            cu_stage_fail(s, path, (size_t)len, ENOMEM);
        else
            ask(s, item);
        return;
    }
    free(item->rest);
    item->rest = NULL;
    begin(s, item);
}

/* item is a link with this target. 0 or positive errno. */
static int substitute(struct cu_stage_item *item, const struct cu_buf *target)
{
    size_t rest_len = strlen(item->rest);
    char *rest;

    if (!target || ++item->links > CU_STAGE_LINKS)
        return ELOOP;
    rest = malloc(target->size + 1 + rest_len + 1);
    if (!rest)
        return ENOMEM;
    memcpy(rest, target->data, target->size);
    rest[target->size] = '/';
    memcpy(rest + target->size + 1, item->rest, rest_len + 1);
    free(item->rest);
    item->rest = rest;
    item->path_len = rest[0] == '/' ? 1 : (uint16_t)cu_path_parent_len(item->path, item->path_len);
    item->path[item->path_len] = '\0';
    return 0;
}

void cu_stage_resolved(struct cu_stage *s, struct cu_stage_item *item, const struct cu_value *value)
{
    int error = value->error;

    s->figures.held += CU_STAGE_COST + item->path_len + (value->bytes ? value->bytes->size : 0);
    if (!error && S_ISLNK(value->attr.mode))
        error = cu_target_error(value->bytes);
    if (!error && S_ISLNK(value->attr.mode))
        error = substitute(item, value->bytes);
    if (error)
        fail(s, item, error);
    else
        follow(s, item);
}

/* --- manifest --------------------------------------------------------------------------------- */

static void end_manifest(struct cu_stage *s, int error)
{
    if (error)
        cu_stage_fail(s, s->manifest->path, s->manifest->path_len, error);
    free(s->text);
    s->text = NULL;
}

void cu_stage_manifest(struct cu_stage *s, struct cu_stage_item *item, const struct cu_value *value)
{
    const struct cu_attr *attr = &value->attr;

    s->figures.objects_done++;
    s->manifest = item;
    if (value->error || !S_ISREG(attr->mode) || attr->size > MANIFEST_MAX) {
        end_manifest(s, value->error ? value->error : S_ISREG(attr->mode) ? EFBIG : EINVAL);
        return;
    }
    item->version = cu_version_of(attr);
    item->size = attr->size;
    s->text = malloc(item->size + 1);
    if (!s->text) {
        end_manifest(s, ENOMEM);
        return;
    }
    s->text[item->size] = '\0';
    s->begun = cu_recipe_new();
    if (value->content && value->content->size == item->size) {
        memcpy(s->text, value->content->data, item->size);
        item->done = item->size;
    }
}

static void ask_text(struct cu_stage *s)
{
    struct cu_stage_item *item = s->manifest;
    struct cu_ahead_want want = {.kind = CU_KIND_DATA,
                                 .path = item->path,
                                 .path_len = item->path_len,
                                 .version = item->version,
                                 .chunk = item->chunk,
                                 .home = item->size > s->config.max_cacheable_bytes};

    if (cu_stage_ask(s, CU_STAGE_MANIFEST, NULL, &want, 0)) {
        item->chunk++;
        item->open++;
    } else {
        item->error = ENOMEM;
    }
}

void cu_stage_manifest_chunk(struct cu_stage *s, uint32_t chunk, const struct cu_value *value)
{
    struct cu_stage_item *item = s->manifest;
    uint64_t at = (uint64_t)chunk * s->config.chunk_bytes;
    const struct cu_buf *bytes = value->bytes;

    item->open--;
    if (value->error || !bytes || at > item->size || bytes->size > item->size - at) {
        item->error = value->error ? value->error : EIO;
    } else {
        memcpy(s->text + at, bytes->data, bytes->size);
        item->done += bytes->size;
    }
}

/* The next path of a text that is complete, which can be none: an empty line, a comment. NULL: it
 * was the last one. */
static const char *next_path(struct cu_stage *s, size_t *len)
{
    const char *at = s->text + s->text_at;

    if (s->text_at >= s->manifest->size)
        return NULL;
    if (s->text_at == 0)
        s->nul = memchr(at, '\0', s->manifest->size) != NULL;
    *len = s->nul ? strlen(at) : strcspn(at, "\n");
    s->text_at += *len + 1;
    if (s->nul)
        return at;
    if (*len > 0 && at[*len - 1] == '\r')
        --*len;
    if (at[0] == '#')
        *len = 0;
    return at;
}

/* False: the text is over. */
static bool take_path(struct cu_stage *s)
{
    size_t text_len, dir_len;
    const char *line = next_path(s, &text_len), *dir = s->manifest->path;
    struct cu_stage_item *item;

    if (!line || text_len == 0)
        return line;
    dir_len = line[0] == '/' ? 0 : cu_path_parent_len(dir, s->manifest->path_len);
    item = cu_stage_item_new("/", 1);
    if (item)
        item->rest = malloc(dir_len + 1 + text_len + 1);
    if (!item || !item->rest) {
        cu_stage_fail(s, line, text_len, ENOMEM);
        cu_stage_item_free(item);
        return true;
    }
    item->given = true;
    memcpy(item->rest, dir, dir_len);
    item->rest[dir_len] = '/';
    memcpy(item->rest + dir_len + 1, line, text_len);
    item->rest[dir_len + 1 + text_len] = '\0';
    follow(s, item);
    return true;
}

static bool read_manifest(struct cu_stage *s)
{
    struct cu_stage_item *item = s->manifest;

    if (!item->error && item->done < item->size) {
        if (item->chunk * s->config.chunk_bytes >= item->size)
            return false; /* the rest is under way */
        ask_text(s);
        return true;
    }
    if (item->open > 0)
        return false;
    if (item->error || s->full || !take_path(s))
        end_manifest(s, item->error);
    return true;
}

bool cu_stage_given(struct cu_stage *s)
{
    if (s->walks >= CU_STAGE_WALKS || s->files.bytes >= CU_STAGE_QUEUE_MAX)
        return false;
    if (s->given.first) {
        ask(s, cu_stage_pop(&s->given)); /* "/", which is looked at first, too */
        return true;
    }
    return s->text && read_manifest(s);
}
