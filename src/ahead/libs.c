/* SPDX-License-Identifier: BSD-3-Clause */
/* See libs.h. Tables of fixed size; one that is full forgets the oldest. */
#include "ahead/libs.h"

#include "ahead/elfneeds.h"
#include "ahead/internal.h"
#include "base/hash.h"
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SEARCHES 256u
#define FILES    64u   /* whose bytes are not all here that tell what they need */
#define LOOKED   1024u /* names that were looked for */
#define DIRS     4u
#define PLACES   1024u /* bytes of text: where a library may be */
#define HOPS     8u

/* A library that is looked for. */
struct search {
    uint64_t hash;            /* of the place where storage was asked; 0: unused */
    size_t at;                /* of this place in places */
    uint8_t hops;             /* links followed */
    char places[CU_PATH_MAX]; /* paths, each with a NUL; "": the end */
};

struct file {
    char *path; /* owned; NULL: unused */
    size_t path_len;
    struct cu_version version;
};

struct cu_libs {
    struct cu_libs_ports ports;
    uint32_t chunk_bytes;
    struct search *searches[SEARCHES]; /* owned; NULL: unused */
    uint32_t next_search;
    struct file files[FILES];
    uint32_t next_file;
    uint64_t looked[LOOKED]; /* hashes of names */
    char *dirs[DIRS];        /* owned; the latest is first; NULL: unused */
    struct cu_elfneeds needs;
};

struct cu_libs *cu_libs_create(const struct cu_libs_ports *ports, uint32_t chunk_bytes)
{
    struct cu_libs *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->ports = *ports;
    l->chunk_bytes = chunk_bytes;
    return l;
}

void cu_libs_destroy(struct cu_libs *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < SEARCHES; i++)
        free(l->searches[i]);
    for (size_t i = 0; i < FILES; i++)
        free(l->files[i].path);
    for (size_t i = 0; i < DIRS; i++)
        free(l->dirs[i]);
    free(l);
}

/* --- where libraries are -----------------------------------------------------------------------
 */

static void note_dir(struct cu_libs *l, const char *path, size_t path_len)
{
    size_t len = cu_path_parent_len(path, path_len), i = 0;
    char *dir;

    while (i < DIRS - 1 && l->dirs[i] &&
           (strlen(l->dirs[i]) != len || memcmp(l->dirs[i], path, len) != 0))
        i++;
    if (l->dirs[i] && strlen(l->dirs[i]) == len && memcmp(l->dirs[i], path, len) == 0) {
        dir = l->dirs[i];
    } else {
        dir = strndup(path, len);
        if (!dir)
            return;
        free(l->dirs[i]);
    }
    memmove(&l->dirs[1], &l->dirs[0], i * sizeof(l->dirs[0]));
    l->dirs[0] = dir;
}

/* Appends DIR/name to the places, unless it is there or finds no room. */
static void add_place(struct search *s, size_t *used, const char *dir, size_t dir_len,
                      const char *name)
{
    char path[CU_PATH_MAX];
    int len = cu_path_join(dir, dir_len, name, strlen(name), path, sizeof(path));

    if (len < 0 || *used + (size_t)len + 2 > PLACES)
        return;
    for (const char *p = s->places; *p; p += strlen(p) + 1)
        if (strcmp(p, path) == 0)
            return;
    memcpy(s->places + *used, path, (size_t)len + 1);
    *used += (size_t)len + 1;
    s->places[*used] = '\0';
}

/* Those directories of a run path that are named from $ORIGIN, the directory of the file itself.
 * Others may be out of the view. */
static void add_runpath(struct search *s, size_t *used, const char *runpath, const char *origin,
                        size_t origin_len, const char *name)
{
    static const char *const words[] = {"$ORIGIN", "${ORIGIN}"};
    char text[CU_PATH_MAX], dir[CU_PATH_MAX];

    for (size_t len; *runpath; runpath += len + (runpath[len] == ':')) {
        size_t skip = 0;
        int n;

        len = strcspn(runpath, ":");
        for (size_t i = 0; i < 2; i++)
            if (strncmp(runpath, words[i], strlen(words[i])) == 0)
                skip = strlen(words[i]);
        if (skip == 0 || skip > len || origin_len + len - skip >= sizeof(text) ||
            memchr(runpath + skip, '$', len - skip))
            continue;
        n = snprintf(text, sizeof(text), "%.*s%.*s", (int)origin_len, origin, (int)(len - skip),
                     runpath + skip);
        if (n > 0)
            n = cu_path_normalise(text, dir);
        if (n > 0)
            add_place(s, used, dir, (size_t)n, name);
    }
}

/* --- searches ----------------------------------------------------------------------------------
 */

static void end(struct cu_libs *l, size_t slot)
{
    free(l->searches[slot]);
    l->searches[slot] = NULL;
}

static void read_chunks(struct cu_libs *l, const char *path, const struct cu_attr *attr,
                        uint64_t from, uint64_t to)
{
    struct cu_ahead_want want = {.kind = CU_KIND_DATA,
                                 .path = path,
                                 .path_len = strlen(path),
                                 .version = cu_version_of(attr)};

    for (want.chunk = from / l->chunk_bytes; want.chunk * l->chunk_bytes < to; want.chunk++)
        l->ports.read(l->ports.context, &want);
}

static void found(struct cu_libs *l, const char *path, const struct cu_value *value)
{
    struct cu_attr attr = value->attr;

    note_dir(l, path, strlen(path));
    if (value->content || attr.size == 0)
        return;
    if (attr.size <= CU_LIBRARY_WHOLE) {
        read_chunks(l, path, &attr, 0, attr.size);
    } else {
        read_chunks(l, path, &attr, 0, CU_LIBRARY_HEAD);
        read_chunks(l, path, &attr, attr.size - CU_LIBRARY_TAIL, attr.size);
    }
}

/* The search goes on at the link's target. False: it leads nowhere, or from the top: then it may
 * lead a process out of the view, and past this node. */
static bool follow(struct search *s, const struct cu_buf *target)
{
    const char *path = s->places + s->at;
    char text[CU_PATH_MAX], next[CU_PATH_MAX];
    int len;

    if (!target || target->size == 0 || target->size >= PLACES || target->data[0] == '/' ||
        cu_target_error(target) || ++s->hops > HOPS)
        return false;
    len = snprintf(text, sizeof(text), "%.*s/%.*s", (int)cu_path_parent_len(path, strlen(path)),
                   path, (int)target->size, (const char *)target->data);
    if (len < 0 || (size_t)len >= sizeof(text))
        return false;
    len = cu_path_normalise(text, next);
    if (len < 0 || (size_t)len + 2 > sizeof(s->places))
        return false;
    memcpy(s->places, next, (size_t)len + 1);
    s->places[len + 1] = '\0';
    s->at = 0;
    return true;
}

static bool is_absent(const struct cu_libs *l, const char *path)
{
    size_t len = strlen(path), dir_len = cu_path_parent_len(path, len);
    struct cu_ahead_name name = {.path = path, .path_len = len, .dir_len = dir_len};

    name.name = path + dir_len + (dir_len > 1);
    name.name_len = strlen(name.name);
    return l->ports.absent(l->ports.context, &name);
}

/* What is at the present place. True: the search goes on at the next one. */
static bool arrived(struct cu_libs *l, struct search *s, const struct cu_value *value)
{
    if (value->error) {
        s->at += strlen(s->places + s->at) + 1;
        return true;
    }
    if (S_ISLNK(value->attr.mode))
        return follow(s, value->bytes);
    if (S_ISREG(value->attr.mode))
        found(l, s->places + s->at, value);
    return false;
}

/* Looks at one place after the other, until storage has to be asked. */
static void go_on(struct cu_libs *l, size_t slot)
{
    struct search *s = l->searches[slot];

    while (s->places[s->at]) {
        const char *path = s->places + s->at;
        struct cu_ahead_want want = {
            .kind = CU_KIND_ATTR, .path = path, .path_len = strlen(path), .content = true};
        const struct cu_value *value;

        if (is_absent(l, path)) {
            s->at += want.path_len + 1;
            continue;
        }
        value = l->ports.held(l->ports.context, &want);
        if (!value) {
            s->hash = cu_hash_bytes(path, want.path_len) | 1;
            l->ports.read(l->ports.context, &want);
            return;
        }
        if (!arrived(l, s, value))
            break;
    }
    end(l, slot);
}

static bool is_news(struct cu_libs *l, const char *name)
{
    uint64_t hash = cu_hash_bytes(name, strlen(name)) | 1;
    uint64_t *slot = &l->looked[(hash >> 8) % LOOKED];

    if (*slot == hash)
        return false;
    *slot = hash;
    return true;
}

void cu_libs_needs(struct cu_libs *l, const char *path, size_t path_len, const char *runpath,
                   const char *name)
{
    size_t dir_len = cu_path_parent_len(path, path_len), used = 0;
    size_t slot = l->next_search % SEARCHES;
    struct search *s;

    if (!l->ports.room(l->ports.context) || !is_news(l, name))
        return;
    s = calloc(1, sizeof(*s));
    if (!s)
        return;
    add_runpath(s, &used, runpath, path, dir_len, name);
    add_place(s, &used, path, dir_len, name);
    for (size_t i = 0; i < DIRS && l->dirs[i]; i++)
        add_place(s, &used, l->dirs[i], strlen(l->dirs[i]), name);
    end(l, slot);
    l->searches[slot] = s;
    l->next_search++;
    go_on(l, slot);
}

void cu_libs_named(struct cu_libs *l, const char *path, size_t path_len,
                   const struct cu_value *value)
{
    uint64_t hash = cu_hash_bytes(path, path_len) | 1;

    for (size_t i = 0; i < SEARCHES; i++) {
        struct search *s = l->searches[i];

        if (!s || s->hash != hash || strlen(s->places + s->at) != path_len ||
            memcmp(s->places + s->at, path, path_len) != 0)
            continue;
        s->hash = 0;
        if (arrived(l, s, value))
            go_on(l, i);
        else
            end(l, i);
    }
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* The file that is looked at, and the chunk that has just come. */
struct source {
    struct cu_libs *libs;
    struct cu_ahead_want what;
    const struct cu_buf *bytes;
};

static const struct cu_buf *chunk_of(const struct source *s, uint64_t chunk)
{
    const struct cu_libs_ports *ports = &s->libs->ports;
    struct cu_ahead_want want = s->what;
    const struct cu_value *value;

    if (chunk == s->what.chunk)
        return s->bytes;
    want.chunk = chunk;
    value = ports->held(ports->context, &want);
    if (!value)
        ports->read(ports->context, &want);
    return value && !value->error ? value->bytes : NULL;
}

static bool get(void *context, uint64_t offset, void *out, size_t len)
{
    const struct source *s = context;
    uint32_t chunk_bytes = s->libs->chunk_bytes;
    unsigned char *to = out;

    while (len > 0) {
        const struct cu_buf *bytes = chunk_of(s, offset / chunk_bytes);
        size_t at = (size_t)(offset % chunk_bytes), part;

        if (!bytes || at >= bytes->size)
            return false;
        part = bytes->size - at < len ? bytes->size - at : len;
        memcpy(to, bytes->data + at, part);
        to += part;
        offset += part;
        len -= part;
    }
    return true;
}

static struct file *file_of(struct cu_libs *l, const struct cu_ahead_want *what, bool is_elf)
{
    struct file *f;

    for (size_t i = 0; i < FILES; i++) {
        f = &l->files[i];
        if (f->path && f->path_len == what->path_len &&
            memcmp(f->path, what->path, f->path_len) == 0 &&
            cu_version_equal(&f->version, &what->version))
            return f;
    }
    if (!is_elf)
        return NULL;
    f = &l->files[l->next_file++ % FILES];
    free(f->path);
    f->path = strndup(what->path, what->path_len);
    f->path_len = what->path_len;
    f->version = what->version;
    return f->path ? f : NULL;
}

void cu_libs_bytes(struct cu_libs *l, const struct cu_ahead_want *what, const struct cu_buf *bytes)
{
    struct source source = {.libs = l, .what = *what, .bytes = bytes};
    struct cu_elfneeds_file elf = {.context = &source, .size = what->version.size, .get = get};
    bool is_elf = what->chunk == 0 && cu_elfneeds_is_elf(bytes->data, bytes->size);
    struct file *f = file_of(l, what, is_elf);

    if (!f || !cu_elfneeds(&elf, &l->needs))
        return;
    free(f->path);
    f->path = NULL;
    for (uint32_t i = 0; i < l->needs.count; i++)
        cu_libs_needs(l, what->path, what->path_len, l->needs.runpath, l->needs.names[i]);
}
