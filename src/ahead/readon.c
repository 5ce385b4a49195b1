/* SPDX-License-Identifier: BSD-3-Clause */
/* See readon.h. Tables of fixed size: one that is full forgets something, which costs a needless
 * look at a listing, or leaves a package to those who ask for its files. */
#include "ahead/readon.h"

#include "ahead/elfneeds.h"
#include "ahead/habit.h"
#include "ahead/libs.h"
#include "base/hash.h"
#include "base/path.h"
#include "proto/dir.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX     64u /* of one kind, in a package */
#define LISTING_MAX   (UINT32_C(64) << 10)
#define MEDIUM_MAX    (UINT64_C(1) << 20)
#define REQUESTS_MAX  256u
#define REQUEST_BYTES (UINT64_C(16) << 10) /* what one counts for while it is under way */
#define UNUSED_FREE   (UINT64_C(16) << 20)
#define UNUSED_SHARE  8u /* of the bytes that were used, a fraction */
#define CACHE_SHARE   8u /* of the cache, a fraction */
#define KNOWN         1024u
#define PENDING       16u
#define FEW           2u /* files of a directory that is no package by a habit, until it is one */

/* A package whose listing is on its way. */
struct pending {
    char *dir; /* owned; NULL: unused */
    size_t dir_len;
    char sub[CU_HABIT_PART_MAX + 1];  /* "": the files are in dir itself */
    char kind[CU_HABIT_PART_MAX + 1]; /* of the files that are read */
    char lead[CU_HABIT_PART_MAX + 1]; /* with sub: of those in dir */
};

struct cu_readon {
    struct cu_readon_config config;
    struct cu_libs *libs; /* owned */
    struct cu_habit habit;
    struct {
        uint64_t key; /* of a directory and a kind; 0: unused */
        uint32_t files;
        bool over; /* it was read on */
    } known[KNOWN];
    struct pending pending[PENDING];
    uint32_t pending_next;
};

static bool has_room(const struct cu_readon *r)
{
    struct cu_readon_load load = r->config.load(r->config.context);
    uint64_t most = UNUSED_FREE + load.used_bytes / UNUSED_SHARE;
    uint64_t share = r->config.cache_bytes / CACHE_SHARE;

    return load.requests < REQUESTS_MAX &&
           load.unused_bytes + load.bytes + load.requests * REQUEST_BYTES <
               (most < share ? most : share);
}

/* --- ports of libs.h ---------------------------------------------------------------------------
 */

static bool on_room(void *context)
{
    return has_room(context);
}

static void on_read(void *context, const struct cu_ahead_want *want)
{
    const struct cu_readon *r = context;

    if (has_room(r))
        r->config.read(r->config.context, want);
}

static const struct cu_value *on_held(void *context, const struct cu_ahead_want *want)
{
    const struct cu_readon *r = context;

    return r->config.held(r->config.context, want);
}

static bool on_absent(void *context, const struct cu_ahead_name *name)
{
    const struct cu_readon *r = context;

    return r->config.absent(r->config.context, name);
}

struct cu_readon *cu_readon_create(const struct cu_readon_config *config)
{
    struct cu_readon *r = calloc(1, sizeof(*r));
    struct cu_libs_ports ports = {
        .context = r, .room = on_room, .read = on_read, .held = on_held, .absent = on_absent};

    if (!r)
        return NULL;
    r->config = *config;
    r->libs = cu_libs_create(&ports, config->chunk_bytes);
    if (r->libs)
        return r;
    free(r);
    return NULL;
}

void cu_readon_destroy(struct cu_readon *r)
{
    for (size_t i = 0; r && i < PENDING; i++)
        free(r->pending[i].dir);
    if (r)
        cu_libs_destroy(r->libs);
    free(r);
}

static void read_name(struct cu_readon *r, const char *dir, size_t dir_len, const char *name,
                      size_t name_len, bool content)
{
    char path[CU_TREE_PATH_MAX];
    int len = cu_path_join(dir, dir_len, name, name_len, path, sizeof(path));

    if (len > 0 && has_room(r))
        r->config.read(r->config.context, &(struct cu_ahead_want){.kind = CU_KIND_ATTR,
                                                                  .path = path,
                                                                  .path_len = (size_t)len,
                                                                  .content = content});
}

/* --- packages ----------------------------------------------------------------------------------
 */

/* Is the entry a file whose name is a stem and this kind? */
static bool is_of_kind(const struct cu_dirent *e, const char *kind, size_t *stem_len)
{
    size_t len = strlen(kind);

    if (e->type != DT_REG || e->name_len <= len ||
        memcmp(e->name + e->name_len - len, kind, len) != 0)
        return false;
    *stem_len = e->name_len - len;
    return !memchr(e->name + 1, '.', *stem_len - 1);
}

static void read_file(struct cu_readon *r, const struct pending *p, const struct cu_dirent *e,
                      size_t stem_len)
{
    char sub[CU_HABIT_PART_MAX + 1 + CU_NAME_MAX + CU_HABIT_PART_MAX + 1];
    size_t sub_len = strlen(p->sub), kind_len = strlen(p->kind), at = sub_len + 1;

    if (sub_len == 0) {
        read_name(r, p->dir, p->dir_len, e->name, e->name_len, true);
        return;
    }
    if (stem_len > CU_NAME_MAX)
        return;
    memcpy(sub, p->sub, sub_len);
    sub[sub_len] = '/';
    memcpy(sub + at, e->name, stem_len);
    memcpy(sub + at + stem_len, p->kind, kind_len);
    read_name(r, p->dir, p->dir_len, e->name, e->name_len, false);
    read_name(r, p->dir, p->dir_len, sub, at + stem_len + kind_len, true);
}

static void read_package(struct cu_readon *r, const struct pending *p, const struct cu_value *value)
{
    const char *kind = p->sub[0] ? p->lead : p->kind;
    struct cu_dir_index index;
    struct cu_buf *bytes; /* of what is held: kept while other objects are asked for */
    uint32_t files = 0;
    size_t stem_len;

    if (value->error || !value->bytes || value->bytes->size > LISTING_MAX ||
        cu_dir_index_build(&index, value->bytes) < 0)
        return;
    bytes = cu_buf_ref(value->bytes);
    for (uint32_t i = 0; i < index.count; i++) {
        struct cu_dirent e = cu_dir_index_entry(&index, i);

        files += is_of_kind(&e, kind, &stem_len);
    }
    for (uint32_t i = 0; files <= FILES_MAX && i < index.count; i++) {
        struct cu_dirent e = cu_dir_index_entry(&index, i);

        if (is_of_kind(&e, kind, &stem_len))
            read_file(r, p, &e, stem_len);
    }
    cu_dir_index_free(&index);
    cu_buf_unref(bytes);
}

static void read_listing(struct cu_readon *r, const struct pending *p)
{
    struct pending *slot = &r->pending[r->pending_next++ % PENDING];

    free(slot->dir);
    *slot = *p;
    slot->dir = strndup(p->dir, p->dir_len);
    if (slot->dir)
        r->config.read(r->config.context, &(struct cu_ahead_want){.kind = CU_KIND_DIR,
                                                                  .path = slot->dir,
                                                                  .path_len = slot->dir_len});
}

/* Was a file of this kind in this directory read often enough, for the first time? */
static bool is_news(struct cu_readon *r, const char *dir, size_t dir_len, const char *kind,
                    uint32_t few)
{
    uint64_t key = (cu_hash_bytes(dir, dir_len) * 31 + cu_hash_bytes(kind, strlen(kind))) | 1;
    size_t at = (key >> 8) % KNOWN;

    if (r->known[at].key != key) {
        r->known[at].key = key;
        r->known[at].files = 0;
        r->known[at].over = false;
    }
    if (r->known[at].over || ++r->known[at].files < few || !has_room(r))
        return false;
    r->known[at].over = true;
    return true;
}

/* A path and its parts. */
struct split {
    const char *path;
    size_t dir_len;
    const char *name;                /* ends with a NUL */
    const char *kind;                /* in name, from its first dot on */
    char sub[CU_HABIT_PART_MAX + 1]; /* name of the directory; "": it is too long, or "/" */
    size_t above_len;                /* of the directory's directory */
    char text[CU_NAME_MAX + 1];      /* name */
};

static bool split(struct split *s, const char *path, size_t path_len)
{
    size_t name_len, sub_at;

    s->path = path;
    s->dir_len = cu_path_parent_len(path, path_len);
    s->above_len = cu_path_parent_len(path, s->dir_len);
    name_len = path_len - s->dir_len - (s->dir_len > 1);
    if (name_len < 2 || name_len > CU_NAME_MAX)
        return false;
    memcpy(s->text, path + path_len - name_len, name_len);
    s->text[name_len] = '\0';
    s->name = s->text;
    s->kind = strchr(s->text + 1, '.');
    sub_at = s->above_len + (s->above_len > 1);
    s->sub[0] = '\0';
    if (s->dir_len > sub_at && s->dir_len - sub_at <= CU_HABIT_PART_MAX) {
        memcpy(s->sub, path + sub_at, s->dir_len - sub_at);
        s->sub[s->dir_len - sub_at] = '\0';
    }
    return s->kind && strlen(s->kind) <= CU_HABIT_PART_MAX;
}

/* out has room for CU_HABIT_PART_MAX bytes, which text does not exceed. */
static void copy(char *out, const char *text)
{
    memcpy(out, text, strlen(text) + 1);
}

/* Somebody reads this file, which has these bytes. */
static void file_read(struct cu_readon *r, const struct split *s, const struct cu_buf *bytes)
{
    const char *lead = s->sub[0] ? cu_habit_leader(&r->habit, s->sub, s->kind) : NULL;
    struct pending p = {.dir_len = lead ? s->above_len : s->dir_len};
    const struct cu_value *value;

    if (cu_elfneeds_is_elf(bytes->data, bytes->size))
        return; /* which libraries a program loads, their names do not tell */
    if (!is_news(r, s->path, s->dir_len, s->kind, lead ? 1 : FEW))
        return;
    copy(p.kind, s->kind);
    if (lead) {
        copy(p.lead, lead);
        copy(p.sub, s->sub);
    }
    p.dir = (char *)(uintptr_t)s->path; /* not freed here */
    value = r->config.held(
        r->config.context,
        &(struct cu_ahead_want){.kind = CU_KIND_DIR, .path = s->path, .path_len = p.dir_len});
    if (value)
        read_package(r, &p, value);
    else
        read_listing(r, &p);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void read_chunks(struct cu_readon *r, const struct cu_ahead_want *what,
                        const struct cu_attr *attr)
{
    struct cu_ahead_want want = {.kind = CU_KIND_DATA,
                                 .path = what->path,
                                 .path_len = what->path_len,
                                 .version = cu_version_of(attr)};

    for (; want.chunk * r->config.chunk_bytes < attr->size && has_room(r); want.chunk++)
        r->config.read(r->config.context, &want);
}

static void attr_stored(struct cu_readon *r, const struct cu_ahead_want *what,
                        const struct cu_value *value)
{
    struct cu_ahead_want whole = {
        .kind = CU_KIND_DATA, .path = what->path, .path_len = what->path_len};
    struct split s;

    if (!S_ISREG(value->attr.mode) || !split(&s, what->path, what->path_len))
        return;
    cu_habit_lookup(&r->habit, cu_hash_bytes(s.path, s.dir_len) | 1,
                    s.dir_len > 1 ? cu_hash_bytes(s.path, s.above_len) | 1 : 0, s.sub, s.name);
    if (!what->content)
        return;
    if (value->attr.size > r->config.inline_bytes && value->attr.size <= MEDIUM_MAX)
        read_chunks(r, what, &value->attr);
    if (value->content) {
        whole.version = cu_version_of(&value->attr);
        cu_libs_bytes(r->libs, &whole, value->content);
        file_read(r, &s, value->content);
    }
}

static void dir_stored(struct cu_readon *r, const struct cu_ahead_want *what,
                       const struct cu_value *value)
{
    for (size_t i = 0; i < PENDING; i++) {
        struct pending p = r->pending[i];

        if (!p.dir || p.dir_len != what->path_len || memcmp(p.dir, what->path, p.dir_len) != 0)
            continue;
        r->pending[i].dir = NULL;
        read_package(r, &p, value);
        free(p.dir);
    }
}

void cu_readon_stored(struct cu_readon *r, const struct cu_ahead_want *what,
                      const struct cu_value *value)
{
    struct split s;

    if (what->kind == CU_KIND_ATTR)
        cu_libs_named(r->libs, what->path, what->path_len, value);
    if (value->error)
        return;
    if (what->kind == CU_KIND_DATA && value->bytes)
        cu_libs_bytes(r->libs, what, value->bytes);
    if (what->kind == CU_KIND_ATTR)
        attr_stored(r, what, value);
    else if (what->kind == CU_KIND_DIR)
        dir_stored(r, what, value);
    else if (what->kind == CU_KIND_DATA && what->chunk == 0 && value->bytes &&
             value->bytes->size == what->version.size && split(&s, what->path, what->path_len))
        file_read(r, &s, value->bytes);
}

void cu_readon_needs(struct cu_readon *r, const char *path, size_t path_len, const char *name)
{
    cu_libs_needs(r->libs, path, path_len, "", name);
}
