/* SPDX-License-Identifier: BSD-3-Clause */
/* A name that does not exist is recorded as the listing of its directory, which proves it, and
 * which proves the next one, too. Out of memory, or over the bound: the entry is left out. */
#include "copperd/recorder.h"

#include "base/path.h"
#include "host/log.h"

#include <errno.h>
#include <stdlib.h>

struct cu_recorder {
    struct cu_recipe *recipe; /* owned */
    struct cu_recipe *fresh;  /* owned; while lent: what comes meanwhile; else NULL */
    unsigned lent;
    uint64_t inline_bytes, max_bytes;
};

struct cu_recorder *cu_recorder_create(uint64_t inline_bytes, uint64_t max_bytes)
{
    struct cu_recorder *recorder = calloc(1, sizeof(*recorder));

    if (!recorder)
        return NULL;
    *recorder = (struct cu_recorder){
        .recipe = cu_recipe_new(), .inline_bytes = inline_bytes, .max_bytes = max_bytes};
    if (!recorder->recipe) {
        free(recorder);
        return NULL;
    }
    return recorder;
}

void cu_recorder_destroy(struct cu_recorder *recorder)
{
    if (!recorder)
        return;
    cu_recipe_free(recorder->recipe);
    cu_recipe_free(recorder->fresh);
    free(recorder);
}

const struct cu_recipe *cu_recorder_lend(struct cu_recorder *r)
{
    if (r->lent == 0 && !(r->fresh = cu_recipe_new()))
        return NULL;
    r->lent++;
    return r->recipe;
}

void cu_recorder_return(struct cu_recorder *r)
{
    struct cu_recipe *fresh = r->fresh;

    if (--r->lent > 0)
        return;
    r->fresh = NULL;
    if (cu_recipe_merge(r->recipe, fresh) < 0)
        cu_log_warn("what was recorded in the meantime is lost: out of memory");
    cu_recipe_free(fresh);
}

/* What is noted goes there; NULL: it is full. */
static struct cu_recipe *open_recipe(const struct cu_recorder *r)
{
    uint32_t count = cu_recipe_count(r->recipe);

    if (r->fresh)
        count += cu_recipe_count(r->fresh);
    if (count >= CU_RECORDER_PATHS)
        return NULL;
    return r->fresh ? r->fresh : r->recipe;
}

static void note(struct cu_recorder *r, const char *path, size_t path_len, uint8_t what,
                 uint64_t size)
{
    struct cu_recipe *recipe = open_recipe(r);

    if (recipe && cu_recipe_note(recipe, path, path_len, what, size) < 0)
        return; /* without it */
}

static void note_read(struct cu_recorder *r, const struct cu_front_asked *asked)
{
    struct cu_recipe_part part = {.first = asked->offset / CU_RECIPE_CHUNK};
    struct cu_recipe *recipe;

    if (asked->size > r->max_bytes)
        return;
    if (asked->size <= r->inline_bytes) {
        note(r, asked->path, asked->path_len, CU_RECIPE_CONTENT, asked->size);
        return;
    }
    part.count = (asked->offset + asked->bytes - 1) / CU_RECIPE_CHUNK + 1 - part.first;
    recipe = open_recipe(r);
    if (recipe && cu_recipe_note_part(recipe, asked->path, asked->path_len, asked->size, part) < 0)
        return; /* without it */
}

void cu_recorder_asked(struct cu_recorder *r, const struct cu_front_asked *asked)
{
    if (asked->op == CU_FRONT_ASKED_LOOKUP && asked->error == ENOENT) {
        note(r, asked->path, cu_path_parent_len(asked->path, asked->path_len), CU_RECIPE_LISTING,
             0);
        return;
    }
    if (asked->error != 0)
        return;
    switch (asked->op) {
    case CU_FRONT_ASKED_LOOKUP:
    case CU_FRONT_ASKED_OTHER:
        note(r, asked->path, asked->path_len, CU_RECIPE_ATTR, 0);
        break;
    case CU_FRONT_ASKED_LISTING:
        note(r, asked->path, asked->path_len, CU_RECIPE_LISTING, 0);
        break;
    case CU_FRONT_ASKED_READ:
        if (asked->bytes > 0)
            note_read(r, asked);
        break;
    }
}

void cu_recorder_given(struct cu_recorder *r, const char *path, size_t path_len)
{
    note(r, path, path_len, CU_RECIPE_ATTR, 0);
}
