/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's front: a kernel's request becomes wants of the core and events of the read-ahead
 * library, as in src/front. */
#include "sim.h"

#include "proto/dirview.h"
#include "proto/holes.h"

#include <dirent.h>
#include <errno.h>

static uint32_t new_req(struct cu_sim *sim)
{
    uint32_t index = sim->req_free;

    if (index != UINT32_MAX) {
        sim->req_free = sim->reqs[index].next_free;
        return index;
    }
    if ((sim->req_count & (sim->req_count - 1)) == 0)
        sim->reqs =
            cu_sim_grow(sim->reqs, sim->req_count ? sim->req_count * 2 : 1, sizeof *sim->reqs);
    sim->reqs[sim->req_count] = (struct cu_sim_req){.generation = 1};
    return sim->req_count++;
}

void cu_sim_front_free(struct cu_sim *sim, uint32_t index)
{
    sim->reqs[index].state = CU_SIM_REQ_FREE;
    sim->reqs[index].generation++;
    sim->reqs[index].next_free = sim->req_free;
    sim->req_free = index;
}

void cu_sim_front_request(struct cu_sim *sim, struct cu_sim_node *node, enum cu_kind kind,
                          uint32_t file, uint32_t chunk, uint16_t piece, uint32_t version,
                          uint64_t at_ns)
{
    uint32_t index = new_req(sim);
    struct cu_sim_req *req = &sim->reqs[index];
    uint64_t cpu;

    *req = (struct cu_sim_req){
        .generation = req->generation,
        .node = node->rank,
        .inc = node->inc,
        .state = CU_SIM_REQ_OPEN,
        .kind = (uint8_t)kind,
        .file = file,
        .chunk = chunk,
        .piece = piece,
        .version = version,
        .start_ns = sim->engine.now_ns,
    };
    sim->result->requests++;
    if (sim->config.direct) {
        cu_sim_direct_request(sim, index);
        return;
    }
    if (sim->config.original) {
        cu_sim_original_request(sim, index);
        return;
    }
    cpu = cu_sim_node_cpu(sim, node, sim->config.machine.fuse_cpu_ns);
    if (cpu < at_ns)
        cpu = at_ns;
    cu_sim_engine_push(&sim->engine, cpu + sim->config.machine.fuse_wait_ns / 2, CU_SIM_FRONT,
                       node->rank, index, NULL);
}

static void finish(struct cu_sim *sim, struct cu_sim_node *node, uint32_t index, int error,
                   uint32_t result, uint64_t bytes)
{
    struct cu_sim_req *req = &sim->reqs[index];
    uint64_t at =
        cu_sim_node_cpu(sim, node, bytes * sim->config.machine.fuse_bulk_cpu_ps_per_byte / 1000);

    req->state = CU_SIM_REQ_REPLIED;
    req->error = error;
    req->result = result;
    cu_sim_engine_push(&sim->engine, at + sim->config.machine.fuse_wait_ns / 2, CU_SIM_REPLY,
                       node->rank, index, NULL);
    if (sim->config.plant == CU_SIM_PLANT_REPLY_LOST && cu_sim_rng_chance(&sim->fault_rng, 1000))
        req->inc = 0;
}

static uint64_t cookie_of(const struct cu_sim *sim, uint32_t index)
{
    return (uint64_t)(sim->reqs[index].generation & INT32_MAX) << 32 | index;
}

static struct cu_request request_of(const struct cu_sim *sim, enum cu_kind kind, uint32_t file)
{
    const struct cu_sim_file *f = &sim->world->files[file];

    return (struct cu_request){.kind = kind, .path = f->path, .path_len = f->path_len};
}

/* The request is given to the core with its cookie. */
static uint64_t hand_over(struct cu_sim *sim, struct cu_sim_node *node, uint32_t index,
                          enum cu_kind kind)
{
    struct cu_sim_req *req = &sim->reqs[index];

    req->waiting = (uint8_t)kind;
    req->asked_ns = sim->engine.now_ns;
    req->refreshed_ns = node->refreshed_ns;
    return cookie_of(sim, index);
}

static void want(struct cu_sim *sim, struct cu_sim_node *node, uint32_t index,
                 const struct cu_request *request)
{
    uint64_t cookie = hand_over(sim, node, index, request->kind);

    if (cu_core_want(node->core, request, cookie, sim->engine.now_ns) < 0)
        finish(sim, node, index, ENOMEM, 0, 0);
}

static struct cu_version version_of(const struct cu_sim *sim, uint32_t file, uint32_t version)
{
    struct cu_attr attr;

    cu_sim_world_attr(sim->world, file, version, &attr);
    return cu_version_of(&attr);
}

/* Until when (ms) the kernel may use an entry that is this old. */
static uint32_t believed_until(const struct cu_sim *sim, uint32_t age_ms)
{
    uint64_t until = (sim->engine.now_ns + sim->config.enoent_ttl_ns) / CU_SIM_MS;

    until = until > age_ms ? until - age_ms : 0;
    return until < CU_SIM_DENTRY_LOW ? (uint32_t)until : CU_SIM_DENTRY_LOW;
}

/* Makes a large listing ready at once. */
static void view_listing(struct cu_sim *sim, struct cu_sim_node *node, uint32_t dir)
{
    struct cu_request request = request_of(sim, CU_KIND_DIR, dir);
    const struct cu_value *value = cu_core_peek(node->core, &request, sim->engine.now_ns);
    struct cu_dirview *view;

    if (!value || cu_dirview_make(value->bytes, &view) < 0)
        return;
    cu_core_viewed(node->core, request.path, request.path_len, view, sim->engine.now_ns);
    cu_dirview_unref(view);
}

/* Answers from the directory's listing held here, or asks for an object. True: the attributes were
 * asked for. */
static bool look_up(struct cu_sim *sim, struct cu_sim_node *node, uint32_t index, bool list_first)
{
    struct cu_sim_req *req = &sim->reqs[index];
    struct cu_ahead_name name = cu_sim_ahead_name(sim, req->file);
    struct cu_core_lookup lookup = {
        .attr = request_of(sim, CU_KIND_ATTR, req->file),
        .dir_len = name.dir_len,
        .list_first = list_first,
    };
    uint64_t now_ns = sim->engine.now_ns, cookie = hand_over(sim, node, index, CU_KIND_ATTR);
    uint32_t parent = sim->world->files[req->file].parent, age_ms = 0;
    int rc;

    if (cu_ahead_content(node->ahead, name.name, name.name_len))
        lookup.attr.flags = CU_WANT_CONTENT;
    if (req->version)
        lookup.attr.version = version_of(sim, req->file, req->version);
    rc = cu_core_lookup(node->core, &lookup, cookie, now_ns, &age_ms);
    if (rc == -EAGAIN) {
        view_listing(sim, node, parent);
        rc = cu_core_lookup(node->core, &lookup, cookie, now_ns, &age_ms);
    }
    if (rc == CU_LOOKED_ABSENT) {
        finish(sim, node, index, ENOENT, believed_until(sim, age_ms), 0);
    } else if (rc == CU_LOOKED_LISTING) {
        req->waiting = CU_KIND_DIR;
        cu_ahead_listed(node->ahead, cu_sim_ahead_dir(node, parent));
    } else if (rc == CU_LOOKED_ATTR) {
        cu_ahead_asked(node->ahead, &name, false);
    } else {
        finish(sim, node, index, ENOMEM, 0, 0);
    }
    return rc == CU_LOOKED_ATTR;
}

static void look_up_first(struct cu_sim *sim, struct cu_sim_node *node, uint32_t index)
{
    uint32_t file = sim->reqs[index].file;
    struct cu_ahead_dir *dir = cu_sim_ahead_dir(node, sim->world->files[file].parent);
    struct cu_ahead_name name = cu_sim_ahead_name(sim, file);

    if (look_up(
            sim, node, index,
            cu_ahead_lists_first(node->ahead, dir, name.name, name.name_len, sim->engine.now_ns)))
        cu_ahead_looked_up(node->ahead, dir, &name);
}

static bool is_in_hole(struct cu_sim *sim, struct cu_sim_node *node, const struct cu_sim_req *req,
                       const struct cu_ahead_read *read)
{
    struct cu_buf *holes = cu_sim_ahead_holes(sim, node, req->file, req->version);
    bool covered = holes && cu_holes_cover(holes, read->start, read->end);

    cu_buf_unref(holes);
    return covered;
}

static void read_part(struct cu_sim *sim, struct cu_sim_node *node, uint32_t index)
{
    const struct cu_sim_req *req = &sim->reqs[index];
    struct cu_request request = request_of(sim, CU_KIND_DATA, req->file);
    struct cu_ahead_read read;
    struct cu_attr attr;

    cu_sim_world_attr(sim->world, req->file, req->version, &attr);
    request.version = cu_version_of(&attr);
    request.chunk = req->chunk;
    request.piece = req->piece;
    read = cu_sim_ahead_read(sim, node, req, &attr);
    node->read_version = req->version;
    cu_ahead_read(node->ahead, &read); /* the workload says what is a piece */
    if (is_in_hole(sim, node, req, &read)) {
        cu_sim_check_hole(sim, req);
        finish(sim, node, index, 0, 0, 0);
    } else {
        want(sim, node, index, &request);
    }
    cu_ahead_reads_on(node->ahead, &read);
}

void cu_sim_front_event(struct cu_sim *sim, uint32_t index)
{
    struct cu_sim_req *req = &sim->reqs[index];
    struct cu_sim_node *node = &sim->nodes[req->node];
    struct cu_request request;

    if (!node->core || node->inc != req->inc) {
        cu_sim_front_free(sim, index);
        return;
    }
    if (req->kind == CU_KIND_ATTR) {
        look_up_first(sim, node, index);
    } else if (req->kind == CU_KIND_DATA) {
        read_part(sim, node, index);
    } else {
        request = request_of(sim, (enum cu_kind)req->kind, req->file);
        if (req->kind == CU_KIND_DIR)
            cu_ahead_listed(node->ahead, cu_sim_ahead_dir(node, req->file));
        want(sim, node, index, &request);
    }
    cu_sim_node_run(node);
}

static void listing_done(struct cu_sim *sim, struct cu_sim_node *node, uint32_t index,
                         const struct cu_value *value)
{
    uint32_t parent = sim->world->files[sim->reqs[index].file].parent;

    if (value->error)
        cu_ahead_list_failed(node->ahead, cu_sim_ahead_dir(node, parent), sim->engine.now_ns);
    (void)look_up(sim, node, index, false);
}

/* Passes the answer's events to the library, after the kernel has got its answer. */
static void tell_ahead(struct cu_sim *sim, struct cu_sim_node *node, enum cu_kind kind,
                       uint32_t file, uint32_t version, const struct cu_value *value)
{
    const struct cu_sim_file *f = &sim->world->files[file];
    struct cu_attr attr;

    if (kind == CU_KIND_ATTR && value->error == ENOENT)
        cu_ahead_absent(node->ahead, cu_sim_ahead_dir(node, f->parent),
                        f->path + f->path_len - f->name_len, f->name_len);
    else if (kind == CU_KIND_ATTR && !value->error)
        cu_sim_ahead_found(sim, node, file, value);
    else if (kind == CU_KIND_DIR && !value->error &&
             cu_ahead_hold(node->ahead, cu_sim_ahead_dir(node, file), value) < 0)
        cu_sim_violation(sim, "node %u: %s has no listing", node->rank, f->path);
    if (kind != CU_KIND_DATA || value->error || !value->bytes || !sim->world->sparse)
        return;
    cu_sim_world_attr(sim->world, file, version, &attr);
    cu_ahead_bytes(node->ahead, f, &attr, value->bytes);
}

void cu_sim_front_reply(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cookie,
                        enum cu_core_where where, const struct cu_value *value)
{
    uint32_t index = (uint32_t)cookie, file, of_version;
    struct cu_sim_req *req = index < sim->req_count ? &sim->reqs[index] : NULL;
    uint64_t bytes = 0;
    uint32_t result = 0;
    enum cu_kind kind;

    if (cookie & CU_SIM_FETCH) {
        if (sim->config.stage)
            cu_sim_stage_fetched(sim, node, cookie, value);
        else
            cu_sim_recipe_fetched(sim, node, cookie, value);
        return;
    }
    if (!req || (req->generation & INT32_MAX) != (uint32_t)(cookie >> 32) ||
        req->state != CU_SIM_REQ_OPEN || req->node != node->rank || req->inc != node->inc) {
        cu_sim_violation(sim, "node %u: a reply to a request that is not open", node->rank);
        return;
    }
    if (where != CU_WHERE_HERE)
        req->remote = true;
    cu_sim_check_value(sim, req, value);
    if (req->kind == CU_KIND_ATTR && req->waiting == CU_KIND_DIR) {
        listing_done(sim, node, index, value);
        return;
    }
    kind = (enum cu_kind)req->kind;
    file = req->file;
    of_version = req->version;
    if (value->error == ENOENT && kind == CU_KIND_ATTR)
        result = believed_until(sim, value->age_ms);
    else if (!value->error && kind == CU_KIND_ATTR) {
        struct cu_version version = cu_version_of(&value->attr);

        result = cu_sim_world_version(sim->world, file, &version);
    }
    if (value->bytes && kind != CU_KIND_ATTR)
        bytes = cu_sim_world_true_bytes(sim->world, value->bytes);
    finish(sim, node, index, value->error, result, bytes);
    tell_ahead(sim, node, kind, file, of_version, value);
    if (sim->config.plant == CU_SIM_PLANT_REPLY_TWICE && cu_sim_rng_chance(&sim->fault_rng, 1000))
        cu_sim_front_reply(sim, node, cookie, where, value);
}
