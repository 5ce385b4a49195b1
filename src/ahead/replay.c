/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks for what a recipe (proto/recipe.h) names, in its order: attributes, with a small file's
 * content; listings; and chunks of a file when its attributes have told its version. Every node
 * replays the same recipe, so a node's requests meet those of its children on their way, and each
 * object travels down the tree once.
 *
 * Invariant: requests and bytes under way stay within the window, and all bytes asked for within a
 * share of the cache, so that a recipe evicts nothing of its own; and within what is allowed, over
 * which the last request may go. */
#include "ahead/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define WINDOW_REQUESTS 512u
#define WINDOW_BYTES    (UINT64_C(32) << 20)
#define CACHE_SHARE     2u /* of the cache, a fraction */
#define REQUEST_BYTES   UINT64_C(1024)

enum stage { ATTR, LISTING, CHUNK, STAGES };

/* A file whose attributes have arrived, with chunks that were not asked for yet. */
struct file {
    struct file *next;
    uint32_t entry;
    uint32_t part;
    uint64_t chunk; /* in units of the configuration; below first: the part has not begun */
    uint64_t size;
    struct cu_version version;
};

static uint32_t tag_of(uint32_t entry, enum stage stage)
{
    return entry * STAGES + stage;
}

static bool has_room(const struct cu_replay *r)
{
    return r->total < r->allowed && r->requests < WINDOW_REQUESTS && r->bytes < WINDOW_BYTES;
}

/* False: it cannot be asked for. */
static bool fetch(struct cu_ahead *a, const struct cu_ahead_want *want, uint32_t tag,
                  uint64_t bytes)
{
    struct cu_replay *r = &a->replay;
    int rc;

    r->total += bytes + REQUEST_BYTES;
    r->done++; /* unless it is under way: then when it is answered */
    if (r->total > a->config.cache_bytes / CACHE_SHARE) {
        r->full = true;
        return false;
    }
    r->requests++;
    r->bytes += bytes;
    rc = a->config.ports.fetch(a->config.ports.context, want, tag);
    if (rc == 0) {
        r->done--;
        return true;
    }
    r->requests--;
    r->bytes -= bytes;
    return false;
}

/* What a request counts for until it is answered. */
static uint64_t bytes_of(const struct cu_ahead *a, const struct cu_recipe_entry *e,
                         enum stage stage)
{
    if (stage == CHUNK)
        return a->config.chunk_bytes;
    return stage == ATTR && (e->what & CU_RECIPE_CONTENT) ? e->size : 0;
}

/* Asks for the next chunk of the file. False: there is none. */
static bool next_chunk(struct cu_ahead *a, struct file *f)
{
    struct cu_recipe_entry e = cu_recipe_get(a->replay.recipe, f->entry);
    struct cu_ahead_want want = {
        .kind = CU_KIND_DATA, .path = e.path, .path_len = e.path_len, .version = f->version};
    uint32_t chunk_bytes = a->config.chunk_bytes;

    for (; f->part < e.part_count; f->part++) {
        uint64_t first = e.parts[f->part].first * CU_RECIPE_CHUNK / chunk_bytes;
        uint64_t end = (e.parts[f->part].first + e.parts[f->part].count) * CU_RECIPE_CHUNK;

        if (f->chunk < first)
            f->chunk = first;
        if (f->chunk * chunk_bytes >= end || f->chunk * chunk_bytes >= f->size)
            continue;
        want.chunk = f->chunk++;
        (void)fetch(a, &want, tag_of(f->entry, CHUNK), bytes_of(a, &e, CHUNK));
        return true;
    }
    return false;
}

static void next_entry(struct cu_ahead *a)
{
    struct cu_replay *r = &a->replay;
    uint32_t i = r->next++;
    struct cu_recipe_entry e = cu_recipe_get(r->recipe, i);
    struct cu_ahead_want want = {.kind = CU_KIND_ATTR,
                                 .path = e.path,
                                 .path_len = e.path_len,
                                 .content = (e.what & CU_RECIPE_CONTENT) != 0};

    (void)fetch(a, &want, tag_of(i, ATTR), bytes_of(a, &e, ATTR));
    if (!(e.what & CU_RECIPE_LISTING) || r->full)
        return;
    want.kind = CU_KIND_DIR;
    want.content = false;
    (void)fetch(a, &want, tag_of(i, LISTING), 0);
}

/* Asks for the next part of the recipe. False: all of it was asked for. */
static bool next(struct cu_ahead *a)
{
    struct cu_replay *r = &a->replay;
    struct file *f;

    while ((f = r->files)) {
        if (next_chunk(a, f))
            return true;
        r->files = f->next;
        free(f);
    }
    if (r->next == cu_recipe_count(r->recipe))
        return false;
    next_entry(a);
    return true;
}

static void go_on(struct cu_ahead *a)
{
    while (!a->replay.full && has_room(&a->replay) && next(a)) {
    }
}

/* The file's attributes have arrived: its chunks come next, after those of files before it. */
static void add_file(struct cu_ahead *a, uint32_t entry, const struct cu_attr *attr)
{
    struct file **at = &a->replay.files;
    struct file *f = calloc(1, sizeof(*f));

    if (!f)
        return; /* its chunks will be asked for by whoever needs them */
    f->entry = entry;
    f->size = attr->size;
    f->version = cu_version_of(attr);
    while (*at)
        at = &(*at)->next;
    *at = f;
}

/* Objects that the recipe names. */
static uint64_t plan(const struct cu_ahead *a, const struct cu_recipe *recipe)
{
    uint64_t count = 0, chunk_bytes = a->config.chunk_bytes;

    for (uint32_t i = 0; i < cu_recipe_count(recipe); i++) {
        struct cu_recipe_entry e = cu_recipe_get(recipe, i);

        count += 1 + ((e.what & CU_RECIPE_LISTING) != 0);
        for (uint32_t p = 0; p < e.part_count; p++)
            count += (e.parts[p].count * CU_RECIPE_CHUNK + chunk_bytes - 1) / chunk_bytes;
    }
    return count;
}

int cu_ahead_replay(struct cu_ahead *a, struct cu_recipe *recipe, uint64_t bytes)
{
    if (a->replay.recipe)
        return -EBUSY;
    assert(a->config.ports.fetch != NULL);
    a->replay = (struct cu_replay){.recipe = recipe, .allowed = bytes, .planned = plan(a, recipe)};
    go_on(a);
    return 0;
}

void cu_ahead_replay_allow(struct cu_ahead *a, uint64_t bytes, uint64_t most)
{
    struct cu_replay *r = &a->replay;

    if (!r->recipe || r->allowed == UINT64_MAX)
        return;
    r->allowed += bytes;
    if (r->allowed > r->total && r->allowed - r->total > most)
        r->allowed = r->total + most;
    go_on(a);
}

/* Files that are shorter now, and what finds no room, are known when it is over. */
struct cu_ahead_progress cu_ahead_progress(const struct cu_ahead *a)
{
    const struct cu_replay *r = &a->replay;
    uint64_t objects = cu_ahead_replayed(a) || r->planned < r->done ? r->done : r->planned;

    return (struct cu_ahead_progress){objects, r->done};
}

void cu_ahead_fetched(struct cu_ahead *a, uint32_t tag, const struct cu_value *value)
{
    struct cu_replay *r = &a->replay;
    uint32_t entry = tag / STAGES;
    struct cu_recipe_entry e;
    enum stage stage = (enum stage)(tag % STAGES);

    if (!r->recipe)
        return;
    e = cu_recipe_get(r->recipe, entry);
    assert(r->requests > 0 && r->bytes >= bytes_of(a, &e, stage));
    r->requests--;
    r->done++;
    r->bytes -= bytes_of(a, &e, stage);
    if (stage == ATTR && !value->error && S_ISREG(value->attr.mode) && e.part_count > 0 && !r->full)
        add_file(a, entry, &value->attr);
    go_on(a);
}

bool cu_ahead_replayed(const struct cu_ahead *a)
{
    const struct cu_replay *r = &a->replay;

    if (!r->recipe)
        return true;
    return r->requests == 0 && (r->full || (!r->files && r->next == cu_recipe_count(r->recipe)));
}

void cu_replay_free(struct cu_replay *r)
{
    struct file *f;

    while ((f = r->files)) {
        r->files = f->next;
        free(f);
    }
    cu_recipe_free(r->recipe);
    *r = (struct cu_replay){0};
}
