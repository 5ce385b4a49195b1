/* SPDX-License-Identifier: BSD-3-Clause */
/* Periods are the same for all flows. A flow and its paths are aged when they are next used, so
 * that no period costs anything by itself. Invariants: wants >= recent + before, of a flow as of
 * its paths; a flow's are the sums of its paths', as of one period. */
#include "core/flowpath.h"

#include "base/mem.h"
#include "core/state.h"

#include <errno.h>

#define PERIOD_NS (5 * S_NS)

/* A new period: what was counted in the last one is from before, and what was from before hangs. */
void cu_flow_age(const struct cu_core *core, struct flow *flow)
{
    uint32_t period = (uint32_t)(core->now_ns / PERIOD_NS);
    bool next = period == flow->period + 1;

    if (period == flow->period)
        return;
    flow->period = period;
    flow->before_bytes = next ? flow->recent_bytes : 0;
    flow->before = next ? flow->recent : 0;
    flow->recent_bytes = 0;
    flow->recent = 0;
}

void cu_flowpath_age(const struct flow *flow, struct flow_path *path)
{
    if (path->period == flow->period)
        return;
    path->before = path->period + 1 == flow->period ? path->recent : 0;
    path->recent = 0;
    path->period = flow->period;
}

static uint64_t path_hash(const struct cu_table_link *link)
{
    return CU_LIST_ENTRY(link, struct flow_path, link)->key;
}

int cu_flowpath_start(struct cu_core *core)
{
    return cu_table_init(&core->flow_paths, path_hash);
}

void cu_flowpath_end(struct cu_core *core)
{
    cu_table_free(&core->flow_paths);
}

void cu_flow_init(struct flow *flow)
{
    *flow = (struct flow){.wants = 0};
    cu_list_init(&flow->paths);
    for (unsigned i = 0; i < LINES; i++)
        cu_list_init(&flow->turns[i]);
}

struct flow_path *cu_flowpath_find(const struct cu_core *core, uint64_t key)
{
    struct cu_table_link *link = cu_table_chain(&core->flow_paths, key);

    for (; link; link = link->next) {
        struct flow_path *path = CU_LIST_ENTRY(link, struct flow_path, link);

        if (path->key == key)
            return path;
    }
    return NULL;
}

struct flow_path *cu_flowpath_get(struct cu_core *core, struct flow *flow, uint64_t key,
                                  enum line line)
{
    struct flow_path *path = cu_flowpath_find(core, key);

    if (!path) {
        path = cu_mem_zero(sizeof(*path));
        if (!path)
            return NULL;
        cu_list_init(&path->all);
        cu_list_init(&path->turn);
        cu_list_init(&path->parked);
        path->key = key;
        path->line = line;
        path->period = flow->period;
        cu_table_add(&core->flow_paths, &path->link);
        cu_list_push_back(&flow->paths, &path->all);
    }
    cu_flowpath_age(flow, path);
    return path;
}

void cu_flowpath_drop(struct cu_core *core, struct flow_path *path)
{
    cu_table_remove(&core->flow_paths, &path->link);
    cu_list_remove(&path->all);
    cu_mem_give(path, sizeof(*path));
}

void cu_flowpath_unused(struct cu_core *core, struct flow_path *path)
{
    if (path->wants == 0 && cu_list_empty(&path->parked))
        cu_flowpath_drop(core, path);
}

bool cu_flowpath_hangs(const struct flow_path *path)
{
    return path->wants > path->recent + path->before;
}

uint64_t cu_flow_next_period(const struct cu_core *core)
{
    return (core->now_ns / PERIOD_NS + 1) * PERIOD_NS;
}

static void subtract(uint64_t *from, uint64_t bytes)
{
    *from -= bytes < *from ? bytes : *from;
}

void cu_flowpath_served(struct flow *flow, struct flow_path *path, uint32_t bytes)
{
    flow->wants++;
    flow->recent++;
    flow->bytes += bytes;
    flow->recent_bytes += bytes;
    path->wants++;
    path->recent++;
}

void cu_flowpath_answered(struct flow *flow, struct flow_path *path, uint32_t period,
                          uint32_t bytes)
{
    cu_flowpath_age(flow, path);
    path->wants--;
    flow->wants--;
    subtract(&flow->bytes, bytes);
    if (period == flow->period && path->recent > 0) {
        path->recent--;
        flow->recent--;
        subtract(&flow->recent_bytes, bytes);
    } else if (period + 1 == flow->period && path->before > 0) {
        path->before--;
        flow->before--;
        subtract(&flow->before_bytes, bytes);
    }
}
