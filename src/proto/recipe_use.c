/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a recipe was used in a run. */
#include "proto/recipe.h"

/* Bytes of the chunks [first, end); the last one of a file is short. */
static uint64_t bytes_between(uint64_t size, uint64_t first, uint64_t end)
{
    uint64_t from = first * CU_RECIPE_CHUNK, to = end * CU_RECIPE_CHUNK;

    if (to > size)
        to = size;
    return to > from ? to - from : 0;
}

static uint64_t end_of(struct cu_recipe_part part)
{
    return part.first + part.count;
}

uint64_t cu_recipe_bytes(const struct cu_recipe_entry *e)
{
    uint64_t bytes = e->what & CU_RECIPE_CONTENT ? e->size : 0;

    for (uint32_t i = 0; i < e->part_count; i++)
        bytes += bytes_between(e->size, e->parts[i].first, end_of(e->parts[i]));
    return bytes;
}

/* Of these, those that are also in used. */
static uint64_t shared_bytes(const struct cu_recipe_entry *e, const struct cu_recipe_entry *used)
{
    uint64_t bytes = e->what & used->what & CU_RECIPE_CONTENT ? e->size : 0;
    uint32_t i = 0, u = 0;

    while (i < e->part_count && u < used->part_count) {
        const struct cu_recipe_part a = e->parts[i], b = used->parts[u];
        uint64_t first = a.first > b.first ? a.first : b.first;
        uint64_t end = end_of(a) < end_of(b) ? end_of(a) : end_of(b);

        bytes += end > first ? bytes_between(e->size, first, end) : 0;
        if (end_of(a) < end_of(b))
            i++;
        else
            u++;
    }
    return bytes;
}

struct cu_recipe_use cu_recipe_compare(const struct cu_recipe *recipe, const struct cu_recipe *used)
{
    struct cu_recipe_use use = {.entries = cu_recipe_count(recipe)};

    for (uint32_t i = 0; i < use.entries; i++) {
        struct cu_recipe_entry e = cu_recipe_get(recipe, i), u;
        uint32_t at;

        use.bytes += cu_recipe_bytes(&e);
        if (cu_recipe_find(used, e.path, e.path_len, &at) != 0)
            continue;
        u = cu_recipe_get(used, at);
        use.used_entries++;
        use.used_bytes += shared_bytes(&e, &u);
    }
    return use;
}
