/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's state, its budget, and the dispatch of found nodes to the rules.
 *
 * Invariant: nothing is asked for while the requests under way exceed the budget. The budget
 * protects the parent from a single fast reader, and the cache from objects that would be evicted
 * before they are used. */
#include "ahead/internal.h"

#include "base/path.h"

#include <stdlib.h>
#include <sys/stat.h>

#define BUDGET_MAX    (UINT64_C(64) << 20)
#define BUDGET_SHARE  4u                   /* of the cache, a fraction */
#define REQUEST_BYTES (UINT64_C(16) << 10) /* what a request costs besides its bytes */

struct cu_ahead *cu_ahead_create(const struct cu_ahead_config *config)
{
    struct cu_ahead *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->config = *config;
    cu_helds_init(&a->helds);
    return a;
}

void cu_ahead_destroy(struct cu_ahead *a)
{
    if (a)
        cu_replay_free(&a->replay);
    free(a);
}

static bool has_room(const struct cu_ahead *a)
{
    struct cu_ahead_load load = a->config.ports.load(a->config.ports.context);
    uint64_t budget = a->config.cache_bytes / BUDGET_SHARE;

    if (budget > BUDGET_MAX)
        budget = BUDGET_MAX;
    return load.bytes + load.requests * REQUEST_BYTES < budget;
}

void cu_ahead_emit(struct cu_ahead *a, const struct cu_ahead_want *want)
{
    if (has_room(a))
        a->config.ports.want(a->config.ports.context, want);
}

void cu_ahead_emit_name(struct cu_ahead *a, const struct cu_ahead_dir *dir, const char *path,
                        size_t path_len, const char *name, size_t name_len)
{
    const struct cu_ahead_ports *ports = &a->config.ports;
    char full[CU_TREE_PATH_MAX];
    int len = cu_path_join(path, path_len, name, name_len, full, sizeof(full));
    struct cu_ahead_name what = {full, (size_t)len, path_len, name, name_len};
    struct cu_ahead_want want = {.kind = CU_KIND_ATTR, .path = full, .path_len = (size_t)len};

    if (len < 0 || ports->settled(ports->context, dir, &what) ||
        ports->absent(ports->context, &what))
        return;
    want.content = cu_ahead_content(a, name, name_len);
    cu_ahead_emit(a, &want);
}

struct cu_ahead_place cu_ahead_place_of(const struct cu_ahead *a, const struct cu_ahead_dir *dir)
{
    struct cu_ahead_place place = {0};

    a->config.ports.place(a->config.ports.context, dir, &place);
    return place;
}

int cu_ahead_dir_path(const struct cu_ahead *a, const struct cu_ahead_dir *dir, char *out)
{
    return a->config.ports.dir_path(a->config.ports.context, dir, out);
}

void cu_ahead_found(struct cu_ahead *a, const struct cu_ahead_node *node)
{
    cu_habit_found(&a->habit, node->name, node->name_len, true);
    if (S_ISLNK(node->attr->mode))
        cu_ahead_link(a, node);
    else if (S_ISREG(node->attr->mode) && node->path)
        cu_ahead_library(a, node);
    else if (S_ISDIR(node->attr->mode) && node->path)
        cu_ahead_list(a, node);
    cu_ahead_step(a, node->dir, CU_KIND_ATTR, node->name, node->name_len);
}

void cu_ahead_dir_doubt(struct cu_ahead *a, struct cu_ahead_dir *dir)
{
    cu_ahead_held_drop(a, dir);
    dir->absent = 0;
    dir->retry_ns = 0;
    dir->found = 0;
}

void cu_ahead_dir_clear(struct cu_ahead *a, struct cu_ahead_dir *dir)
{
    cu_ahead_held_drop(a, dir);
}
