/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes, and the caches of their node's kernel: a name is looked up once per node, a page is
 * read once, a negative entry is kept for a while, a listing is kept. Processes of a node that want
 * the same thing at the same time wait for one request, as in the kernel.
 *
 * A process may run ahead of the simulated clock, by at most one slice, as long as its kernel
 * answers from its caches; before it sends a request, the clock catches up. */
#include "sim.h"

#include "base/path.h"
#include "proto/piece.h"

#include <dirent.h>
#include <errno.h>

#define SLICE_NS  (1 * CU_SIM_MS)
#define TRIES_MAX 4u

enum outcome { GO_ON, WAIT, LATER };

static struct cu_sim_node *node_of(struct cu_sim *sim, const struct cu_sim_proc *proc)
{
    return &sim->nodes[proc->node];
}

void cu_sim_kernel_start(struct cu_sim *sim, struct cu_sim_node *node, uint64_t from_ns)
{
    uint64_t spread = sim->config.machine.spawn_spread_ns;

    for (uint32_t i = 0; i < sim->config.processes; i++) {
        uint32_t index = node->rank * sim->config.processes + i;
        struct cu_sim_proc *proc = &sim->procs[index];

        if (proc->state == CU_SIM_PROC_RUNS || proc->state == CU_SIM_PROC_WAITS ||
            (proc->state == CU_SIM_PROC_DONE && proc->run == sim->run + 1))
            continue;
        *proc = (struct cu_sim_proc){.node = node->rank, .state = CU_SIM_PROC_RUNS};
        proc->run = (uint8_t)(sim->run + 1);
        proc->start_ns = from_ns + (spread ? cu_sim_rng_below(&sim->rng, spread) : 0);
        proc->local_ns = proc->start_ns;
        cu_sim_engine_push(&sim->engine, proc->start_ns, CU_SIM_STEP, node->rank, index, NULL);
    }
}

static enum outcome wait_for(struct cu_sim_proc *proc, enum cu_kind kind, uint32_t file,
                             uint32_t chunk, uint32_t piece)
{
    proc->state = CU_SIM_PROC_WAITS;
    proc->wait_kind = (uint8_t)kind;
    proc->wait_file = file;
    proc->wait_chunk = chunk;
    proc->wait_piece = piece;
    proc->since_ns = proc->local_ns; /* it may have run ahead */
    return WAIT;
}

static uint32_t now_ms(const struct cu_sim *sim)
{
    return (uint32_t)(sim->engine.now_ns / CU_SIM_MS);
}

static bool negative(const struct cu_sim *sim, uint32_t dentry)
{
    return (dentry & CU_SIM_DENTRY_STATE) == CU_SIM_DENTRY_NEGATIVE &&
           (dentry & CU_SIM_DENTRY_LOW) > now_ms(sim);
}

/* The first name on the path to `file` for which the kernel has no positive entry; CU_SIM_NONE: it
 * has all. */
static uint32_t first_unknown(const struct cu_sim *sim, const struct cu_sim_node *node,
                              uint32_t file)
{
    uint32_t unknown = CU_SIM_NONE;

    while (file != 0 && (node->dentry[file] & CU_SIM_DENTRY_STATE) != CU_SIM_DENTRY_POSITIVE) {
        unknown = file;
        file = sim->world->files[file].parent;
    }
    return unknown;
}

/* GO_ON with *there: the name is resolved, one way or the other. */
static enum outcome resolve(struct cu_sim *sim, struct cu_sim_proc *proc, uint32_t file,
                            bool *there)
{
    struct cu_sim_node *node = node_of(sim, proc);
    uint32_t unknown = first_unknown(sim, node, file), version = 0;

    proc->local_ns += sim->config.machine.hit_ns;
    sim->result->where_ns[CU_SIM_KERNEL] += sim->config.machine.hit_ns;
    *there = unknown == CU_SIM_NONE;
    if (*there || negative(sim, node->dentry[unknown]))
        return GO_ON;
    if (proc->local_ns > sim->engine.now_ns + SLICE_NS)
        return LATER;
    if ((node->dentry[unknown] & CU_SIM_DENTRY_STATE) != CU_SIM_DENTRY_PENDING) {
        if ((node->dentry[unknown] & CU_SIM_DENTRY_STATE) == CU_SIM_DENTRY_UNKNOWN)
            version = node->dentry[unknown] & CU_SIM_DENTRY_LOW;
        node->dentry[unknown] = CU_SIM_DENTRY_PENDING;
        cu_sim_front_request(sim, node, CU_KIND_ATTR, unknown, 0, 0, version, proc->local_ns);
    }
    return wait_for(proc, CU_KIND_ATTR, unknown, 0, 0);
}

static enum outcome read_chunk(struct cu_sim *sim, struct cu_sim_proc *proc, uint32_t file,
                               uint32_t chunk, uint16_t piece, uint32_t bytes)
{
    struct cu_sim_node *node = node_of(sim, proc);
    uint8_t *page = &node->page[cu_sim_part(sim, file, chunk, piece)];
    bool held = *page == CU_SIM_PAGE_HELD ||
                node->page[cu_sim_part(sim, file, chunk, 0)] == CU_SIM_PAGE_HELD;
    uint64_t cost = sim->config.machine.hit_ns + bytes / 8; /* 8 GB/s out of the page cache */

    if (held) {
        proc->local_ns += cost;
        sim->result->where_ns[CU_SIM_KERNEL] += cost;
        return GO_ON;
    }
    if (proc->local_ns > sim->engine.now_ns + SLICE_NS)
        return LATER;
    if (*page == CU_SIM_PAGE_NONE) {
        *page = CU_SIM_PAGE_PENDING;
        cu_sim_front_request(sim, node, CU_KIND_DATA, file, chunk, piece, proc->version,
                             proc->local_ns);
    }
    return wait_for(proc, CU_KIND_DATA, file, chunk, piece);
}

/* One piece of a file of that size. */
static enum outcome jump(struct cu_sim *sim, struct cu_sim_proc *proc, const struct cu_sim_op *op,
                         uint64_t size)
{
    uint32_t chunk_bytes = sim->world->chunk_bytes;
    uint64_t start = op->first + cu_piece_start(chunk_bytes, op->piece);
    uint64_t bytes = cu_piece_bytes(chunk_bytes, op->piece);

    if (start >= size)
        return GO_ON;
    return read_chunk(sim, proc, op->file, (uint32_t)(op->first / chunk_bytes), op->piece,
                      (uint32_t)(size - start < bytes ? size - start : bytes));
}

static enum outcome do_read(struct cu_sim *sim, struct cu_sim_proc *proc,
                            const struct cu_sim_op *op)
{
    struct cu_sim_world *world = sim->world;
    uint32_t dentry, chunk;
    uint64_t size, end;
    enum outcome out;
    bool there;

    if (world->files[op->file].type == DT_DIR || world->files[op->file].type == DT_LNK)
        return GO_ON;
    if (proc->version == 0) {
        out = resolve(sim, proc, op->file, &there);
        if (out != GO_ON || !there)
            return out;
        dentry = node_of(sim, proc)->dentry[op->file];
        if (sim->config.direct && !proc->opened) {
            cu_sim_front_request(sim, node_of(sim, proc), CU_KIND_XATTR, op->file,
                                 (uint32_t)(proc - sim->procs), 0, 0, proc->local_ns);
            return wait_for(proc, CU_KIND_XATTR, op->file, (uint32_t)(proc - sim->procs), 0);
        }
        proc->version = dentry & CU_SIM_DENTRY_LOW;
        proc->at = 0;
    }
    size = cu_sim_world_size(world, op->file, proc->version);
    if (op->piece && proc->at == 0)
        return jump(sim, proc, op, size);
    if (op->piece)
        return GO_ON;
    end = op->first + op->length < size ? op->first + op->length : size;
    for (;; proc->at++) {
        chunk = (uint32_t)(op->first / world->chunk_bytes) + proc->at;
        if ((uint64_t)chunk * world->chunk_bytes >= end)
            return GO_ON;
        out = read_chunk(sim, proc, op->file, chunk, 0,
                         cu_sim_world_chunk_bytes(world, op->file, proc->version, chunk));
        if (out != GO_ON)
            return out;
    }
}

static enum outcome do_list(struct cu_sim *sim, struct cu_sim_proc *proc, uint32_t dir)
{
    struct cu_sim_node *node = node_of(sim, proc);
    enum outcome out;
    bool there;

    out = resolve(sim, proc, dir, &there);
    if (out != GO_ON || !there || (node->name[dir] & CU_SIM_NAME_LISTED))
        return out;
    if (!(node->name[dir] & CU_SIM_NAME_LISTING)) {
        node->name[dir] |= CU_SIM_NAME_LISTING;
        cu_sim_front_request(sim, node, CU_KIND_DIR, dir, 0, 0, 0, proc->local_ns);
    }
    return wait_for(proc, CU_KIND_DIR, dir, 0, 0);
}

/* Nothing is cached here: each operation of each process is a request of its own. */
static enum outcome do_original(struct cu_sim *sim, struct cu_sim_proc *proc,
                                const struct cu_sim_op *op)
{
    static const enum cu_kind kind_of[] = {[CU_SIM_OP_LOOKUP] = CU_KIND_ATTR,
                                           [CU_SIM_OP_READ] = CU_KIND_DATA,
                                           [CU_SIM_OP_LIST] = CU_KIND_DIR};
    uint32_t index = (uint32_t)(proc - sim->procs);

    if (proc->local_ns > sim->engine.now_ns)
        return LATER;
    cu_sim_front_request(sim, node_of(sim, proc), kind_of[op->kind], op->file, index, 0, 0,
                         proc->local_ns);
    return wait_for(proc, kind_of[op->kind], op->file, index, 0);
}

static enum outcome do_op(struct cu_sim *sim, struct cu_sim_proc *proc, const struct cu_sim_op *op)
{
    bool there;

    if (sim->config.original)
        return do_original(sim, proc, op);
    if (op->kind == CU_SIM_OP_LOOKUP)
        return resolve(sim, proc, op->file, &there);
    if (op->kind == CU_SIM_OP_LIST)
        return do_list(sim, proc, op->file);
    return do_read(sim, proc, op);
}

static void next_op(struct cu_sim_proc *proc)
{
    proc->pc++;
    proc->at = 0;
    proc->version = 0;
    proc->tries = 0;
    proc->thought = false;
    proc->opened = false;
}

static void ended(struct cu_sim *sim, struct cu_sim_proc *proc)
{
    proc->state = CU_SIM_PROC_DONE;
    proc->end_ns = proc->local_ns;
    sim->procs_left--;
}

void cu_sim_kernel_step(struct cu_sim *sim, uint32_t index)
{
    struct cu_sim_proc *proc = &sim->procs[index];
    struct cu_sim_op op;
    enum outcome out;

    if (proc->local_ns < sim->engine.now_ns)
        proc->local_ns = sim->engine.now_ns;
    for (;;) {
        if (!cu_sim_workload_op(sim, index, proc->pc, &op)) {
            ended(sim, proc);
            return;
        }
        if (!proc->thought) {
            proc->local_ns += (uint64_t)op.think_us * 1000;
            sim->result->where_ns[CU_SIM_COMPUTE] += (uint64_t)op.think_us * 1000;
            proc->thought = true;
        }
        if (proc->local_ns > sim->engine.now_ns + SLICE_NS) {
            cu_sim_engine_push(&sim->engine, proc->local_ns, CU_SIM_STEP, proc->node, index, NULL);
            return;
        }
        out = do_op(sim, proc, &op);
        if (out == LATER)
            cu_sim_engine_push(&sim->engine, proc->local_ns, CU_SIM_STEP, proc->node, index, NULL);
        if (out != GO_ON)
            return;
        next_op(proc);
    }
}

/* --- replies ---------------------------------------------------------------------------------- */

void cu_sim_kernel_clear_file(struct cu_sim *sim, struct cu_sim_node *node, uint32_t file)
{
    const struct cu_sim_file *f = &sim->world->files[file];

    for (uint32_t i = f->chunk_base * sim->parts; i < (f->chunk_base + f->chunk_count) * sim->parts;
         i++)
        if (node->page[i] == CU_SIM_PAGE_HELD)
            node->page[i] = CU_SIM_PAGE_NONE;
}

void cu_sim_kernel_forget(struct cu_sim *sim, struct cu_sim_node *node, const char *path,
                          size_t len)
{
    for (uint32_t i = 0; i < sim->world->count; i++) {
        const struct cu_sim_file *f = &sim->world->files[i];

        if (!cu_path_within(f->path, f->path_len, path, len))
            continue;
        if ((node->dentry[i] & CU_SIM_DENTRY_STATE) != CU_SIM_DENTRY_PENDING)
            node->dentry[i] = CU_SIM_DENTRY_UNKNOWN;
        node->name[i] &= (uint8_t)~CU_SIM_NAME_LISTED;
        cu_sim_kernel_clear_file(sim, node, i);
    }
    cu_sim_ahead_forget(node, path, len);
    for (uint32_t i = 0; i < sim->req_count; i++)
        if (sim->reqs[i].state == CU_SIM_REQ_REPLIED && sim->reqs[i].node == node->rank)
            sim->reqs[i].forgotten = true;
    node->reads_why++;
}

static void keep_attr(struct cu_sim_node *node, const struct cu_sim_req *req)
{
    uint32_t *dentry = &node->dentry[req->file];

    *dentry = CU_SIM_DENTRY_UNKNOWN;
    if (req->error == ENOENT) {
        if (!req->forgotten)
            *dentry = CU_SIM_DENTRY_NEGATIVE | (req->result & CU_SIM_DENTRY_LOW);
    } else if (!req->error && !req->forgotten) { /* else they who wait ask again */
        *dentry = CU_SIM_DENTRY_POSITIVE | req->result;
    }
}

static void keep(struct cu_sim *sim, struct cu_sim_node *node, const struct cu_sim_req *req)
{
    uint8_t *page;

    if (sim->config.original)
        return;
    if (req->kind == CU_KIND_ATTR) {
        keep_attr(node, req);
    } else if (req->kind == CU_KIND_DIR) {
        node->name[req->file] &= (uint8_t)~CU_SIM_NAME_LISTING;
        if (!req->error && !req->forgotten)
            node->name[req->file] |= CU_SIM_NAME_LISTED;
    } else if (req->kind == CU_KIND_DATA) {
        page = &node->page[cu_sim_part(sim, req->file, req->chunk, req->piece)];
        *page = CU_SIM_PAGE_NONE;
        if (!req->error && !req->forgotten &&
            node->dentry[req->file] == (CU_SIM_DENTRY_POSITIVE | req->version))
            *page = CU_SIM_PAGE_HELD;
        if (req->error == ESTALE &&
            node->dentry[req->file] == (CU_SIM_DENTRY_POSITIVE | req->version)) {
            node->dentry[req->file] = CU_SIM_DENTRY_UNKNOWN | req->version;
            cu_sim_kernel_clear_file(sim, node, req->file);
        }
    }
}

/* Handles the reply for a process that waited for it. */
static void take(struct cu_sim *sim, struct cu_sim_proc *proc, const struct cu_sim_req *req)
{
    if (req->error == 0 || sim->config.original) {
        if (req->kind == CU_KIND_DIR || sim->config.original)
            next_op(proc);
        else if (req->kind == CU_KIND_XATTR)
            proc->opened = true;
        else if (req->kind == CU_KIND_DATA && proc->version == req->version)
            proc->at++;
        return;
    }
    sim->result->errors_seen += req->error != ENOENT;
    if (req->error == ESTALE && req->kind == CU_KIND_DATA && ++proc->tries < TRIES_MAX)
        proc->version = 0; /* opens it again */
    else
        next_op(proc);
}

/* The part of a wait during which storage worked on the object. */
static uint64_t stored_during(const struct cu_sim *sim, uint32_t object, uint64_t from_ns)
{
    uint64_t begin = sim->stored_from_ns[object], end = sim->stored_to_ns[object];

    begin = begin > from_ns ? begin : from_ns;
    end = end < sim->engine.now_ns ? end : sim->engine.now_ns;
    return begin < end ? end - begin : 0;
}

/* Accounts for the time that a process waited for this reply. */
static void account(struct cu_sim *sim, const struct cu_sim_req *req, uint64_t since_ns)
{
    uint64_t *where = sim->result->where_ns, now = sim->engine.now_ns, stored;
    uint64_t waited = now > since_ns ? now - since_ns : 0;
    uint32_t chunk = sim->config.original ? 0 : req->chunk;

    if (sim->config.direct) {
        where[CU_SIM_STORAGE] += waited;
        return;
    }
    if (!req->remote) {
        where[CU_SIM_HERE] += waited;
        return;
    }
    stored = stored_during(
        sim, cu_sim_object(sim, (enum cu_kind)req->kind, req->file, chunk, req->piece), since_ns);
    if (req->kind == CU_KIND_ATTR) /* maybe answered by a listing that came for it */
        stored += stored_during(
            sim, cu_sim_object(sim, CU_KIND_DIR, sim->world->files[req->file].parent, 0, 0),
            since_ns);
    stored = stored < waited ? stored : waited;
    where[CU_SIM_STORAGE] += stored;
    where[req->kind == CU_KIND_DATA ? CU_SIM_BYTES : CU_SIM_NAMES] += waited - stored;
}

void cu_sim_kernel_reply(struct cu_sim *sim, uint32_t index)
{
    struct cu_sim_req req = sim->reqs[index];
    struct cu_sim_node *node = &sim->nodes[req.node];

    cu_sim_front_free(sim, index);
    if (!node->core || node->inc != req.inc)
        return;
    cu_sim_check_latency(sim, &req);
    keep(sim, node, &req);
    for (uint32_t i = 0; i < sim->config.processes; i++) {
        uint32_t p = node->rank * sim->config.processes + i;
        struct cu_sim_proc *proc = &sim->procs[p];

        if (proc->state != CU_SIM_PROC_WAITS || proc->wait_kind != req.kind ||
            proc->wait_file != req.file || proc->wait_chunk != req.chunk ||
            proc->wait_piece != req.piece)
            continue;
        account(sim, &req, proc->since_ns);
        proc->state = CU_SIM_PROC_RUNS;
        if (proc->local_ns < sim->engine.now_ns)
            proc->local_ns = sim->engine.now_ns;
        take(sim, proc, &req);
        cu_sim_kernel_step(sim, p);
    }
}
