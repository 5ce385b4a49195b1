/* SPDX-License-Identifier: BSD-3-Clause */
/* The checkers: invariants of the whole job, checked after each step and at the end. The first
 * violation is kept as text; all are counted. Only this file looks inside the core, to check that
 * nothing is left there. */
#include "sim.h"

#include "base/hash.h"
#include "core/cache.h"
#include "core/state.h"
#include "core/waiters.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A request is answered at most this long after a fault: silence is noticed after 3 s, a connection
 * that is not answered given up after 2 s, three candidates are tried at a time; several faults may
 * meet.
 * */
#define HANG_NS  (15 * CU_SIM_S)
#define TOLD_MAX 2000u /* violations that --verbose prints */
/* Errors of storage are passed on and not cached: an EIO is not older than its way through the
 * tree. */
#define EIO_OLD_NS (500 * CU_SIM_MS)

void cu_sim_violation(struct cu_sim *sim, const char *format, ...)
{
    va_list args;
    int at;

    if (sim->config.verbose && sim->result->violations < TOLD_MAX) {
        fputs("violation: ", stderr);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
    }
    if (sim->result->violations++ > 0)
        return;
    at = snprintf(sim->result->first, sizeof sim->result->first,
                  "at %.6f s: ", (double)sim->engine.now_ns / 1e9);
    va_start(args, format);
    vsnprintf(sim->result->first + at, sizeof sim->result->first - (size_t)at, format, args);
    va_end(args);
}

static const char *path_of(const struct cu_sim *sim, const struct cu_sim_req *req)
{
    return sim->world->files[req->file].path;
}

/* --- values ----------------------------------------------------------------------------------- */

/* How long an answer may have been under way from the root, parents' freezes included. */
static uint64_t way_ns(const struct cu_sim *sim, uint32_t rank)
{
    uint32_t hops = 1;

    for (uint32_t t = 0; t < cu_sim_trees(sim); t++) {
        struct cu_tree tree = cu_sim_tree(sim, t);
        uint32_t depth = cu_tree_ancestors(&tree, rank, NULL, 0);

        hops = depth > hops ? depth : hops;
    }
    return hops * sim->delay_max_ns + sim->freeze_max_ns;
}

/* When storage last failed with EIO for what the request waits for: a piece may wait for its chunk.
 */
static uint64_t error_ns(const struct cu_sim *sim, const struct cu_sim_req *req)
{
    enum cu_kind kind = (enum cu_kind)req->waiting;
    uint64_t own = sim->eio_ns[cu_sim_object(sim, kind, req->file, req->chunk, req->piece)];
    uint64_t whole = sim->eio_ns[cu_sim_object(sim, kind, req->file, req->chunk, 0)];

    return own > whole ? own : whole;
}

/* What expires may be so much older than the request that it answers. */
static uint64_t may_lag_ns(const struct cu_sim *sim, const struct cu_sim_req *req)
{
    return sim->config.enoent_ttl_ns + way_ns(sim, req->node) + 100 * CU_SIM_MS;
}

/* Was this the state of storage at a time that the request may have seen? */
static bool error_is_true(const struct cu_sim *sim, const struct cu_sim_req *req, int error)
{
    const struct cu_sim_file *f = &sim->world->files[req->file];
    uint64_t now = sim->engine.now_ns, eio, slack;

    eio = error_ns(sim, req);
    if (req->waiting == CU_KIND_DIR && req->kind == CU_KIND_ATTR) {
        eio = sim->eio_ns[cu_sim_object(sim, CU_KIND_DIR, f->parent, 0, 0)];
        f = &sim->world->files[f->parent];
    }
    slack = may_lag_ns(sim, req);
    if (error == ENOENT)
        return f->absent_ns == UINT64_MAX ||
               (f->absent_ns && f->absent_ns + slack >= req->asked_ns);
    if (error == ESTALE && req->waiting == CU_KIND_DATA)
        return f->version != req->version;
    if (error == EIO)
        return eio && eio + way_ns(sim, req->node) + EIO_OLD_NS >= now;
    return false;
}

/* After a refresh no request may be answered with a state that was out of date before it. */
static void check_fresh(struct cu_sim *sim, const struct cu_sim_req *req, uint32_t version)
{
    const struct cu_sim_file *f = &sim->world->files[req->file];

    if (version < f->version && f->changed_ns < req->refreshed_ns)
        cu_sim_violation(sim, "node %u: %s of version %u, which was old before the refresh",
                         req->node, path_of(sim, req), version);
}

static void check_attr(struct cu_sim *sim, const struct cu_sim_req *req,
                       const struct cu_value *value)
{
    struct cu_version has = cu_version_of(&value->attr);
    uint32_t version = cu_sim_world_version(sim->world, req->file, &has);
    struct cu_attr right;
    struct cu_buf *target;

    if (!version || !cu_sim_world_exists(sim->world, req->file, version)) {
        cu_sim_violation(sim, "node %u: attributes of %s that it never had", req->node,
                         path_of(sim, req));
        return;
    }
    cu_sim_world_attr(sim->world, req->file, version, &right);
    if (right.mode != value->attr.mode || right.nlink != value->attr.nlink ||
        right.uid != value->attr.uid || right.blocks != value->attr.blocks ||
        right.mtime.sec != value->attr.mtime.sec || right.mtime.nsec != value->attr.mtime.nsec)
        cu_sim_violation(sim, "node %u: wrong attributes of %s", req->node, path_of(sim, req));
    if (sim->world->files[req->file].type == DT_LNK) {
        target = cu_sim_world_target(sim->world, req->file);
        if (!value->bytes || value->bytes->size != target->size ||
            memcmp(value->bytes->data, target->data, target->size) != 0)
            cu_sim_violation(sim, "node %u: wrong target of %s", req->node, path_of(sim, req));
        cu_buf_unref(target);
    }
    check_fresh(sim, req, version);
}

static void check_dir(struct cu_sim *sim, const struct cu_sim_req *req, uint32_t dir,
                      const struct cu_value *value)
{
    const struct cu_sim_file *f = &sim->world->files[dir];
    uint32_t version = cu_sim_world_version(sim->world, dir, &value->version);
    uint64_t hash = value->bytes ? cu_hash_bytes(value->bytes->data, value->bytes->size) : 0;

    if (value->unchanged)
        cu_sim_violation(sim, "node %u: 'unchanged' for the listing of %s", req->node, f->path);
    else if (!version || version >= f->list_hash_count || f->list_hashes[version] != hash)
        cu_sim_violation(sim, "node %u: a listing of %s that it never had", req->node, f->path);
    else if (version < f->version && f->changed_ns + may_lag_ns(sim, req) < req->asked_ns)
        cu_sim_violation(sim, "node %u: a listing of %s that is older than -E", req->node, f->path);
}

static void check_data(struct cu_sim *sim, const struct cu_sim_req *req,
                       const struct cu_value *value)
{
    uint64_t hash;
    struct cu_buf *right =
        cu_sim_world_piece(sim->world, req->file, req->version, req->chunk, req->piece, &hash);

    if (!value->bytes)
        cu_sim_violation(sim, "node %u: no bytes of %s", req->node, path_of(sim, req));
    else if (value->hash != hash || value->bytes->size != right->size ||
             (value->bytes != right && memcmp(value->bytes->data, right->data, right->size) != 0))
        cu_sim_violation(sim, "node %u: wrong bytes of %s, version %u, chunk %u", req->node,
                         path_of(sim, req), req->version, req->chunk);
    cu_buf_unref(right);
}

/* Zeros are handed out without the bytes of storage. */
void cu_sim_check_hole(struct cu_sim *sim, const struct cu_sim_req *req)
{
    uint64_t hash;
    struct cu_buf *right =
        cu_sim_world_piece(sim->world, req->file, req->version, req->chunk, req->piece, &hash);

    for (size_t i = 0; i < right->size; i++) {
        if (right->data[i] == 0)
            continue;
        cu_sim_violation(sim, "node %u: zeros for data of %s, version %u, chunk %u", req->node,
                         path_of(sim, req), req->version, req->chunk);
        break;
    }
    cu_buf_unref(right);
}

void cu_sim_check_value(struct cu_sim *sim, const struct cu_sim_req *req,
                        const struct cu_value *value)
{
    if (value->error) {
        if (!error_is_true(sim, req, value->error))
            cu_sim_violation(sim, "node %u: error %d (%s) for %s, which storage never said",
                             req->node, value->error, strerror(value->error), path_of(sim, req));
        return;
    }
    if (req->waiting == CU_KIND_ATTR)
        check_attr(sim, req, value);
    else if (req->waiting == CU_KIND_DIR)
        check_dir(sim, req,
                  req->kind == CU_KIND_DIR ? req->file : sim->world->files[req->file].parent,
                  value);
    else
        check_data(sim, req, value);
}

/* --- storage ---------------------------------------------------------------------------------- */

/* As the core spreads objects over trees. */
static uint32_t tree_of(const struct cu_sim *sim, const struct cu_request *request)
{
    const struct cu_sim_config *c = &sim->config;
    uint64_t spread = cu_hash_bytes(request->path, request->path_len) >> 8;
    uint32_t bulk = cu_sim_trees(sim) - c->trees;

    if (request->kind != CU_KIND_DATA || (request->flags & CU_WANT_HOME))
        return (uint32_t)(spread % c->trees);
    if (bulk && request->version.size >= c->bulk_bytes)
        return c->trees + (uint32_t)((spread + request->chunk / c->bulk_stripe) % bulk);
    return (uint32_t)((spread + request->chunk) % c->trees);
}

static void count_read(struct cu_sim *sim, const struct cu_request *request, uint32_t file,
                       bool direct)
{
    struct cu_sim_result *r = sim->result;
    uint32_t object =
                 cu_sim_object(sim, request->kind, file, (uint32_t)request->chunk, request->piece),
             whole;

    if (direct) {
        r->storage_reads_direct++;
    } else if (request->kind == CU_KIND_DIR && !cu_version_is_none(&request->version)) {
        r->storage_revalidations++;
    } else {
        r->storage_reads++;
        r->unique_objects += sim->reads[object] == 0;
        if (sim->reads[object] < UINT16_MAX)
            sim->reads[object]++;
    }
    whole = cu_sim_object(sim, request->kind, file, (uint32_t)request->chunk, 0);
    if (sim->config.exact && !direct &&
        (sim->reads[object] > 1 || (object != whole && sim->reads[whole] > 0)))
        cu_sim_violation(sim, "%s (kind %d, chunk %" PRIu64 ") is read from storage again",
                         sim->world->files[file].path, (int)request->kind, request->chunk);
}

void cu_sim_check_read(struct cu_sim *sim, struct cu_sim_node *node,
                       const struct cu_request *request, uint32_t file, bool direct)
{
    const uint64_t *counters = cu_core_counters(node->core);
    uint32_t tree = tree_of(sim, request), object, why;
    bool root = cu_core_parent(node->core, tree) == node->rank;
    struct cu_tree shape = cu_sim_tree(sim, tree);

    count_read(sim, request, file, direct);
    if (direct && counters[CU_COUNT_bad_checksums] == 0 && !sim->refusals &&
        (request->kind != CU_KIND_DATA || request->version.size <= sim->config.max_cacheable_bytes))
        cu_sim_violation(sim, "node %u reads %s past the trees", node->rank,
                         sim->world->files[file].path);
    if (!direct && !root)
        cu_sim_violation(sim, "node %u reads %s from storage and is no root", node->rank,
                         sim->world->files[file].path);
    if (!sim->config.faults) {
        if (!direct && cu_tree_place(&shape, node->rank) != 0)
            cu_sim_violation(sim, "node %u reads %s, but nothing has failed", node->rank,
                             sim->world->files[file].path);
        return;
    }
    object = cu_sim_object(sim, request->kind, file, (uint32_t)request->chunk, request->piece);
    why = node->reads_why +
          (uint32_t)(counters[CU_COUNT_evictions] + counters[CU_COUNT_expired] +
                     counters[CU_COUNT_bad_checksums] + counters[CU_COUNT_stale_versions]);
    if ((request->kind == CU_KIND_DATA || request->kind == CU_KIND_HOLES) &&
        sim->world->files[file].version != 1) /* versions share a place in the count */
        why += sim->world->files[file].version;
    if (++node->reads[object] > 1 + why)
        cu_sim_violation(sim, "node %u reads %s %u times from storage, %u explained", node->rank,
                         sim->world->files[file].path, node->reads[object], why);
}

/* --- bounds ----------------------------------------------------------------------------------- */

void cu_sim_check_latency(struct cu_sim *sim, const struct cu_sim_req *req)
{
    uint64_t took = sim->engine.now_ns - req->start_ns;

    if (took > sim->result->longest_ns)
        sim->result->longest_ns = took;
    if (sim->config.faults && took > HANG_NS)
        cu_sim_violation(sim, "node %u waited %.1f s for %s (kind %d)", req->node,
                         (double)took / 1e9, path_of(sim, req), (int)req->kind);
}

static uint64_t window_of(const struct cu_core_config *c, uint32_t tree)
{
    bool bulk = tree >= c->tree_count;
    uint64_t window = c->cache_bytes / 8 / (bulk ? 15 : c->fanout * c->tree_count);
    uint64_t least = 4ull * c->chunk_bytes, most = bulk ? 4u << 20 : 32u << 20;

    return window > most && most > least ? most : window < least ? least : window;
}

/* Does somebody wait for the flight? It, too, who waits for a child's want that is not later. */
static bool somebody_waits(const struct flight *flight)
{
    cu_list_for_each (link, &flight->waiters) {
        if (!CU_LIST_ENTRY(link, struct waiter, link)->later)
            return true;
    }
    return false;
}

/* What somebody waits for is never among what nobody waits for. */
static void check_haste(struct cu_sim *sim, const struct cu_sim_node *node)
{
    const struct cu_core *core = node->core;

    for (unsigned i = 0; i < LANES; i++) {
        cu_list_for_each (link, &core->lanes[i].lines[LINE_LATER].queue) {
            const struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);

            if (!flight->later || somebody_waits(flight))
                cu_sim_violation(sim, "node %u: %s waits behind what nobody waits for", node->rank,
                                 flight->object->name->path);
        }
    }
    for (uint32_t t = 0; t < core->route_count; t++) {
        cu_list_for_each (link, &core->routes[t].flights) {
            const struct flight *flight = CU_LIST_ENTRY(link, struct flight, link);

            if (flight->later && somebody_waits(flight))
                cu_sim_violation(sim, "node %u: %s is asked for as if nobody waited", node->rank,
                                 flight->object->name->path);
        }
    }
}

/* The bounds of src/core/flow.c: what a child may have in service, parked and not taken. */
static void check_queues(struct cu_sim *sim, const struct cu_sim_node *node)
{
    const struct cu_core *core = node->core;
    const struct cu_core_config *c = &core->config;
    uint64_t answer = c->chunk_bytes + 65536ull, windows = 0, flow_max[CU_TREES_MAX];
    uint32_t trees = cu_sim_trees(sim);

    for (uint32_t t = 0; t < trees; t++) {
        uint64_t window = window_of(c, t);

        windows += window + answer;
        flow_max[t] = FLOW_WINDOWS_MAX * window + answer;
    }
    if (core->parked_bytes > 8u << 20 || core->parked_bytes > c->cache_bytes / 32)
        cu_sim_violation(sim, "node %u: %llu bytes of wants are parked", node->rank,
                         (unsigned long long)core->parked_bytes);
    cu_list_for_each (link, &core->neighbors) {
        const struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        if (neighbor->child_queued > (512u << 10) + windows)
            cu_sim_violation(sim, "node %u: %llu bytes wait for node %u to take them", node->rank,
                             (unsigned long long)neighbor->child_queued, neighbor->rank);
        for (uint32_t t = 0; t < trees; t++)
            if (neighbor->flows[t].wants > FLOW_WANTS_MAX || neighbor->flows[t].bytes > flow_max[t])
                cu_sim_violation(sim, "node %u: works on %u wants of node %u at a time", node->rank,
                                 neighbor->flows[t].wants, neighbor->rank);
    }
}

void cu_sim_check_memory(struct cu_sim *sim, struct cu_sim_node *node)
{
    uint64_t held = cu_core_counters(node->core)[CU_COUNT_cached_bytes] + node->core->held_bytes;
    /* one chunk and one listing may be held past the budget while they are handed out */
    uint64_t more = 2ull * sim->config.chunk_bytes + 8192;

    if (held > sim->result->cached_bytes_max)
        sim->result->cached_bytes_max = held;
    if (held > node->core->config.cache_bytes + more)
        cu_sim_violation(sim, "node %u holds %llu bytes of %llu", node->rank,
                         (unsigned long long)held,
                         (unsigned long long)node->core->config.cache_bytes);
    check_queues(sim, node);
    if (sim->config.faults)
        check_haste(sim, node);
}

static void check_objects(struct cu_sim *sim, const struct cu_sim_node *node)
{
    const struct cu_core *core = node->core;
    uint64_t charged = 0, count = 0;

    for (size_t i = 0; i < cu_table_bucket_count(&core->objects); i++) {
        for (const struct object *o = cu_object_of(*cu_table_bucket(&core->objects, i)); o;
             o = cu_object_of(o->hash_link.next)) {
            count++;
            charged += o->charge;
            if (o->state != CU_FLIGHT_FILLED)
                cu_sim_violation(sim,
                                 "node %u: a flight of %s (kind %d, state %d, tree %u) is left",
                                 node->rank, o->name->path, (int)o->kind, (int)o->state, o->tree);
        }
    }
    if (count != core->counters[CU_COUNT_cached_objects] ||
        charged != core->counters[CU_COUNT_cached_bytes] || core->held_bytes > 0)
        cu_sim_violation(sim, "node %u: accounts are wrong: %llu objects, %llu bytes", node->rank,
                         (unsigned long long)count, (unsigned long long)charged);
}

static void check_core(struct cu_sim *sim, const struct cu_sim_node *node)
{
    const struct cu_core *core = node->core;

    check_objects(sim, node);
    for (uint32_t i = 0; i < core->slot_count; i++)
        if (core->slots[i].flight)
            cu_sim_violation(sim, "node %u: a slot is still taken", node->rank);
    if (core->lanes[0].used || core->lanes[1].used || core->ahead.requests || core->ahead.bytes ||
        !cu_list_empty(&core->pending))
        cu_sim_violation(sim, "node %u: reads or effects are left", node->rank);
    cu_list_for_each (link, &core->neighbors) {
        const struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        if (neighbor->inflight)
            cu_sim_violation(sim, "node %u: %u asks of node %u are counted, none is out",
                             node->rank, neighbor->inflight, neighbor->rank);
        for (uint32_t t = 0; t < cu_sim_trees(sim); t++)
            if (neighbor->flows[t].wants || neighbor->flows[t].bytes ||
                neighbor->flows[t].waiting[LINE_NOW] || neighbor->flows[t].waiting[LINE_LATER])
                cu_sim_violation(sim, "node %u: %u wants of node %u are still in service or parked",
                                 node->rank, neighbor->flows[t].wants, neighbor->rank);
    }
    for (uint32_t t = 0; t < cu_sim_trees(sim); t++) {
        struct cu_tree tree = cu_sim_tree(sim, t);
        uint32_t right = cu_tree_parent(&tree, node->rank);

        if (core->routes[t].parent != right && core->routes[t].wanted)
            cu_sim_violation(sim, "node %u: parent in tree %u is %u, not %u, though all live",
                             node->rank, t, core->routes[t].parent, right);
    }
}

void cu_sim_check_end(struct cu_sim *sim)
{
    for (uint32_t i = 0; i < sim->proc_count; i++) {
        const struct cu_sim_proc *proc = &sim->procs[i];

        if (proc->state == CU_SIM_PROC_WAITS)
            cu_sim_violation(sim, "node %u: a process waits for %s (kind %u) for ever", proc->node,
                             sim->world->files[proc->wait_file].path, proc->wait_kind);
        else if (proc->state != CU_SIM_PROC_DONE)
            cu_sim_violation(sim, "node %u: a process has not ended", proc->node);
    }
    for (uint32_t i = 0; i < sim->req_count; i++)
        if (sim->reqs[i].state != CU_SIM_REQ_FREE)
            cu_sim_violation(sim, "node %u: a request for %s has no reply", sim->reqs[i].node,
                             path_of(sim, &sim->reqs[i]));
    if (sim->store_open)
        cu_sim_violation(sim, "%u storage operations have no end", sim->store_open);
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        if (sim->nodes[i].core)
            check_core(sim, &sim->nodes[i]);
    if (sim->config.exact && sim->result->storage_reads != sim->result->unique_objects)
        cu_sim_violation(sim, "%llu reads of %llu objects",
                         (unsigned long long)sim->result->storage_reads,
                         (unsigned long long)sim->result->unique_objects);
}
