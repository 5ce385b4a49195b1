/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of a stage and their answers. A request under way has a slot, whose number is its tag.
 * Names and content have slots of their own, so that neither waits for the other: the walk finds
 * out early how much there is, while the content of large files comes in. */
#include "ahead/stage_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cu_stage_item *cu_stage_item_new(const char *path, size_t path_len)
{
    struct cu_stage_item *item = calloc(1, sizeof(*item) + path_len + 1);

    if (!item)
        return NULL;
    item->path_len = (uint16_t)path_len;
    memcpy(item->path, path, path_len);
    return item;
}

void cu_stage_item_free(struct cu_stage_item *item)
{
    if (!item)
        return;
    cu_buf_unref(item->bytes);
    free(item->rest);
    free(item);
}

static size_t memory_of(const struct cu_stage_item *item)
{
    return sizeof(*item) + item->path_len + 1u;
}

void cu_stage_push(struct cu_stage_queue *queue, struct cu_stage_item *item)
{
    item->next = NULL;
    if (queue->last)
        queue->last->next = item;
    else
        queue->first = item;
    queue->last = item;
    queue->bytes += memory_of(item);
}

struct cu_stage_item *cu_stage_pop(struct cu_stage_queue *queue)
{
    struct cu_stage_item *item = queue->first;

    if (!item)
        return NULL;
    queue->first = item->next;
    if (!queue->first)
        queue->last = NULL;
    queue->bytes -= memory_of(item);
    return item;
}

void cu_stage_fail(struct cu_stage *s, const char *path, size_t path_len, int error)
{
    s->figures.errors++;
    if (s->error_path)
        return;
    s->error_path = malloc(path_len + 1);
    if (!s->error_path)
        return;
    memcpy(s->error_path, path, path_len);
    s->error_path[path_len] = '\0';
    s->figures.error = error;
}

/* --- slots ------------------------------------------------------------------------------------ */

bool cu_stage_ask(struct cu_stage *s, enum cu_stage_kind kind, struct cu_stage_item *item,
                  const struct cu_ahead_want *want, uint32_t bytes)
{
    uint32_t tag = s->free;
    struct cu_stage_slot *slot = &s->slots[tag];

    assert(tag < CU_STAGE_SLOTS && slot->kind == CU_STAGE_FREE);
    if (s->config.fetch(s->config.context, want, tag) < 0)
        return false;
    s->free = slot->next;
    *slot = (struct cu_stage_slot){
        .kind = kind, .bytes = bytes, .chunk = (uint32_t)want->chunk, .item = item};
    if (kind == CU_STAGE_CHUNK) {
        s->loads++;
        s->load_bytes += bytes;
    } else {
        s->walks++;
    }
    return true;
}

void cu_stage_answer(struct cu_stage *s, uint32_t tag, const struct cu_value *value)
{
    struct cu_stage_slot slot;

    if (tag >= CU_STAGE_SLOTS || s->slots[tag].kind == CU_STAGE_FREE)
        return;
    slot = s->slots[tag];
    s->slots[tag] = (struct cu_stage_slot){.kind = CU_STAGE_FREE, .next = s->free};
    s->free = tag;
    if (slot.kind == CU_STAGE_CHUNK) {
        s->loads--;
        s->load_bytes -= slot.bytes;
    } else {
        s->walks--;
    }
    switch (slot.kind) {
    case CU_STAGE_FREE:
        return;
    case CU_STAGE_RESOLVE:
        cu_stage_resolved(s, slot.item, value);
        return;
    case CU_STAGE_NAME:
        if (slot.item->given && s->config.manifest && !s->manifest)
            cu_stage_manifest(s, slot.item, value);
        else
            cu_stage_named(s, slot.item, value);
        return;
    case CU_STAGE_LISTING:
        cu_stage_listed(s, slot.item, value);
        return;
    case CU_STAGE_HOLES:
        cu_stage_holes(s, slot.item, value);
        return;
    case CU_STAGE_CHUNK:
        cu_stage_chunk(s, slot.item, slot.bytes, value);
        return;
    case CU_STAGE_MANIFEST:
        cu_stage_manifest_chunk(s, slot.chunk, value);
        return;
    }
}

/* --- the interface ---------------------------------------------------------------------------- */

struct cu_stage *cu_stage_create(const struct cu_stage_config *config, const char *path,
                                 size_t path_len)
{
    struct cu_stage *s = calloc(1, sizeof(*s));
    struct cu_stage_item *item = cu_stage_item_new("/", 1);

    if (item)
        item->rest = malloc(path_len + 1);
    if (!s || !item || !item->rest) {
        cu_stage_item_free(item);
        free(s);
        return NULL;
    }
    memcpy(item->rest, path, path_len);
    item->rest[path_len] = '\0';
    item->given = true;
    s->config = *config;
    for (uint32_t i = 0; i < CU_STAGE_SLOTS; i++)
        s->slots[i].next = i + 1;
    cu_stage_push(&s->given, item);
    return s;
}

static void queue_free(struct cu_stage_queue *queue)
{
    struct cu_stage_item *item;

    while ((item = cu_stage_pop(queue)))
        cu_stage_item_free(item);
}

/* A file is in the queue, or has requests for chunks under way, or both. */
static void files_free(struct cu_stage *s)
{
    for (uint32_t i = 0; i < CU_STAGE_SLOTS; i++) {
        struct cu_stage_item *item = s->slots[i].item;

        if (s->slots[i].kind == CU_STAGE_CHUNK && --item->open == 0 && !item->queued)
            cu_stage_item_free(item);
    }
    queue_free(&s->files);
}

void cu_stage_destroy(struct cu_stage *s)
{
    if (!s)
        return;
    files_free(s);
    for (uint32_t i = 0; i < CU_STAGE_SLOTS; i++) {
        enum cu_stage_kind kind = s->slots[i].kind;

        if (kind == CU_STAGE_RESOLVE || kind == CU_STAGE_NAME || kind == CU_STAGE_HOLES)
            cu_stage_item_free(s->slots[i].item);
    }
    queue_free(&s->given);
    queue_free(&s->dirs);
    cu_stage_item_free(s->manifest);
    cu_recipe_free(s->begun);
    free(s->text);
    free(s->error_path);
    free(s);
}

bool cu_stage_run(struct cu_stage *s, uint32_t steps, uint64_t *bytes)
{
    for (; steps > 0; steps--)
        if (!cu_stage_load(s, bytes) && !cu_stage_walk(s) && !cu_stage_given(s))
            return false;
    return true;
}

struct cu_stage_figures cu_stage_figures(const struct cu_stage *s)
{
    struct cu_stage_figures figures = s->figures;

    figures.error_path = s->error_path;
    figures.walked = s->walks == 0 && !s->given.first && !s->dirs.first && !s->text;
    figures.over = figures.walked && s->loads == 0 && !s->files.first;
    return figures;
}
