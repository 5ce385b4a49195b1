/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariants: the entries are in the order of first use and have different paths; the parts of an
 * entry are sorted, and none touches the next. Both hold for a decoded recipe, too: it is built by
 * the same functions. */
#include "proto/recipe.h"

#include "base/grow.h"
#include "base/hash.h"
#include "base/path.h"
#include "base/table.h"
#include "proto/varint.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       "CURECIPE"
#define MAGIC_BYTES 8u
#define FORMAT      1u
#define HEAD_BYTES  (MAGIC_BYTES + 8u)
#define TAIL_BYTES  8u
#define WHAT_ALL    (CU_RECIPE_ATTR | CU_RECIPE_CONTENT | CU_RECIPE_LISTING)
#define CHUNK_END   ((uint64_t)INT64_MAX / CU_RECIPE_CHUNK + 1)
#define WHAT_BITS   4u

struct entry {
    struct cu_table_link link;
    uint64_t hash;
    uint64_t size;
    struct cu_recipe_part *parts; /* owned */
    size_t part_capacity;
    uint32_t part_count;
    uint32_t number;
    uint8_t what;
    uint8_t unused;
    uint16_t path_len;
    char path[];
};

struct cu_recipe {
    uint32_t refs;
    struct cu_table table;
    struct entry **entries; /* owned */
    size_t count, capacity;
};

static uint64_t hash_of(const struct cu_table_link *link)
{
    return ((const struct entry *)link)->hash;
}

struct cu_recipe *cu_recipe_new(void)
{
    struct cu_recipe *recipe = calloc(1, sizeof(*recipe));

    if (recipe && cu_table_init(&recipe->table, hash_of) < 0) {
        free(recipe);
        return NULL;
    }
    if (recipe)
        recipe->refs = 1;
    return recipe;
}

struct cu_recipe *cu_recipe_ref(struct cu_recipe *recipe)
{
    recipe->refs++;
    return recipe;
}

void cu_recipe_free(struct cu_recipe *recipe)
{
    if (!recipe || --recipe->refs > 0)
        return;
    for (size_t i = 0; i < recipe->count; i++) {
        free(recipe->entries[i]->parts);
        free(recipe->entries[i]);
    }
    free(recipe->entries);
    cu_table_free(&recipe->table);
    free(recipe);
}

uint32_t cu_recipe_count(const struct cu_recipe *recipe)
{
    return (uint32_t)recipe->count;
}

struct cu_recipe_entry cu_recipe_get(const struct cu_recipe *recipe, uint32_t i)
{
    const struct entry *e = recipe->entries[i];

    assert(i < recipe->count);
    return (struct cu_recipe_entry){
        .path = e->path,
        .path_len = e->path_len,
        .what = e->what,
        .unused = e->unused,
        .size = e->size,
        .part_count = e->part_count,
        .parts = e->parts,
    };
}

static struct entry *find(const struct cu_recipe *recipe, const char *path, size_t path_len,
                          uint64_t hash)
{
    struct cu_table_link *link = cu_table_chain(&recipe->table, hash);

    for (; link; link = link->next) {
        struct entry *e = (struct entry *)link;

        if (e->hash == hash && e->path_len == path_len && memcmp(e->path, path, path_len) == 0)
            return e;
    }
    return NULL;
}

int cu_recipe_find(const struct cu_recipe *recipe, const char *path, size_t path_len, uint32_t *i)
{
    const struct entry *e = find(recipe, path, path_len, cu_hash_bytes(path, path_len));

    if (!e)
        return -ENOENT;
    *i = e->number;
    return 0;
}

/* Finds or adds the entry. */
static int get(struct cu_recipe *recipe, const char *path, size_t path_len, struct entry **out)
{
    uint64_t hash = cu_hash_bytes(path, path_len);
    struct entry *e = find(recipe, path, path_len, hash);
    struct entry **entries;

    assert(recipe->refs == 1);
    *out = e;
    if (e)
        return 0;
    if (!cu_path_is_normal(path, path_len))
        return -EINVAL;
    if (recipe->count == CU_RECIPE_ENTRIES_MAX)
        return -E2BIG;
    entries = cu_grow(recipe->entries, &recipe->capacity, recipe->count + 1, 64, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    recipe->entries = entries;
    e = calloc(1, sizeof(*e) + path_len);
    if (!e)
        return -ENOMEM;
    e->hash = hash;
    e->what = CU_RECIPE_ATTR;
    e->path_len = (uint16_t)path_len;
    memcpy(e->path, path, path_len);
    e->number = (uint32_t)recipe->count;
    entries[recipe->count++] = e;
    cu_table_add(&recipe->table, &e->link);
    *out = e;
    return 0;
}

int cu_recipe_note(struct cu_recipe *recipe, const char *path, size_t path_len, uint8_t what,
                   uint64_t size)
{
    struct entry *e;
    int rc;

    if (what & ~WHAT_ALL)
        return -EINVAL;
    rc = get(recipe, path, path_len, &e);
    if (rc < 0)
        return rc;
    e->what |= what;
    if (e->size < size)
        e->size = size;
    return 0;
}

/* --- parts ------------------------------------------------------------------------------------ */

static uint64_t end_of(struct cu_recipe_part part)
{
    return part.first + part.count;
}

/* Merges part into the parts from i on that it touches, which are there. */
static void unite(struct entry *e, uint32_t i, struct cu_recipe_part part)
{
    uint32_t past = i;
    uint64_t end = end_of(part);

    for (; past < e->part_count && e->parts[past].first <= end; past++) {
        if (part.first > e->parts[past].first)
            part.first = e->parts[past].first;
        if (end < end_of(e->parts[past]))
            end = end_of(e->parts[past]);
    }
    assert(past > i);
    e->parts[i] = (struct cu_recipe_part){part.first, end - part.first};
    memmove(e->parts + i + 1, e->parts + past, (e->part_count - past) * sizeof(*e->parts));
    e->part_count -= past - i - 1;
}

static int add_part(struct entry *e, struct cu_recipe_part part)
{
    struct cu_recipe_part *parts;
    uint32_t i = 0, past;

    while (i < e->part_count && end_of(e->parts[i]) < part.first)
        i++;
    if (i < e->part_count && e->parts[i].first <= end_of(part)) {
        unite(e, i, part);
        return 0;
    }
    if (e->part_count == CU_RECIPE_PARTS_MAX) { /* one of its neighbors covers the gap, too */
        past = i < e->part_count ? i : i - 1;
        if (part.first > e->parts[past].first) {
            part.count = end_of(part) - e->parts[past].first;
            part.first = e->parts[past].first;
        } else {
            part.count = e->parts[past].first - part.first;
        }
        unite(e, past, part);
        return 0;
    }
    parts = cu_grow(e->parts, &e->part_capacity, e->part_count + 1u, 1, sizeof(*parts));
    if (!parts)
        return -ENOMEM;
    e->parts = parts;
    memmove(parts + i + 1, parts + i, (e->part_count - i) * sizeof(*parts));
    parts[i] = part;
    e->part_count++;
    return 0;
}

int cu_recipe_note_part(struct cu_recipe *recipe, const char *path, size_t path_len, uint64_t size,
                        struct cu_recipe_part part)
{
    struct entry *e;
    int rc;

    if (part.count == 0 || part.first >= CHUNK_END || part.count > CHUNK_END - part.first)
        return -EINVAL;
    rc = get(recipe, path, path_len, &e);
    if (rc < 0)
        return rc;
    if (e->size < size)
        e->size = size;
    return add_part(e, part);
}

/* Adds an entry of another recipe. */
static int add_entry(struct cu_recipe *into, const struct entry *e)
{
    int rc = cu_recipe_note(into, e->path, e->path_len, e->what, e->size);

    for (uint32_t p = 0; rc == 0 && p < e->part_count; p++)
        rc = cu_recipe_note_part(into, e->path, e->path_len, e->size, e->parts[p]);
    return rc;
}

int cu_recipe_merge(struct cu_recipe *into, const struct cu_recipe *from)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < from->count; i++)
        rc = add_entry(into, from->entries[i]);
    return rc;
}

int cu_recipe_update(const struct cu_recipe *old, const struct cu_recipe *used,
                     struct cu_recipe **out)
{
    struct cu_recipe *recipe = cu_recipe_new();
    int rc = recipe ? cu_recipe_merge(recipe, used) : -ENOMEM;

    for (size_t i = 0; rc == 0 && old && i < old->count; i++) {
        const struct entry *e = old->entries[i];

        if (e->unused == CU_RECIPE_UNUSED_MAX || find(used, e->path, e->path_len, e->hash))
            continue;
        rc = add_entry(recipe, e);
        if (rc == 0)
            recipe->entries[recipe->count - 1]->unused = e->unused + 1;
    }
    if (rc == -E2BIG)
        rc = 0; /* without the rest of the old ones */
    if (rc < 0) {
        cu_recipe_free(recipe);
        recipe = NULL;
    }
    *out = recipe;
    return rc;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static size_t shared_with(const struct entry *e, const struct entry *before)
{
    size_t n = 0;

    while (before && n < e->path_len && n < before->path_len && e->path[n] == before->path[n])
        n++;
    return n;
}

static void put_entry(struct cu_writer *w, const struct entry *e, const struct entry *before)
{
    size_t shared = shared_with(e, before);
    uint64_t at = 0;

    cu_varint_put(w, shared);
    cu_varint_put(w, e->path_len - shared);
    cu_wire_put_bytes(w, e->path + shared, e->path_len - shared);
    cu_wire_put_u8(w, (uint8_t)(e->what | e->unused << WHAT_BITS));
    cu_varint_put(w, e->size);
    cu_varint_put(w, e->part_count);
    for (uint32_t i = 0; i < e->part_count; i++) {
        cu_varint_put(w, e->parts[i].first - at);
        cu_varint_put(w, e->parts[i].count - 1);
        at = end_of(e->parts[i]);
    }
}

/* What put_entry writes. */
static size_t entry_bytes(const struct entry *e, const struct entry *before)
{
    size_t shared = shared_with(e, before), added = e->path_len - shared;
    size_t n = cu_varint_bytes(shared) + cu_varint_bytes(added) + added + 1 +
               cu_varint_bytes(e->size) + cu_varint_bytes(e->part_count);
    uint64_t at = 0;

    for (uint32_t i = 0; i < e->part_count; i++) {
        n += cu_varint_bytes(e->parts[i].first - at) + cu_varint_bytes(e->parts[i].count - 1);
        at = end_of(e->parts[i]);
    }
    return n;
}

/* *bytes: of the recipe with these entries. */
static uint32_t fits(const struct cu_recipe *recipe, size_t *bytes)
{
    uint32_t i = 0;

    *bytes = HEAD_BYTES + TAIL_BYTES;
    for (; i < recipe->count; i++) {
        size_t more = entry_bytes(recipe->entries[i], i ? recipe->entries[i - 1] : NULL);

        if (more > CU_RECIPE_BYTES_MAX - *bytes)
            break;
        *bytes += more;
    }
    return i;
}

uint32_t cu_recipe_fits(const struct cu_recipe *recipe)
{
    size_t bytes;

    return fits(recipe, &bytes);
}

struct cu_buf *cu_recipe_encode(const struct cu_recipe *recipe)
{
    size_t bytes;
    uint32_t count = fits(recipe, &bytes);
    struct cu_buf *buf = cu_buf_new(bytes);
    struct cu_writer w;

    if (!buf)
        return NULL;
    cu_writer_init(&w, buf->data, bytes);
    cu_wire_put_bytes(&w, MAGIC, MAGIC_BYTES);
    cu_wire_put_u32(&w, FORMAT);
    cu_wire_put_u32(&w, count);
    for (uint32_t i = 0; i < count; i++)
        put_entry(&w, recipe->entries[i], i ? recipe->entries[i - 1] : NULL);
    cu_wire_put_u64(&w, cu_hash_bytes(buf->data, w.at));
    assert(!w.failed && w.at == bytes);
    buf->size = bytes;
    return buf;
}

/* path holds the path before, of *len bytes, and gets this one. */
static int get_entry(struct cu_reader *r, struct cu_recipe *recipe, char *path, size_t *len)
{
    uint64_t shared = cu_varint_get(r), added = cu_varint_get(r), at = 0, size, parts;
    const void *bytes;
    uint8_t what, unused;
    int rc;

    if (r->failed || shared > *len || added >= CU_TREE_PATH_MAX - shared)
        return -EBADMSG;
    bytes = cu_wire_get_bytes(r, (size_t)added);
    what = cu_wire_get_u8(r);
    unused = what >> WHAT_BITS;
    what &= (1u << WHAT_BITS) - 1;
    size = cu_varint_get(r);
    parts = cu_varint_get(r);
    if (r->failed || !(what & CU_RECIPE_ATTR) || unused > CU_RECIPE_UNUSED_MAX ||
        parts > CU_RECIPE_PARTS_MAX)
        return -EBADMSG;
    if (shared < *len && added > 0 && path[shared] == *(const char *)bytes)
        return -EBADMSG; /* it shares more */
    memcpy(path + shared, bytes, (size_t)added);
    *len = (size_t)(shared + added);
    rc = cu_recipe_note(recipe, path, *len, what, size);
    for (uint64_t i = 0; rc == 0 && i < parts; i++) {
        uint64_t gap = cu_varint_get(r), more = cu_varint_get(r);

        if (r->failed || gap > CHUNK_END || more > CHUNK_END || (i > 0 && gap == 0))
            return -EBADMSG;
        rc = cu_recipe_note_part(recipe, path, *len, size,
                                 (struct cu_recipe_part){at + gap, more + 1});
        at += gap + more + 1;
    }
    if (rc == 0)
        recipe->entries[recipe->count - 1]->unused = unused;
    return rc == 0 || rc == -ENOMEM ? rc : -EBADMSG;
}

static int get_entries(struct cu_reader *r, uint32_t count, struct cu_recipe *recipe)
{
    char path[CU_TREE_PATH_MAX];
    size_t len = 0;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = get_entry(r, recipe, path, &len);
    if (rc == 0 && (recipe->count != count || !cu_reader_done(r)))
        rc = -EBADMSG;
    return rc;
}

int cu_recipe_decode(const void *bytes, size_t size, struct cu_recipe **out)
{
    struct cu_recipe *recipe;
    struct cu_reader r, tail;
    const void *magic;
    uint32_t count, format;
    int rc;

    *out = NULL;
    if (size < HEAD_BYTES + TAIL_BYTES || size > CU_RECIPE_BYTES_MAX)
        return -EBADMSG;
    cu_reader_init(&r, bytes, size - TAIL_BYTES);
    cu_reader_init(&tail, (const char *)bytes + size - TAIL_BYTES, TAIL_BYTES);
    magic = cu_wire_get_bytes(&r, MAGIC_BYTES);
    format = cu_wire_get_u32(&r);
    count = cu_wire_get_u32(&r);
    if (memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
        return -EBADMSG;
    if (format != FORMAT)
        return -ENOTSUP;
    if (cu_wire_get_u64(&tail) != cu_hash_bytes(bytes, size - TAIL_BYTES) ||
        count > CU_RECIPE_ENTRIES_MAX)
        return -EBADMSG;
    recipe = cu_recipe_new();
    if (!recipe)
        return -ENOMEM;
    rc = get_entries(&r, count, recipe);
    if (rc == 0)
        *out = recipe;
    else
        cu_recipe_free(recipe);
    return rc;
}
