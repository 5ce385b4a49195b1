/* SPDX-License-Identifier: BSD-3-Clause */
/* A recipe (proto/recipe.h) of the first trace, as a run of it would be recorded, and its replay by
 * every node: all of them share it. */
#include "sim.h"

#include "proto/recipe.h"

#include <dirent.h>
#include <errno.h>

/* The names on the path to file, from the top. An absent one is answered by its directory's
 * listing. */
static int note_names(struct cu_sim *sim, uint32_t file)
{
    const struct cu_sim_file *f = &sim->world->files[file];
    const struct cu_sim_file *dir = &sim->world->files[f->parent];
    int rc = file == 0 ? 0 : note_names(sim, f->parent);

    if (rc < 0 || file == 0 || dir->type == CU_SIM_ABSENT)
        return rc;
    if (f->type == CU_SIM_ABSENT)
        return cu_recipe_note(sim->recipe, dir->path, dir->path_len, CU_RECIPE_LISTING, 0);
    return cu_recipe_note(sim->recipe, f->path, f->path_len, CU_RECIPE_ATTR,
                          f->type == DT_REG ? f->size : 0);
}

static int note_read(struct cu_sim *sim, const struct cu_sim_op *op)
{
    const struct cu_sim_file *f = &sim->world->files[op->file];
    uint64_t end = op->first + op->length < f->size ? op->first + op->length : f->size;
    struct cu_recipe_part part = {.first = op->first / CU_RECIPE_CHUNK};

    if (f->type != DT_REG || f->size == 0 || op->first >= end)
        return 0;
    if (f->size <= sim->config.inline_bytes)
        return cu_recipe_note(sim->recipe, f->path, f->path_len, CU_RECIPE_CONTENT, f->size);
    if (f->size > sim->config.max_cacheable_bytes)
        return 0;
    part.count = (end - 1) / CU_RECIPE_CHUNK + 1 - part.first;
    return cu_recipe_note_part(sim->recipe, f->path, f->path_len, f->size, part);
}

int cu_sim_recipe_make(struct cu_sim *sim)
{
    struct cu_sim_op op;
    int rc = 0;

    sim->recipe = cu_recipe_new();
    for (uint32_t pc = 0; rc == 0 && cu_sim_workload_op(sim, 0, pc, &op); pc++) {
        const struct cu_sim_file *f = &sim->world->files[op.file];

        rc = note_names(sim, op.file);
        if (rc == 0 && op.kind == CU_SIM_OP_READ)
            rc = note_read(sim, &op);
        else if (rc == 0 && op.kind == CU_SIM_OP_LIST)
            rc = cu_recipe_note(sim->recipe, f->path, f->path_len, CU_RECIPE_LISTING, 0);
    }
    return rc;
}

void cu_sim_recipe_end(struct cu_sim *sim, struct cu_sim_node *node)
{
    node->replayed = true;
    if (--sim->replays_left > 0)
        return;
    sim->result->replayed_ns = sim->engine.now_ns;
    if (sim->config.recipe_wait || sim->config.stage)
        for (uint32_t i = 0; i < sim->config.nodes; i++)
            cu_sim_kernel_start(sim, &sim->nodes[i], sim->engine.now_ns);
}

static void note_end(struct cu_sim *sim, struct cu_sim_node *node)
{
    if (!node->replayed && cu_ahead_replayed(node->ahead))
        cu_sim_recipe_end(sim, node);
}

void cu_sim_recipe_start(struct cu_sim *sim, struct cu_sim_node *node)
{
    if (cu_ahead_replay(node->ahead, cu_recipe_ref(sim->recipe), UINT64_MAX) < 0)
        cu_sim_violation(sim, "node %u: no replay", node->rank);
    note_end(sim, node);
}

void cu_sim_recipe_fetched(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cookie,
                           const struct cu_value *value)
{
    cu_ahead_fetched(node->ahead, (uint32_t)cookie, value);
    note_end(sim, node);
}
