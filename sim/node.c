/* SPDX-License-Identifier: BSD-3-Clause */
/* A node: its daemon's loop around the core, as the real driver has it (src/copperd/effects.c): an
 * input, then effects until there are none, then the timer. */
#include "sim.h"

#include "core/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_GRACE_NS (10 * CU_SIM_S)

uint64_t cu_sim_node_cpu(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cost_ns)
{
    cost_ns = cost_ns * 100 / node->slow;
    if (node->cpu_ns < sim->engine.now_ns)
        node->cpu_ns = sim->engine.now_ns;
    node->cpu_ns += cost_ns;
    node->cpu_busy_ns += cost_ns;
    return node->cpu_ns;
}

static uint64_t budget(const struct cu_sim *sim, const struct cu_sim_node *node)
{
    struct cu_tree tree = cu_tree_make(sim->config.nodes, sim->config.fanout, 0, 1);

    if (sim->config.leaf_cache_bytes && sim->config.trees == 1 &&
        cu_tree_subtree_size(&tree, node->rank) == 1)
        return sim->config.leaf_cache_bytes;
    return sim->config.cache_bytes;
}

static struct cu_core_config core_config(const struct cu_sim *sim, const struct cu_sim_node *node)
{
    const struct cu_sim_config *c = &sim->config;

    return (struct cu_core_config){
        .rank = node->rank,
        .node_count = c->nodes,
        .fanout = c->fanout,
        .tree_count = c->trees,
        .cache_bytes = budget(sim, node),
        .max_cacheable_bytes = c->max_cacheable_bytes,
        .chunk_bytes = c->chunk_bytes,
        .inline_bytes = c->inline_bytes,
        .enoent_ttl_ns = c->enoent_ttl_ns,
        .start_grace_ns = START_GRACE_NS,
        .storage_slots = c->storage_slots,
        .orphan_slots = c->orphan_slots,
        .names = sim->names,
        .scaled = sim->world && sim->world->scaled_bytes != 0,
    };
}

int cu_sim_node_check(const struct cu_sim *sim, struct cu_error *err)
{
    struct cu_core_config config = core_config(sim, &(struct cu_sim_node){0});
    struct cu_core *core = cu_core_create(&config, 0, err);

    cu_core_destroy(core);
    return core ? 0 : -EINVAL;
}

void cu_sim_node_boot(struct cu_sim *sim, struct cu_sim_node *node)
{
    const struct cu_sim_config *c = &sim->config;
    struct cu_core_config config = core_config(sim, node);
    struct cu_error err;

    if (node->core)
        return;
    node->core = cu_core_create(&config, sim->engine.now_ns, &err);
    if (!node->core) {
        fprintf(stderr, "copper-sim: %s\n", err.text);
        exit(3);
    }
    node->inc++;
    node->host_down = false;
    node->mounted = false;
    node->slow = 100;
    node->timer_ns = 0;
    node->cpu_ns = node->tx_ns = node->rx_ns = sim->engine.now_ns;
    node->refreshed_ns = 0;
    node->dentry = cu_sim_alloc(sim->world->count, sizeof *node->dentry);
    node->page = cu_sim_alloc((size_t)sim->world->chunk_total * sim->parts, 1);
    node->name = cu_sim_alloc(sim->world->count, 1);
    cu_sim_ahead_init(sim, node);
    if (c->faults)
        node->reads = cu_sim_alloc(cu_sim_object_count(sim), sizeof *node->reads);
    node->reads_why = 0;
    cu_sim_engine_push(&sim->engine, sim->engine.now_ns + c->machine.mount_ns, CU_SIM_MOUNT,
                       node->rank, node->inc, NULL);
    cu_sim_node_drain(sim, node);
}

void cu_sim_node_free(struct cu_sim_node *node)
{
    cu_sim_ahead_free(node);
    cu_core_destroy(node->core);
    node->core = NULL;
    free(node->links);
    free(node->dentry);
    free(node->page);
    free(node->name);
    free(node->reads);
    node->links = NULL;
    node->dentry = NULL;
    node->page = NULL;
    node->name = NULL;
    node->reads = NULL;
    node->link_count = 0;
    node->link_capacity = 0;
}

void cu_sim_node_crash(struct cu_sim *sim, struct cu_sim_node *node, bool loud)
{
    if (!node->core)
        return;
    cu_sim_check_memory(sim, node);
    for (uint32_t i = 0; i < node->link_count; i++)
        cu_sim_net_abandon(sim, node->links[i].conn, node->links[i].child ? 1 : 0, loud);
    for (uint32_t i = 0; i < sim->config.processes; i++) {
        struct cu_sim_proc *proc = &sim->procs[node->rank * sim->config.processes + i];

        if (proc->state != CU_SIM_PROC_DONE)
            proc->state = CU_SIM_PROC_IDLE;
    }
    for (uint32_t i = 0; i < sim->req_count; i++) {
        struct cu_sim_req *req = &sim->reqs[i];

        if (req->state != CU_SIM_REQ_OPEN || req->node != node->rank)
            continue;
        if (req->waiting) /* its reply is owed to nobody any more */
            cu_sim_front_free(sim, i);
    }
    node->host_down = !loud;
    for (int c = 0; c < CU_COUNTER_COUNT; c++)
        sim->result->counters[c] += cu_core_counters(node->core)[c];
    cu_sim_node_free(node);
    node->frozen_ns = 0;
}

static void check_ready(struct cu_sim *sim, struct cu_sim_node *node)
{
    if (node->rank != 0 || sim->result->ready_ns ||
        cu_core_ready(node->core, NULL) < sim->config.nodes)
        return;
    sim->result->ready_ns = sim->engine.now_ns;
    if (sim->config.faults)
        return;
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        cu_sim_kernel_start(sim, &sim->nodes[i], sim->engine.now_ns);
}

static void one_effect(struct cu_sim *sim, struct cu_sim_node *node, struct cu_effect *effect)
{
    switch (effect->type) {
    case CU_EFFECT_REPLY:
        cu_sim_front_reply(sim, node, effect->reply.cookie, effect->reply.where,
                           &effect->reply.value);
        break;
    case CU_EFFECT_SEND:
        cu_sim_net_send(sim, node, effect->send.rank, effect->send.child, &effect->send.msg);
        break;
    case CU_EFFECT_READ:
        cu_sim_store_submit(sim, node, &effect->read.request, effect->read.id, effect->read.direct);
        break;
    case CU_EFFECT_CONNECT:
        cu_sim_net_connect(sim, node, effect->connect.rank);
        break;
    case CU_EFFECT_DISCONNECT:
        cu_sim_net_disconnect(sim, node, effect->disconnect.rank, effect->disconnect.child);
        break;
    case CU_EFFECT_FORGET:
        cu_sim_kernel_forget(sim, node, effect->forget.path, effect->forget.path_len);
        break;
    case CU_EFFECT_READY:
        check_ready(sim, node);
        break;
    }
}

void cu_sim_node_drain(struct cu_sim *sim, struct cu_sim_node *node)
{
    struct cu_effect effect;
    uint64_t at;

    while (cu_core_next_effect(node->core, &effect)) {
        one_effect(sim, node, &effect);
        cu_effect_clear(&effect);
    }
    if (sim->config.faults)
        cu_sim_check_memory(sim, node);
    at = cu_core_deadline(node->core);
    if (at == UINT64_MAX || (node->timer_ns && node->timer_ns <= at))
        return;
    node->timer_ns = at > sim->engine.now_ns ? at : sim->engine.now_ns;
    cu_sim_engine_push(&sim->engine, node->timer_ns, CU_SIM_TIMER, node->rank, node->inc, NULL);
}

void cu_sim_node_timer(struct cu_sim *sim, struct cu_sim_node *node)
{
    if (node->timer_ns > sim->engine.now_ns)
        return; /* an earlier one that was overtaken */
    node->timer_ns = 0;
    if (cu_core_deadline(node->core) <= sim->engine.now_ns)
        cu_core_tick(node->core, sim->engine.now_ns);
    cu_sim_node_drain(sim, node);
}

/* The command names the generation that it leads to: a node that knows of it already does nothing.
 */
void cu_sim_node_refresh(struct cu_sim *sim, struct cu_sim_node *node, uint32_t target)
{
    cu_core_refresh(node->core, "/", 1, target, sim->engine.now_ns);
    if (node->refreshed_ns < sim->refresh_begun[target % 64])
        node->refreshed_ns = sim->refresh_begun[target % 64];
    cu_sim_node_drain(sim, node);
}
