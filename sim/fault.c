/* SPDX-License-Identifier: BSD-3-Clause */
/* Faults: kind, node, time and duration are drawn from the seed. After the phase of faults all of
 * them are repaired, and the checkers require that everything works again. */
#include "sim.h"

#include "core/tree.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>

#define STORM_NS (12 * CU_SIM_S)

enum fault {
    FAULT_CRASH,
    FAULT_FREEZE,
    FAULT_RESET,
    FAULT_CUT,
    FAULT_JITTER,
    FAULT_SLOW_NODE,
    FAULT_SLOW_STORAGE,
    FAULT_EIO,
    FAULT_CHANGE,
    FAULT_REFRESH,
    FAULT_COUNT,
    FAULT_CALM,
};

__attribute__((format(printf, 2, 3))) static void tell(const struct cu_sim *sim, const char *format,
                                                       ...)
{
    va_list args;

    if (!sim->config.verbose)
        return;
    fprintf(stderr, "%10.6f ", (double)sim->engine.now_ns / 1e9);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static uint64_t dice(struct cu_sim *sim, uint64_t from, uint64_t to)
{
    return cu_sim_rng_range(&sim->fault_rng, from, to);
}

void cu_sim_fault_plan(struct cu_sim *sim)
{
    uint64_t count = dice(sim, 2, 14);

    for (uint64_t i = 0; i < count; i++)
        cu_sim_engine_push(&sim->engine, dice(sim, 200 * CU_SIM_MS, STORM_NS), CU_SIM_FAULT, 0,
                           dice(sim, 0, FAULT_COUNT - 1), NULL);
    cu_sim_engine_push(&sim->engine, STORM_NS + 6 * CU_SIM_S, CU_SIM_FAULT, 0, FAULT_CALM, NULL);
    if (dice(sim, 0, 2) == 0)
        sim->duplicate_ppm = 20000;
    if (dice(sim, 0, 3) == 0)
        sim->corrupt_ppm = 2000;
    if (dice(sim, 0, 2) == 0)
        sim->overtake_ppm = 50000;
    if (dice(sim, 0, 2) == 0)
        sim->config.cache_bytes = dice(sim, 64 * 1024, 512 * 1024);
    tell(sim, "%u nodes, fan-out %u, %u trees, -E %llu ms", sim->config.nodes, sim->config.fanout,
         sim->config.trees, (unsigned long long)(sim->config.enoent_ttl_ns / CU_SIM_MS));
    tell(
        sim,
        "plan: %llu faults, in a million: %u repeated, %u overtake, %u with wrong bits; cache %llu",
        (unsigned long long)count, sim->duplicate_ppm, sim->overtake_ppm, sim->corrupt_ppm,
        (unsigned long long)sim->config.cache_bytes);
}

uint64_t cu_sim_fault_blocked(const struct cu_sim *sim, uint32_t a, uint32_t b)
{
    uint64_t until = 0;

    for (uint32_t i = 0; i < sim->block_count; i++) {
        const struct cu_sim_block *block = &sim->blocks[i];
        bool apart = block->one == CU_RANK_NONE
                         ? (cu_sim_mix(block->salt ^ a) ^ cu_sim_mix(block->salt ^ b)) & 1
                         : (a == block->one) != (b == block->one);

        if (apart && block->until_ns > sim->engine.now_ns && block->until_ns > until)
            until = block->until_ns;
    }
    return until;
}

/* The node that is hit: sometimes a root, else any node. */
static struct cu_sim_node *victim(struct cu_sim *sim)
{
    if (dice(sim, 0, 3) == 0) {
        uint32_t t = (uint32_t)dice(sim, 0, cu_sim_trees(sim) - 1);
        struct cu_tree tree = cu_sim_tree(sim, t);

        return &sim->nodes[cu_tree_rank(&tree, 0)];
    }
    return &sim->nodes[dice(sim, 0, sim->config.nodes - 1)];
}

static void crash(struct cu_sim *sim)
{
    struct cu_sim_node *node = victim(sim);
    bool loud = dice(sim, 0, 1) == 0;
    uint64_t back = dice(sim, 100 * CU_SIM_MS, 6 * CU_SIM_S);

    if (!node->core)
        return;
    tell(sim, "node %u dies %s, back in %.3f s", node->rank, loud ? "loudly" : "silently",
         (double)back / 1e9);
    cu_sim_node_crash(sim, node, loud);
    cu_sim_engine_push(&sim->engine, sim->engine.now_ns + back, CU_SIM_BOOT, node->rank, 1, NULL);
}

static void cut(struct cu_sim *sim)
{
    struct cu_sim_block *block;
    uint64_t lasts = dice(sim, 50 * CU_SIM_MS, 6 * CU_SIM_S);

    if (sim->block_count == sizeof sim->blocks / sizeof *sim->blocks)
        return;
    block = &sim->blocks[sim->block_count++];
    *block = (struct cu_sim_block){.until_ns = sim->engine.now_ns + lasts,
                                   .salt = cu_sim_rng_next(&sim->fault_rng),
                                   .one = CU_RANK_NONE};
    if (dice(sim, 0, 2))
        block->one = victim(sim)->rank;
    tell(sim, "cut of %d for %.3f s", (int)block->one, (double)lasts / 1e9);
}

static void reset(struct cu_sim *sim)
{
    uint64_t count = dice(sim, 1, 8);

    for (uint64_t i = 0; i < count && sim->conn_count; i++)
        cu_sim_net_reset(sim, (uint32_t)dice(sim, 0, sim->conn_count - 1));
    tell(sim, "%llu connections are reset", (unsigned long long)count);
}

static void change(struct cu_sim *sim)
{
    uint64_t count = dice(sim, 1, 30);

    for (uint64_t i = 0; i < count; i++) {
        uint32_t file = (uint32_t)dice(sim, 1, sim->world->count - 1);

        if (sim->world->files[file].type == DT_REG || sim->world->files[file].type == CU_SIM_ABSENT)
            if (sim->world->files[sim->world->files[file].parent].type == DT_DIR &&
                sim->world->files[file].child_count == 0)
                cu_sim_world_change(sim->world, file, sim->engine.now_ns);
    }
    tell(sim, "%llu files change", (unsigned long long)count);
}

static void refresh(struct cu_sim *sim)
{
    uint32_t target = ++sim->refresh_target;

    sim->refresh_begun[target % 64] = sim->engine.now_ns;
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        cu_sim_engine_push(&sim->engine, sim->engine.now_ns + dice(sim, 0, 60 * CU_SIM_MS),
                           CU_SIM_REFRESH, i, target, NULL);
    tell(sim, "refresh %u", target);
}

static void slow_node(struct cu_sim *sim)
{
    struct cu_sim_node *node = victim(sim);

    node->slow = (uint32_t)dice(sim, 1, 20);
    cu_sim_engine_push(&sim->engine, sim->engine.now_ns + dice(sim, CU_SIM_S, 4 * CU_SIM_S),
                       CU_SIM_CLEAR, 0, FAULT_SLOW_NODE << 24 | node->rank, NULL);
    tell(sim, "node %u runs at %u %%", node->rank, node->slow);
}

static void storage(struct cu_sim *sim, enum fault fault)
{
    if (fault == FAULT_SLOW_STORAGE && dice(sim, 0, 1))
        sim->storage_slow = (uint32_t)dice(sim, 300, 5000);
    else if (fault == FAULT_SLOW_STORAGE)
        sim->storage_delay_ns = dice(sim, 10 * CU_SIM_MS, 2 * CU_SIM_S);
    else
        sim->storage_eio_ppm = (uint32_t)dice(sim, 20000, 1000000);
    cu_sim_engine_push(&sim->engine, sim->engine.now_ns + dice(sim, 100 * CU_SIM_MS, 3 * CU_SIM_S),
                       CU_SIM_CLEAR, 0, (uint64_t)fault << 24, NULL);
    tell(sim, "storage: %u %% time and %.3f s more, EIO %u in a million", sim->storage_slow,
         (double)sim->storage_delay_ns / 1e9, sim->storage_eio_ppm);
}

static void jitter(struct cu_sim *sim)
{
    sim->jitter_ns = dice(sim, CU_SIM_MS, 500 * CU_SIM_MS);
    cu_sim_engine_push(&sim->engine, sim->engine.now_ns + dice(sim, 100 * CU_SIM_MS, 3 * CU_SIM_S),
                       CU_SIM_CLEAR, 0, (uint64_t)FAULT_JITTER << 24, NULL);
    tell(sim, "messages take up to %.3f s longer", (double)sim->jitter_ns / 1e9);
}

static void freeze(struct cu_sim *sim)
{
    struct cu_sim_node *node = victim(sim);
    uint64_t lasts = dice(sim, 50 * CU_SIM_MS, 6 * CU_SIM_S);

    node->frozen_ns = sim->engine.now_ns + lasts;
    if (lasts > sim->freeze_max_ns)
        sim->freeze_max_ns = lasts;
    tell(sim, "node %u freezes for %.3f s", node->rank, (double)lasts / 1e9);
}

static void calm(struct cu_sim *sim)
{
    sim->calm = true;
    sim->calm_ns = sim->engine.now_ns;
    sim->duplicate_ppm = 0;
    sim->corrupt_ppm = 0;
    sim->overtake_ppm = 0;
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        if (!sim->nodes[i].core)
            cu_sim_engine_push(&sim->engine, sim->engine.now_ns, CU_SIM_BOOT, i, 1, NULL);
    tell(sim, "calm");
}

static void clear(struct cu_sim *sim, uint64_t what)
{
    switch ((enum fault)(what >> 24)) {
    case FAULT_SLOW_NODE:
        sim->nodes[what & 0xffffff].slow = 100;
        break;
    case FAULT_SLOW_STORAGE:
        sim->storage_slow = 100;
        sim->storage_delay_ns = 0;
        break;
    case FAULT_EIO:
        sim->storage_eio_ppm = 0;
        break;
    case FAULT_JITTER:
        sim->jitter_ns = 0;
        break;
    case FAULT_CRASH:
    case FAULT_FREEZE:
    case FAULT_RESET:
    case FAULT_CUT:
    case FAULT_CHANGE:
    case FAULT_REFRESH:
    case FAULT_COUNT:
    case FAULT_CALM:
        break;
    }
}

void cu_sim_fault_event(struct cu_sim *sim, const struct cu_sim_event *event)
{
    if (event->type == CU_SIM_CLEAR) {
        clear(sim, event->a);
        return;
    }
    sim->result->faults++;
    switch ((enum fault)event->a) {
    case FAULT_CRASH:
        crash(sim);
        break;
    case FAULT_FREEZE:
        freeze(sim);
        break;
    case FAULT_RESET:
        reset(sim);
        break;
    case FAULT_CUT:
        cut(sim);
        break;
    case FAULT_JITTER:
        jitter(sim);
        break;
    case FAULT_SLOW_NODE:
        slow_node(sim);
        break;
    case FAULT_SLOW_STORAGE:
    case FAULT_EIO:
        storage(sim, (enum fault)event->a);
        break;
    case FAULT_CHANGE:
        change(sim);
        break;
    case FAULT_REFRESH:
        refresh(sim);
        break;
    case FAULT_CALM:
        calm(sim);
        break;
    case FAULT_COUNT:
        break;
    }
}
