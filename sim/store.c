/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage: metadata servers and data servers with queues, slower under a crowd. The result of an
 * operation is determined when it ends; the version is checked before and after, as by the daemon's
 * storage workers (src/storage/storage.h). */
#include "sim.h"

#include "base/hash.h"
#include "proto/holes.h"
#include "proto/piece.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STRIPE_BYTES (1u << 20)

void cu_sim_store_init(struct cu_sim *sim)
{
    sim->mds_ns = cu_sim_alloc(sim->config.machine.mds_servers, sizeof *sim->mds_ns);
    sim->data_ns = cu_sim_alloc(sim->config.machine.data_servers, sizeof *sim->data_ns);
    sim->storage_slow = 100;
    sim->stored_from_ns = cu_sim_alloc(cu_sim_object_count(sim), sizeof *sim->stored_from_ns);
    sim->stored_to_ns = cu_sim_alloc(cu_sim_object_count(sim), sizeof *sim->stored_to_ns);
}

/* One more request for a server: when it is served. */
static uint64_t serve(struct cu_sim *sim, uint64_t *free_ns, uint64_t from_ns, uint64_t service_ns,
                      uint64_t *busy_ns)
{
    uint64_t start = *free_ns > from_ns ? *free_ns : from_ns;
    double waiting = service_ns ? (double)(start - from_ns) / (double)service_ns : 0;

    service_ns = (uint64_t)((double)service_ns * (1 + waiting / (double)sim->config.machine.crowd));
    service_ns = service_ns * sim->storage_slow / 100;
    *free_ns = start + service_ns;
    *busy_ns += service_ns;
    return *free_ns;
}

uint64_t cu_sim_store_names(struct cu_sim *sim, uint64_t service_ns)
{
    const struct cu_sim_machine *machine = &sim->config.machine;
    uint64_t *first = &sim->mds_ns[0];

    for (uint64_t i = 1; i < machine->mds_servers; i++)
        if (sim->mds_ns[i] < *first)
            first = &sim->mds_ns[i];
    return serve(sim, first, sim->engine.now_ns, service_ns, &sim->mds_busy_ns) +
           machine->mds_latency_ns;
}

uint64_t cu_sim_store_bytes(struct cu_sim *sim, uint64_t from_ns, uint32_t file, uint32_t chunk,
                            uint64_t bytes)
{
    const struct cu_sim_machine *machine = &sim->config.machine;
    uint64_t stripe = (uint64_t)chunk * sim->world->chunk_bytes / STRIPE_BYTES;
    uint64_t server = (cu_sim_mix(file) + stripe) % machine->data_servers;
    uint64_t done = serve(sim, &sim->data_ns[server], from_ns,
                          cu_sim_transfer_ns(bytes, machine->data_bytes_per_s), &sim->data_busy_ns);
    uint64_t stream = from_ns + cu_sim_transfer_ns(bytes, machine->client_bytes_per_s);

    return (done > stream ? done : stream) + machine->data_latency_ns;
}

/* When it ends. */
static uint64_t schedule(struct cu_sim *sim, const struct cu_sim_store *op)
{
    const struct cu_sim_machine *machine = &sim->config.machine;
    const struct cu_sim_file *f = &sim->world->files[op->file];
    uint64_t at;

    switch (op->kind) {
    case CU_KIND_DIR:
        at = cu_sim_store_names(sim, machine->mds_op_ns);
        if (cu_version_is_none(&op->version))
            at = cu_sim_store_names(sim, machine->mds_entry_ns * f->child_count) +
                 (at - sim->engine.now_ns);
        return at;
    case CU_KIND_DATA:
        at = op->chunk == 0 ? cu_sim_store_names(sim, machine->mds_op_ns) : sim->engine.now_ns;
        return cu_sim_store_bytes(
            sim, at, op->file, op->chunk,
            cu_sim_world_chunk_bytes(sim->world, op->file, f->version, op->chunk));
    case CU_KIND_ATTR:
        at = cu_sim_store_names(sim, machine->mds_op_ns);
        if ((op->flags & CU_WANT_CONTENT) && f->type == DT_REG &&
            f->size <= sim->config.inline_bytes)
            at = cu_sim_store_bytes(sim, at, op->file, 0, f->size);
        return at;
    case CU_KIND_XATTR:
    case CU_KIND_STATFS:
    case CU_KIND_HOLES:
        break;
    }
    return cu_sim_store_names(sim, machine->mds_op_ns);
}

void cu_sim_store_note(struct cu_sim *sim, uint32_t object, uint64_t from_ns, uint64_t to_ns)
{
    sim->stored_from_ns[object] = from_ns;
    sim->stored_to_ns[object] = to_ns;
}

void cu_sim_store_submit(struct cu_sim *sim, struct cu_sim_node *node,
                         const struct cu_request *request, uint64_t id, bool direct)
{
    uint32_t file = cu_sim_world_find(sim->world, request->path, request->path_len);
    struct cu_sim_store *op;
    uint64_t done;

    if (file == CU_SIM_NONE) {
        cu_sim_violation(sim, "a read of a path that nobody asked for: %.*s",
                         (int)request->path_len, request->path);
        return;
    }
    if (request->kind == CU_KIND_DATA && request->chunk >= sim->world->files[file].chunk_count) {
        cu_sim_violation(sim, "a read of chunk %" PRIu64 " of %s, which has %u", request->chunk,
                         sim->world->files[file].path, sim->world->files[file].chunk_count);
        return;
    }
    cu_sim_check_read(sim, node, request, file, direct);
    cu_sim_node_cpu(sim, node, sim->config.machine.storage_cpu_ns);
    op = cu_sim_alloc(1, sizeof *op);
    *op = (struct cu_sim_store){
        .node = node->rank,
        .inc = node->inc,
        .id = id,
        .kind = request->kind,
        .flags = request->flags,
        .file = file,
        .chunk = (uint32_t)request->chunk,
        .piece = request->piece,
        .begun = sim->world->files[file].version,
        .begun_ns = sim->engine.now_ns,
        .version = request->version,
    };
    sim->store_open++;
    done = schedule(sim, op) + sim->storage_delay_ns;
    cu_sim_store_note(sim, cu_sim_object(sim, op->kind, file, op->chunk, op->piece), op->begun_ns,
                      done);
    cu_sim_engine_push(&sim->engine, done, CU_SIM_STORED, node->rank, 0, op);
}

/* --- results ---------------------------------------------------------------------------------- */

static void attr_value(struct cu_sim *sim, const struct cu_sim_store *op, struct cu_value *value)
{
    struct cu_sim_world *world = sim->world;
    const struct cu_sim_file *f = &world->files[op->file];

    cu_sim_world_attr(world, op->file, f->version, &value->attr);
    if (f->type == DT_LNK) {
        value->bytes = cu_sim_world_target(world, op->file);
        value->hash = cu_hash_bytes(value->bytes->data, value->bytes->size);
    } else if (f->type != DT_DIR && (op->flags & CU_WANT_CONTENT) && value->attr.size > 0 &&
               value->attr.size <= sim->config.inline_bytes) {
        value->content = cu_sim_world_chunk(world, op->file, f->version, 0, &value->content_hash);
        sim->reads[cu_sim_object(sim, CU_KIND_DATA, op->file, 0, 0)]++;
    }
}

static void dir_value(struct cu_sim *sim, const struct cu_sim_store *op, struct cu_value *value)
{
    struct cu_sim_file *f = &sim->world->files[op->file];
    struct cu_attr attr;

    if (f->type != DT_DIR) {
        value->error = ENOTDIR;
        return;
    }
    cu_sim_world_attr(sim->world, op->file, f->version, &attr);
    value->version = cu_version_of(&attr);
    if (cu_version_equal(&value->version, &op->version)) {
        value->unchanged = true;
        return;
    }
    value->bytes = cu_sim_world_listing(sim->world, op->file, &value->hash);
    if (value->bytes->size == 0) {
        cu_buf_unref(value->bytes);
        value->bytes = NULL;
    }
}

static void zero_fill(struct cu_sim *sim, const struct cu_sim_store *op, struct cu_value *value)
{
    uint32_t chunk_bytes = sim->world->chunk_bytes, full = cu_piece_bytes(chunk_bytes, op->piece);
    uint64_t had = op->version.size - (uint64_t)op->chunk * chunk_bytes -
                   cu_piece_start(chunk_bytes, op->piece);

    full = had < full ? (uint32_t)had : full;

    cu_buf_unref(value->bytes);
    value->bytes = cu_sim_buf(full);
    memset(value->bytes->data, 0, full);
    value->hash = cu_hash_bytes(value->bytes->data, full);
}

static void data_value(struct cu_sim *sim, const struct cu_sim_store *op, struct cu_value *value)
{
    struct cu_sim_world *world = sim->world;
    const struct cu_sim_file *f = &world->files[op->file];
    uint32_t wanted = cu_sim_world_version(world, op->file, &op->version);
    bool is = op->begun == f->version && f->version == wanted;
    bool shorter = cu_sim_world_size(world, op->file, f->version) < op->version.size;
    bool planted = (sim->config.plant == CU_SIM_PLANT_ZERO_FILL && shorter) ||
                   sim->config.plant == CU_SIM_PLANT_MIXED;

    if (!is && !planted) {
        value->error = ESTALE;
        return;
    }
    value->version = op->version;
    if (!is && sim->config.plant == CU_SIM_PLANT_ZERO_FILL)
        zero_fill(sim, op, value);
    else
        value->bytes =
            cu_sim_world_piece(world, op->file, f->version, op->chunk, op->piece, &value->hash);
}

/* With the plant, all of a file that has holes is one. */
static void holes_value(struct cu_sim *sim, const struct cu_sim_store *op, struct cu_value *value)
{
    const struct cu_sim_file *f = &sim->world->files[op->file];

    if (op->begun != f->version ||
        cu_sim_world_version(sim->world, op->file, &op->version) != f->version) {
        value->error = ESTALE;
        return;
    }
    value->version = op->version;
    value->bytes = cu_sim_world_holes(sim->world, op->file, f->version);
    if (value->bytes && sim->config.plant == CU_SIM_PLANT_HOLES) {
        cu_buf_unref(value->bytes);
        value->bytes = NULL;
        if (cu_holes_append(&value->bytes, (struct cu_hole){0, op->version.size}) < 0)
            abort();
    }
    if (value->bytes)
        value->hash = cu_hash_bytes(value->bytes->data, value->bytes->size);
}

static void make_value(struct cu_sim *sim, const struct cu_sim_store *op, struct cu_value *value)
{
    const struct cu_sim_file *f = &sim->world->files[op->file];
    uint64_t took = sim->engine.now_ns - op->begun_ns;

    *value = (struct cu_value){0};
    if (cu_sim_rng_chance(&sim->fault_rng, sim->storage_eio_ppm)) {
        sim->result->faults++;
        sim->eio_ns[cu_sim_object(sim, op->kind, op->file, op->chunk, op->piece)] =
            sim->engine.now_ns;
        value->error = EIO;
        return;
    }
    value->age_ms = (uint32_t)(took / CU_SIM_MS);
    if (!cu_sim_world_exists(sim->world, op->file, f->version)) {
        value->error = op->kind == CU_KIND_DATA || op->kind == CU_KIND_HOLES ? ESTALE : ENOENT;
        return;
    }
    if (op->kind == CU_KIND_ATTR)
        attr_value(sim, op, value);
    else if (op->kind == CU_KIND_DIR)
        dir_value(sim, op, value);
    else if (op->kind == CU_KIND_HOLES)
        holes_value(sim, op, value);
    else
        data_value(sim, op, value);
}

void cu_sim_store_done(struct cu_sim *sim, struct cu_sim_store *op)
{
    struct cu_sim_node *node = &sim->nodes[op->node];
    struct cu_value value;

    sim->store_open--;
    if (node->core && node->inc == op->inc) {
        make_value(sim, op, &value);
        if (value.error)
            node->reads_why++;
        cu_sim_node_cpu(sim, node, sim->config.machine.storage_cpu_ns);
        cu_sim_ahead_stored(sim, node, op->id, &value);
        cu_core_storage_done(node->core, op->id, &value, sim->engine.now_ns);
        cu_value_clear(&value);
        cu_sim_node_run(node);
    }
    free(op);
}
