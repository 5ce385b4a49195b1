/* SPDX-License-Identifier: BSD-3-Clause */
/* A stage (ahead/stage.h) of a directory, by every node from its start on. Processes start when all
 * nodes have all of it. */
#include "sim.h"

#include "ahead/stage.h"

#include <string.h>

static int on_fetch(void *context, const struct cu_ahead_want *want, uint32_t tag)
{
    struct cu_sim_node *node = context;
    struct cu_request what = cu_sim_request(want);

    what.flags |= CU_WANT_LATER;
    return cu_core_want(node->core, &what, CU_SIM_FETCH | tag, node->sim->engine.now_ns);
}

static void go_on(struct cu_sim *sim, struct cu_sim_node *node)
{
    uint64_t bytes = UINT64_MAX;
    struct cu_stage_figures figures;

    while (cu_stage_run(node->stage, 256, &bytes)) {
    }
    figures = cu_stage_figures(node->stage);
    if (!figures.over || node->replayed)
        return;
    if (figures.errors > 0 || figures.over_bytes > 0 || figures.bytes != figures.bytes_done)
        cu_sim_violation(sim, "node %u: not all is staged", node->rank);
    cu_sim_recipe_end(sim, node);
}

void cu_sim_stage_start(struct cu_sim *sim, struct cu_sim_node *node)
{
    const char *path = sim->config.stage;
    struct cu_stage_config config = {.context = node,
                                     .fetch = on_fetch,
                                     .chunk_bytes = sim->config.chunk_bytes,
                                     .max_cacheable_bytes = sim->config.max_cacheable_bytes,
                                     .room = sim->config.cache_bytes / 4 * 3};

    cu_stage_destroy(node->stage);
    node->stage = cu_stage_create(&config, path, strlen(path));
    if (!node->stage)
        cu_sim_violation(sim, "node %u: no stage", node->rank);
    else
        go_on(sim, node);
}

void cu_sim_stage_fetched(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cookie,
                          const struct cu_value *value)
{
    cu_stage_answer(node->stage, (uint32_t)cookie, value);
    go_on(sim, node);
}
