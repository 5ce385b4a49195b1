/* SPDX-License-Identifier: BSD-3-Clause */
/* A node: the driver's ports (src/core/driver.h) on simulated network, storage, kernel and clock.
 */
#include "sim.h"

#include "ahead/stage.h"

#include "core/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_GRACE_NS (10 * CU_SIM_S)

uint64_t cu_sim_node_cpu(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cost_ns)
{
    cost_ns = cost_ns * 100 / node->slow;
    if (node->cpu_ns < sim->engine.now_ns) /* it slept */
        node->cpu_ns = sim->engine.now_ns + sim->config.machine.wake_ns;
    node->cpu_ns += cost_ns;
    node->cpu_busy_ns += cost_ns;
    return node->cpu_ns;
}

uint32_t cu_sim_trees(const struct cu_sim *sim)
{
    const struct cu_sim_config *c = &sim->config;
    uint32_t count = cu_tree_bulk_count(c->nodes), left = CU_TREES_MAX - c->trees;

    if (c->bulk_bytes == 0 || c->bulk_bytes > c->max_cacheable_bytes)
        return c->trees;
    return c->trees + (count < left ? count : left);
}

struct cu_tree cu_sim_tree(const struct cu_sim *sim, uint32_t tree)
{
    const struct cu_sim_config *c = &sim->config;

    if (tree < c->trees)
        return cu_tree_make(c->nodes, c->fanout, tree, c->trees);
    return cu_tree_make_bulk(c->nodes, tree - c->trees, cu_sim_trees(sim) - c->trees);
}

/* Do files of this world go over bulk trees? In one of these every node may have children. */
static bool uses_bulk(const struct cu_sim *sim)
{
    const struct cu_sim_config *c = &sim->config;

    for (uint32_t i = 0; cu_sim_trees(sim) > c->trees && i < sim->world->count; i++) {
        const struct cu_sim_file *f = &sim->world->files[i];

        if (f->type == DT_REG && f->size >= c->bulk_bytes && f->size <= c->max_cacheable_bytes)
            return true;
    }
    return false;
}

static uint64_t budget(const struct cu_sim *sim, const struct cu_sim_node *node)
{
    struct cu_tree tree = cu_sim_tree(sim, 0);

    if (sim->config.leaf_cache_bytes && sim->config.trees == 1 &&
        cu_tree_subtree_size(&tree, node->rank) == 1 && !uses_bulk(sim))
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
        .bulk_bytes = c->bulk_bytes,
        .bulk_stripe = c->bulk_stripe,
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

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t port_now_ns(void *context)
{
    const struct cu_sim_node *node = context;

    return node->sim->engine.now_ns;
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                       const struct cu_value *value)
{
    struct cu_sim_node *node = context;

    cu_sim_front_reply(node->sim, node, cookie, where, value);
}

static int port_send(void *context, struct cu_peer peer, struct cu_msg *msg, uint64_t *queued)
{
    struct cu_sim_node *node = context;

    return cu_sim_net_send(node->sim, node, peer, msg, queued);
}

static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    struct cu_sim_node *node = context;

    cu_sim_store_submit(node->sim, node, request, id, direct);
    return 0;
}

static int port_connect(void *context, uint32_t rank)
{
    struct cu_sim_node *node = context;

    cu_sim_net_connect(node->sim, node, rank);
    return 0;
}

static void port_disconnect(void *context, struct cu_peer peer)
{
    struct cu_sim_node *node = context;

    cu_sim_net_disconnect(node->sim, node, peer);
}

static void port_forget(void *context, const char *path, size_t path_len, bool pages)
{
    struct cu_sim_node *node = context;

    (void)pages;
    cu_sim_kernel_forget(node->sim, node, path, path_len);
}

static void port_ready(void *context)
{
    struct cu_sim_node *node = context;
    struct cu_sim *sim = node->sim;

    if (node->rank != 0 || sim->result->ready_ns ||
        cu_core_ready(node->core, NULL) < sim->config.nodes)
        return;
    sim->result->ready_ns = sim->engine.now_ns;
    if (sim->config.faults || sim->config.recipe_wait || sim->config.stage)
        return;
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        cu_sim_kernel_start(sim, &sim->nodes[i], sim->engine.now_ns);
}

static bool port_poll(void *context)
{
    struct cu_sim_node *node = context;

    if (node->sim->config.faults)
        cu_sim_check_memory(node->sim, node);
    return false;
}

static void port_arm(void *context, uint64_t at_ns)
{
    struct cu_sim_node *node = context;

    cu_sim_engine_push(&node->sim->engine, at_ns, CU_SIM_TIMER, node->rank, node->inc, NULL);
}

static const struct cu_driver_ports ports = {
    .now_ns = port_now_ns,
    .reply = port_reply,
    .send = port_send,
    .read = port_read,
    .connect = port_connect,
    .disconnect = port_disconnect,
    .forget = port_forget,
    .ready = port_ready,
    .arm = port_arm,
    .poll = port_poll,
};

void cu_sim_node_run(struct cu_sim_node *node)
{
    cu_driver_run(&node->driver);
}

void cu_sim_node_timer(struct cu_sim_node *node)
{
    if (node->driver.armed_ns <= node->sim->engine.now_ns) /* else: it was overtaken */
        cu_driver_fire(&node->driver);
}

/* --- the life of a node ------------------------------------------------------------------------
 */

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
    node->sim = sim;
    cu_driver_init(&node->driver, node->core, &ports, node);
    node->inc++;
    node->host_down = false;
    node->mounted = false;
    node->slow = 100;
    node->cpu_ns = node->tx_ns = node->rx_ns = sim->engine.now_ns;
    for (uint32_t i = 0; i < CU_SIM_CREW_MAX; i++)
        node->crew_ns[i] = sim->engine.now_ns;
    memset(node->crew_ends, 0, sizeof(node->crew_ends));
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
    if (sim->config.stage)
        cu_sim_stage_start(sim, node);
    else if (sim->recipe)
        cu_sim_recipe_start(sim, node);
    cu_sim_node_run(node);
}

void cu_sim_node_free(struct cu_sim_node *node)
{
    cu_stage_destroy(node->stage);
    node->stage = NULL;
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
        cu_sim_net_abandon(sim, node->links[i].conn, node->links[i].peer.side == CU_CHILD ? 1 : 0,
                           loud);
    for (uint32_t i = 0; i < sim->config.processes; i++) {
        struct cu_sim_proc *proc = &sim->procs[node->rank * sim->config.processes + i];

        if (proc->state != CU_SIM_PROC_DONE)
            proc->state = CU_SIM_PROC_IDLE;
    }
    for (uint32_t i = 0; i < sim->req_count; i++) {
        struct cu_sim_req *req = &sim->reqs[i];

        if (req->state != CU_SIM_REQ_OPEN || req->node != node->rank)
            continue;
        if (req->waiting) /* its reply is not needed any more */
            cu_sim_front_free(sim, i);
    }
    node->host_down = !loud;
    for (int c = 0; c < CU_COUNTER_COUNT; c++)
        sim->result->counters[c] += cu_core_counters(node->core)[c];
    cu_sim_node_free(node);
    node->frozen_ns = 0;
}

/* The command carries the new generation: a node that knows it already does nothing.
 * */
void cu_sim_node_refresh(struct cu_sim *sim, struct cu_sim_node *node, uint32_t target)
{
    cu_core_refresh(node->core, "/", 1, target, sim->engine.now_ns);
    if (node->refreshed_ns < sim->refresh_begun[target % 64])
        node->refreshed_ns = sim->refresh_begun[target % 64];
    cu_sim_node_run(node);
}
