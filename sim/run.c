/* SPDX-License-Identifier: BSD-3-Clause */
/* One run: set up, events until all is done, checks, figures. */
#include "sim.h"

#include "base/hash.h"
#include "core/tree.h"
#include "proto/recipe.h"

#include <errno.h>
#include <stdlib.h>

#define QUIET_NS    (20 * CU_SIM_S)   /* after the last process: queues empty, parents reconnect */
#define LIMIT_NS    (300 * CU_SIM_S)  /* of the time after the faults */
#define PATIENCE_NS (3600 * CU_SIM_S) /* of a run without them in which no process ends */
#define EVENTS_STOP 4000000000ull

const char *cu_sim_plant_name(enum cu_sim_plant plant)
{
    static const char *const names[CU_SIM_PLANT_COUNT] = {
        "none", "reply_twice", "reply_lost", "zero_fill", "mixed_versions", "holes", "overtaken"};

    return (unsigned)plant < CU_SIM_PLANT_COUNT ? names[plant] : NULL;
}

const char *cu_sim_where_name(enum cu_sim_where where)
{
    static const char *const names[CU_SIM_WHERE_COUNT] = {"compute", "kernel", "here",
                                                          "names",   "bytes",  "storage"};

    return (unsigned)where < CU_SIM_WHERE_COUNT ? names[where] : NULL;
}

void cu_sim_config_init(struct cu_sim_config *config)
{
    *config = (struct cu_sim_config){
        .seed = 1,
        .nodes = 64,
        .trees = 1,
        .processes = 1,
        .chunk_bytes = 256 * 1024,
        .inline_bytes = 64 * 1024,
        .cache_bytes = 1ull << 40,
        .max_cacheable_bytes = 10ull << 20,
        .bulk_bytes = CU_SIM_AS_DAEMON,
        .enoent_ttl_ns = 2 * CU_SIM_S,
        .storage_slots = 32,
        .orphan_slots = 2,
        .ahead_bytes = CU_AHEAD_STREAM_BYTES,
        .list_after = CU_AHEAD_LIST_AFTER,
        .runs = 1,
    };
    cu_sim_machine_init(&config->machine);
}

static void start_nodes(struct cu_sim *sim)
{
    uint64_t spread = sim->config.machine.boot_spread_ns;

    sim->nodes = cu_sim_alloc(sim->config.nodes, sizeof *sim->nodes);
    sim->proc_count = sim->config.nodes * sim->config.processes;
    sim->procs_left = sim->proc_count;
    sim->procs = cu_sim_alloc(sim->proc_count, sizeof *sim->procs);
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        sim->nodes[i].rank = i;
        sim->nodes[i].slow = 100;
        for (uint32_t p = 0; p < sim->config.processes; p++)
            sim->procs[i * sim->config.processes + p].node = i;
        cu_sim_engine_push(&sim->engine, spread ? cu_sim_rng_below(&sim->rng, spread) : 0,
                           CU_SIM_BOOT, i, 0, NULL);
    }
}

/* The shape of the job out of the seed, where it is not given. */
static void draw(struct cu_sim *sim)
{
    static const uint64_t ttls[] = {2 * CU_SIM_S, 2 * CU_SIM_S, 200 * CU_SIM_MS, 0};
    struct cu_sim_config *c = &sim->config;
    uint64_t d = cu_sim_mix(c->seed ^ 0x7368617065ull);

    c->recipe |= c->faults && (d >> 32) % 3 == 0;
    if (c->fanout == CU_SIM_DRAWN)
        c->fanout = 1 + (uint32_t)(d % 8);
    if (c->trees == CU_SIM_DRAWN)
        c->trees = 1 + (uint32_t)((d >> 8) % (c->nodes < 4 ? c->nodes : 4));
    if (c->enoent_ttl_ns == CU_SIM_DRAWN)
        c->enoent_ttl_ns = ttls[(d >> 16) % 4];
    if (c->bulk_bytes == CU_SIM_DRAWN)
        c->bulk_bytes = (d >> 24) % 3 * 2 * c->chunk_bytes;
    if (c->bulk_bytes == CU_SIM_AS_DAEMON)
        c->bulk_bytes = cu_core_bulk(c->recipe).bytes;
    if (c->bulk_stripe == 0)
        c->bulk_stripe = cu_core_bulk(c->recipe).stripe;
    if (c->fanout == 0)
        c->fanout = CU_TREE_FANOUT;
}

/* All paths are added to the pool before the first core runs, and stay in it, because messages
 * point to them. */
static int share_names(struct cu_sim *sim, struct cu_error *err)
{
    sim->names = cu_names_new();
    for (uint32_t i = 0; sim->names && i < sim->world->count; i++) {
        const struct cu_sim_file *f = &sim->world->files[i];

        if (!cu_names_get(sim->names, f->path, f->path_len, cu_hash_bytes(f->path, f->path_len)))
            return cu_error_set(err, -ENOMEM, "out of memory");
    }
    return sim->names ? 0 : cu_error_set(err, -ENOMEM, "out of memory");
}

static void drop_names(struct cu_sim *sim)
{
    for (uint32_t i = 0; sim->names && i < sim->world->count; i++) {
        const struct cu_sim_file *f = &sim->world->files[i];
        struct cu_name *name =
            cu_names_find(sim->names, f->path, f->path_len, cu_hash_bytes(f->path, f->path_len));

        if (name)
            cu_names_put(sim->names, name);
    }
    cu_names_free(sim->names);
}

static int set_up(struct cu_sim *sim, struct cu_error *err)
{
    int rc;

    draw(sim);
    if (sim->config.nodes == 0 || sim->config.trees == 0 || sim->config.trees > sim->config.nodes ||
        sim->config.processes == 0)
        return cu_error_set(err, -EINVAL, "%u nodes, %u trees, %u processes", sim->config.nodes,
                            sim->config.trees, sim->config.processes);
    if (sim->config.machine.threads == 0 || sim->config.machine.threads > CU_SIM_CREW_MAX + 1)
        return cu_error_set(err, -EINVAL, "%llu threads: allowed is 1 to %u",
                            (unsigned long long)sim->config.machine.threads, CU_SIM_CREW_MAX + 1);
    sim->crew_size = (uint32_t)sim->config.machine.threads - 1;
    cu_sim_rng_seed(&sim->rng, sim->config.seed);
    cu_sim_rng_seed(&sim->fault_rng, sim->config.seed ^ 0x6661756c74ull);
    sim->req_free = UINT32_MAX;
    rc = cu_sim_workload_init(sim, err);
    if (rc == 0)
        rc = share_names(sim, err);
    if (rc == 0)
        rc = cu_sim_node_check(sim, err);
    if (rc < 0)
        return rc;
    sim->replays_left = sim->config.nodes;
    if (sim->config.recipe)
        rc = cu_sim_recipe_make(sim);
    if (rc < 0)
        return cu_error_set(err, rc, "out of memory");
    sim->reads = cu_sim_alloc(cu_sim_object_count(sim), sizeof *sim->reads);
    sim->eio_ns = cu_sim_alloc(cu_sim_object_count(sim), sizeof *sim->eio_ns);
    cu_sim_store_init(sim);
    if (sim->config.faults)
        cu_sim_fault_plan(sim);
    else
        sim->calm = true;
    start_nodes(sim);
    return 0;
}

/* Events that concern a node's daemon or kernel: later, when it is frozen. */
static bool deferred(struct cu_sim *sim, const struct cu_sim_event *event)
{
    uint64_t until = sim->nodes[event->node].frozen_ns;

    if (event->type == CU_SIM_FAULT || event->type == CU_SIM_CLEAR || until <= sim->engine.now_ns)
        return false;
    cu_sim_engine_push(&sim->engine, until, event->type, event->node, event->a, event->p);
    return true;
}

static void node_event(struct cu_sim *sim, const struct cu_sim_event *event)
{
    struct cu_sim_node *node = &sim->nodes[event->node];

    switch (event->type) {
    case CU_SIM_BOOT:
        cu_sim_node_boot(sim, node);
        if (sim->config.faults)
            cu_sim_kernel_start(sim, node, sim->engine.now_ns + CU_SIM_MS);
        break;
    case CU_SIM_MOUNT:
        if (!node->core || node->inc != event->a)
            break;
        cu_core_mounted(node->core, sim->engine.now_ns);
        cu_sim_node_run(node);
        break;
    case CU_SIM_TIMER:
        if (node->core && node->inc == event->a)
            cu_sim_node_timer(node);
        break;
    case CU_SIM_REFRESH:
        if (node->core)
            cu_sim_node_refresh(sim, node, (uint32_t)event->a);
        break;
    }
}

static void dispatch(struct cu_sim *sim, const struct cu_sim_event *event)
{
    struct cu_sim_proc *proc;

    switch ((enum cu_sim_event_type)event->type) {
    case CU_SIM_BOOT:
    case CU_SIM_MOUNT:
    case CU_SIM_TIMER:
    case CU_SIM_REFRESH:
        node_event(sim, event);
        break;
    case CU_SIM_ARRIVE:
    case CU_SIM_RECEIVED:
    case CU_SIM_DELIVER:
    case CU_SIM_TAKEN:
    case CU_SIM_WRITTEN:
    case CU_SIM_ACCEPT:
    case CU_SIM_UP:
    case CU_SIM_TIMEOUT:
    case CU_SIM_DOWN:
        cu_sim_net_event(sim, event);
        break;
    case CU_SIM_FRONT:
        cu_sim_front_event(sim, (uint32_t)event->a);
        break;
    case CU_SIM_REPLY:
        cu_sim_kernel_reply(sim, (uint32_t)event->a);
        break;
    case CU_SIM_STEP:
        proc = &sim->procs[event->a];
        if (proc->state == CU_SIM_PROC_RUNS && proc->local_ns <= event->at_ns)
            cu_sim_kernel_step(sim, (uint32_t)event->a);
        break;
    case CU_SIM_STORED:
        cu_sim_store_done(sim, event->p);
        break;
    case CU_SIM_FAULT:
    case CU_SIM_CLEAR:
        cu_sim_fault_event(sim, event);
        break;
    case CU_SIM_EVENT_COUNT:
        break;
    }
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t ppm(uint64_t part, uint64_t whole)
{
    return whole ? (uint64_t)((double)part * 1e6 / (double)whole) : 0;
}

static void note_load(struct cu_sim *sim, uint64_t took)
{
    struct cu_sim_result *r = sim->result;

    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        const struct cu_sim_node *node = &sim->nodes[i];

        if (ppm(node->cpu_busy_ns, took) > r->busiest_cpu_ppm) {
            r->busiest_cpu_ppm = ppm(node->cpu_busy_ns, took);
            r->busiest_cpu_node = i;
        }
        if (ppm(node->crew_busy_ns, took * sim->crew_size) > r->busiest_crew_ppm)
            r->busiest_crew_ppm = ppm(node->crew_busy_ns, took * sim->crew_size);
        if (ppm(node->tx_busy_ns, took) > r->busiest_tx_ppm) {
            r->busiest_tx_ppm = ppm(node->tx_busy_ns, took);
            r->busiest_tx_node = i;
        }
        if (ppm(node->rx_busy_ns, took) > r->busiest_rx_ppm)
            r->busiest_rx_ppm = ppm(node->rx_busy_ns, took);
    }
    r->mds_busy_ppm = ppm(sim->mds_busy_ns, took * sim->config.machine.mds_servers);
    r->data_busy_ppm = ppm(sim->data_busy_ns, took * sim->config.machine.data_servers);
}

/* All processes of a run have ended: its figures, and the next one. True when it was the last. */
static bool run_over(struct cu_sim *sim)
{
    struct cu_sim_result *r = sim->result;
    uint64_t *took = cu_sim_alloc(sim->proc_count, sizeof *took), first = UINT64_MAX, last = 0;

    for (uint32_t i = 0; i < sim->proc_count; i++) {
        const struct cu_sim_proc *p = &sim->procs[i];

        took[i] = p->end_ns - p->start_ns;
        first = p->start_ns < first ? p->start_ns : first;
        last = p->end_ns > last ? p->end_ns : last;
    }
    qsort(took, sim->proc_count, sizeof *took, by_time);
    if (sim->run < 4) {
        r->run_ns[sim->run] = last - first;
        r->median_ns[sim->run] = took[sim->proc_count / 2];
    }
    free(took);
    if (sim->run == 0)
        note_load(sim, last - first);
    if (++sim->run >= sim->config.runs)
        return true;
    sim->procs_left = sim->proc_count;
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        cu_sim_kernel_start(sim, &sim->nodes[i],
                            last > sim->engine.now_ns ? last : sim->engine.now_ns);
    return false;
}

static void loop(struct cu_sim *sim)
{
    struct cu_sim_event event;
    uint64_t stop_ns = UINT64_MAX, progress_ns = 0, hash = sim->config.seed;
    uint32_t left = sim->procs_left;

    while (cu_sim_engine_pop(&sim->engine, &event)) {
        hash = cu_sim_mix(hash ^ event.at_ns) + event.type + ((uint64_t)event.node << 8) +
               (event.a << 32);
        if (event.at_ns > stop_ns) {
            cu_sim_engine_push(&sim->engine, event.at_ns, event.type, event.node, event.a, event.p);
            break;
        }
        if (deferred(sim, &event))
            continue;
        dispatch(sim, &event);
        if (sim->procs_left != left || !sim->calm) {
            left = sim->procs_left;
            progress_ns = event.at_ns;
        }
        if (left == 0 && sim->calm && stop_ns == UINT64_MAX && run_over(sim))
            stop_ns = event.at_ns + (sim->config.faults ? QUIET_NS : 10 * CU_SIM_MS);
        if (event.at_ns > progress_ns + (sim->config.faults ? LIMIT_NS : PATIENCE_NS) ||
            sim->engine.popped > EVENTS_STOP)
            break;
    }
    sim->result->trace_hash = hash;
    sim->result->events = sim->engine.popped;
}

static void drop_events(struct cu_sim *sim)
{
    struct cu_sim_event event;

    while (cu_sim_engine_pop(&sim->engine, &event)) {
        if (event.type == CU_SIM_ARRIVE || event.type == CU_SIM_RECEIVED ||
            event.type == CU_SIM_DELIVER || event.type == CU_SIM_TAKEN ||
            event.type == CU_SIM_WRITTEN)
            cu_sim_message_drop(sim, event.p);
        else if (event.type == CU_SIM_STORED)
            free(event.p);
    }
}

static void tear_down(struct cu_sim *sim)
{
    struct cu_sim_message *message;

    drop_events(sim);
    for (uint32_t i = 0; i < sim->conn_count; i++) {
        for (unsigned end = 0; end < 2; end++) {
            cu_sim_line_drop(sim, &sim->conns[i].out[end]);
            cu_sim_line_drop(sim, &sim->conns[i].in[end]);
        }
    }
    for (uint32_t i = 0; sim->nodes && i < sim->config.nodes; i++)
        cu_sim_node_free(&sim->nodes[i]);
    while ((message = sim->spare)) {
        sim->spare = message->next;
        free(message);
    }
    cu_sim_engine_free(&sim->engine);
    drop_names(sim);
    cu_sim_world_free(sim->world);
    free(sim->nodes);
    free(sim->procs);
    free(sim->ops);
    for (uint32_t i = 0; i < sim->need_count; i++)
        free(sim->needs[i].name);
    free(sim->needs);
    cu_recipe_free(sim->recipe);
    free(sim->conns);
    free(sim->reqs);
    free(sim->mds_ns);
    free(sim->data_ns);
    free(sim->eio_ns);
    free(sim->reads);
    free(sim->original_ns);
    free(sim->stored_from_ns);
    free(sim->stored_to_ns);
}

int cu_sim_run(const struct cu_sim_config *config, struct cu_sim_result *result,
               struct cu_error *err)
{
    struct cu_sim sim = {.config = *config, .result = result};
    int rc;

    *result = (struct cu_sim_result){0};
    rc = set_up(&sim, err);
    if (rc == 0) {
        loop(&sim);
        cu_sim_check_end(&sim);
        for (uint32_t i = 0; i < sim.config.nodes; i++) {
            if (!sim.nodes[i].core)
                continue;
            if (!sim.config.faults)
                cu_sim_check_memory(&sim, &sim.nodes[i]);
            for (int c = 0; c < CU_COUNTER_COUNT; c++)
                result->counters[c] += cu_core_counters(sim.nodes[i].core)[c];
        }
    }
    tear_down(&sim);
    return rc;
}
