/* SPDX-License-Identifier: BSD-3-Clause */
/* A baseline, as a model: the published algorithm of the original Copper. One request per path and
 * operation up a tree of at most five levels, whole files stored and forwarded level by level,
 * names that do not exist remembered for 2 s, nothing cached in the kernel, files above the limit
 * straight from storage.
 *
 * Two costs are fitted to two published times, because no other data is known: the cost of an
 * operation that the node's own daemon answers (second run), and the additional cost of one whose
 * answer comes through the tree (first run). The latter is a waiting time and no CPU time of a
 * daemon: else the first run would grow with the number of children, but the published times are
 * nearly constant. It does not apply to names that do not exist: else the second run, which asks
 * for them again, would take longer.
 *
 * The time at which an object arrives on a node is computed in one step, up the tree and down
 * again, from the times at which each CPU and the storage become free; there are no events in
 * between. Requests are served in the order in which they were sent, which is accurate enough for a
 * model. */
#include "sim.h"

#include "core/tree.h"

#include <dirent.h>
#include <errno.h>

#define ENOENT_NS (2 * CU_SIM_S)

/* Fan-out by node count, as published. */
static uint32_t fanout_of(uint32_t nodes)
{
    static const uint32_t up_to[] = {31, 121, 341, 781, 1555};

    for (uint32_t i = 0; i < sizeof up_to / sizeof *up_to; i++)
        if (nodes <= up_to[i])
            return i + 2;
    return 7;
}

/* Levels below the root. There are at most five levels: in a large job the last one is as wide as
 * necessary.
 * */
static uint32_t parent_of(const struct cu_sim *sim, uint32_t rank)
{
    uint32_t fanout = fanout_of(sim->config.nodes), inner = 1, level = 1;

    for (int i = 0; i < 3; i++) {
        level *= fanout;
        inner += level;
    }
    if (rank < inner + level * fanout)
        return (rank - 1) / fanout;
    /* spread over the fourth level */
    return inner - level + (rank - inner) % level;
}

static uint64_t cpu(struct cu_sim *sim, uint32_t rank, uint64_t from_ns, uint64_t cost_ns)
{
    struct cu_sim_node *node = &sim->nodes[rank];

    if (node->cpu_ns < from_ns)
        node->cpu_ns = from_ns;
    node->cpu_ns += cost_ns;
    node->cpu_busy_ns += cost_ns;
    return node->cpu_ns;
}

static uint64_t from_storage(struct cu_sim *sim, const struct cu_sim_req *req, uint64_t from_ns)
{
    const struct cu_sim_machine *machine = &sim->config.machine;
    const struct cu_sim_file *f = &sim->world->files[req->file];
    uint64_t wait = from_ns - sim->engine.now_ns, service = machine->mds_op_ns, at;

    sim->result->storage_reads++;
    if (req->kind == CU_KIND_DIR)
        service += f->child_count * machine->mds_entry_ns;
    at = cu_sim_store_names(sim, service) + wait;
    if (req->kind == CU_KIND_DATA)
        at = cu_sim_store_bytes(sim, at, req->file, 0, f->size);
    cu_sim_store_note(sim, cu_sim_object(sim, (enum cu_kind)req->kind, req->file, 0, 0), from_ns,
                      at);
    return at;
}

/* The time at which the node has the object when it asks at from_ns. */
static uint64_t have(struct cu_sim *sim, uint32_t rank, const struct cu_sim_req *req,
                     uint64_t from_ns)
{
    const struct cu_sim_machine *machine = &sim->config.machine;
    const struct cu_sim_file *f = &sim->world->files[req->file];
    uint64_t *at =
        &sim->original_ns[((uint64_t)rank * 3 + req->kind - 1) * sim->world->count + req->file];
    uint64_t bytes = req->kind == CU_KIND_DATA ? f->size : 200, there, latency;
    uint32_t parent;

    if (*at && (f->type != CU_SIM_ABSENT || *at + ENOENT_NS > from_ns))
        return *at;
    if (rank == 0) {
        *at = from_storage(sim, req, from_ns);
        return *at;
    }
    parent = parent_of(sim, rank);
    latency = cu_sim_machine_latency(machine, rank, parent);
    there = cpu(sim, parent, from_ns + latency, machine->original_rpc_cpu_ns);
    there = have(sim, parent, req, there);
    there = cpu(sim, parent, there, bytes * machine->original_bulk_ps_per_byte / 1000);
    there += latency + cu_sim_transfer_ns(bytes, machine->nic_bytes_per_s);
    *at = cpu(sim, rank, there, bytes * machine->original_bulk_ps_per_byte / 1000);
    return *at;
}

void cu_sim_original_request(struct cu_sim *sim, uint32_t index)
{
    const struct cu_sim_machine *machine = &sim->config.machine;
    struct cu_sim_req *req = &sim->reqs[index];
    const struct cu_sim_file *f = &sim->world->files[req->file];
    uint64_t at, there;

    if (!sim->original_ns)
        sim->original_ns = cu_sim_alloc((size_t)sim->config.nodes * 3 * sim->world->count,
                                        sizeof *sim->original_ns);
    at = cpu(sim, req->node, sim->engine.now_ns, machine->original_here_ns);
    if (req->kind == CU_KIND_DATA && f->size > sim->config.max_cacheable_bytes) {
        there = from_storage(sim, req, at);
        req->remote = true;
    } else {
        there = have(sim, req->node, req, at);
        if (req->node && f->type != CU_SIM_ABSENT)
            there += machine->original_travel_ns;
        req->remote = there > at;
    }
    at = there > at ? there : at;
    req->error = f->type == CU_SIM_ABSENT ? ENOENT : 0;
    req->result = req->error ? 0 : f->version;
    req->state = CU_SIM_REQ_REPLIED;
    cu_sim_engine_push(&sim->engine, at, CU_SIM_REPLY, req->node, index, NULL);
}
