/* SPDX-License-Identifier: BSD-3-Clause */
/* The interface of the core: dispatches inputs to cache, flights, neighbors and readiness; effects
 * leave through one queue, in the order of their creation. */
#include "core/core.h"

#include "core/advance.h"
#include "core/arrivals.h"
#include "core/bypass.h"
#include "core/cache.h"
#include "core/flight.h"
#include "core/flow.h"
#include "core/message.h"
#include "core/ready.h"
#include "core/state.h"
#include "core/waiters.h"
#include "core/wants.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define BULK_BYTES        (128u << 20)
#define BULK_STRIPE       4u /* of 256 KiB: 1 MiB, the default stripe of Lustre: of one root each */
#define BULK_BYTES_RECIPE (1u << 20)

static int check(const struct cu_core_config *c, struct cu_error *err)
{
    if (c->node_count == 0 || c->rank >= c->node_count)
        return cu_error_set(err, -EINVAL, "rank %u of %u nodes", c->rank, c->node_count);
    if (c->fanout == 0)
        return cu_error_set(err, -EINVAL, "a fan-out of 0: allowed is 1 and more");
    if (c->tree_count == 0 || c->tree_count > CU_TREES_MAX || c->tree_count > c->node_count)
        return cu_error_set(err, -EINVAL, "%u trees on %u nodes", c->tree_count, c->node_count);
    if (c->chunk_bytes < 4096 || c->chunk_bytes > 16u << 20 ||
        (c->chunk_bytes & (c->chunk_bytes - 1)) || c->inline_bytes > c->chunk_bytes)
        return cu_error_set(err, -EINVAL, "chunks of %u bytes, inline up to %u", c->chunk_bytes,
                            c->inline_bytes);
    if (c->storage_slots == 0 || c->orphan_slots == 0)
        return cu_error_set(err, -EINVAL, "no storage operation allowed at a time");
    return 0;
}

struct cu_core *cu_core_create(const struct cu_core_config *config, uint64_t now_ns,
                               struct cu_error *err)
{
    struct cu_core *core;

    if (check(config, err) < 0)
        return NULL;
    core = calloc(1, sizeof *core);
    if (!core) {
        cu_error_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    core->config = *config;
    core->created_ns = now_ns;
    core->now_ns = now_ns;
    core->slot_free = UINT32_MAX;
    cu_list_init(&core->pending);
    cu_list_init(&core->news.link);
    cu_lanes_init(core);
    cu_renew_init(core);
    if (cu_cache_init(core) < 0 || cu_flowpath_start(core) < 0 || cu_neighbors_init(core) < 0 ||
        cu_ready_init(core) < 0) {
        cu_error_set(err, -ENOMEM, "out of memory");
        cu_core_destroy(core);
        return NULL;
    }
    cu_neighbors_tick(core);
    return core;
}

void cu_core_destroy(struct cu_core *core)
{
    int saved = errno;

    if (!core)
        return;
    while (!cu_list_empty(&core->pending)) {
        struct pending *pending =
            CU_LIST_ENTRY(cu_list_pop_front(&core->pending), struct pending, link);

        if (pending->kind == PENDING_WAITER)
            cu_waiter_free(CU_LIST_ENTRY(pending, struct waiter, pending));
    }
    cu_cache_free(core);
    cu_refresh_free(core);
    cu_neighbors_free(core);
    cu_flowpath_end(core);
    cu_bypass_free(core);
    cu_lanes_clear(core);
    free(core->slots);
    free(core->ready_bits);
    free(core->ready_scratch);
    free(core);
    errno = saved;
}

/* Every input begins here. */
static void enter(struct cu_core *core, uint64_t now_ns)
{
    if (now_ns > core->now_ns)
        core->now_ns = now_ns;
}

/* --- inputs ----------------------------------------------------------------------------------- */

int cu_core_want(struct cu_core *core, const struct cu_request *request, uint64_t cookie,
                 uint64_t now_ns)
{
    struct waiter *waiter;

    enter(core, now_ns);
    waiter = cu_waiter_new(core);
    if (!waiter)
        return -ENOMEM;
    waiter->cookie = cookie;
    waiter->kind = (uint8_t)request->kind;
    waiter->piece = request->piece;
    waiter->advance = request->advance;
    waiter->later = (request->flags & CU_WANT_LATER) != 0;
    cu_want(core, request, waiter);
    cu_lanes_pump(core);
    return 0;
}

void cu_core_prefetch(struct cu_core *core, const struct cu_request *request, uint64_t now_ns)
{
    enter(core, now_ns);
    cu_want(core, request, NULL);
    cu_lanes_pump(core);
}

struct cu_core_ahead cu_core_ahead(const struct cu_core *core)
{
    return core->ahead;
}

static struct object *find_fresh(struct cu_core *core, const struct cu_request *request)
{
    struct object *object = cu_cache_find(core, request);

    if (!object || object->state != CU_FLIGHT_FILLED || !cu_flight_fresh(core, object))
        return NULL;
    return object;
}

const struct cu_value *cu_core_peek(struct cu_core *core, const struct cu_request *request,
                                    uint64_t now_ns)
{
    struct object *object;

    enter(core, now_ns);
    object = find_fresh(core, request);
    if (!object || !cu_flight_verify(object))
        return NULL; /* the bytes are wrong: the next want detects it and reads again */
    cu_object_peek(object, &core->peeked);
    core->peeked.age_ms = cu_flight_age_ms(core, object);
    return &core->peeked;
}

/* Takes the reference. What the object is charged for grows; it stays where it is in the queue of
 * those to be evicted, and what refreshes it has seen. */
static void take_view(struct cu_core *core, struct object *object, struct cu_dirview *view)
{
    uint32_t size = (uint32_t)cu_dirview_size(view);

    cu_object_dir(object)->view = view;
    object->charge += size;
    core->counters[CU_COUNT_cached_bytes] += size;
}

void cu_core_viewed(struct cu_core *core, const char *dir, size_t dir_len, struct cu_dirview *view,
                    uint64_t now_ns)
{
    struct cu_request request = {.kind = CU_KIND_DIR, .path = dir, .path_len = dir_len};
    struct object *object;

    enter(core, now_ns);
    object = find_fresh(core, &request);
    if (object && !object->error && object->bytes == view->bytes && !cu_object_dir(object)->view) {
        take_view(core, object, cu_dirview_ref(view));
        cu_cache_evict(core, object);
    }
}

/* What a directory's listing says about a name. */
enum listed {
    LISTED_NOT_HERE, /* there is no fresh listing here */
    LISTED_UNREADY,  /* there is a large one, without an index (proto/dirview.h) */
    LISTED_UNPROVEN, /* the name is in it, or it proves nothing about the name */
    LISTED_ABSENT,
};

/* object: set with LISTED_ABSENT. */
static enum listed listed_in(struct cu_core *core, const char *path, size_t path_len,
                             size_t dir_len, struct object **object)
{
    struct cu_request request = {.kind = CU_KIND_DIR, .path = path, .path_len = dir_len};
    size_t at = dir_len == 1 ? 1 : dir_len + 1;
    struct dir_object *listing;
    struct cu_dirview *view;

    assert(dir_len > 0 && at < path_len);
    if (path_len - at > NAME_MAX) /* most storage has an errno of its own for such a name */
        return LISTED_UNPROVEN;
    *object = find_fresh(core, &request);
    if (!*object || (*object)->error || !cu_flight_verify(*object))
        return LISTED_NOT_HERE;
    listing = cu_object_dir(*object);
    cu_cache_touch(core, *object);
    cu_advance_used(core, *object);
    cu_renew_used(core, *object);
    if (!listing->view) {
        if (cu_dirview_is_large((*object)->bytes))
            return LISTED_UNREADY;
        if (cu_dirview_make((*object)->bytes, &view) < 0)
            return LISTED_NOT_HERE;
        take_view(core, *object, view);
    }
    if (listing->partial || cu_dir_name_hides(path + at, path_len - at) ||
        cu_dir_index_find(&listing->view->index, path + at, path_len - at) >= 0)
        return LISTED_UNPROVEN;
    return LISTED_ABSENT;
}

bool cu_core_absent(struct cu_core *core, const char *path, size_t path_len, size_t dir_len,
                    uint64_t now_ns)
{
    struct object *object;

    enter(core, now_ns);
    return listed_in(core, path, path_len, dir_len, &object) == LISTED_ABSENT;
}

int cu_core_lookup(struct cu_core *core, const struct cu_core_lookup *lookup, uint64_t cookie,
                   uint64_t now_ns, uint32_t *age_ms)
{
    struct cu_request want = lookup->attr;
    struct object *object;
    int rc;

    assert(want.kind == CU_KIND_ATTR);
    enter(core, now_ns);
    switch (listed_in(core, want.path, want.path_len, lookup->dir_len, &object)) {
    case LISTED_ABSENT:
        if (age_ms)
            *age_ms = cu_flight_age_ms(core, object);
        return CU_LOOKED_ABSENT;
    case LISTED_UNREADY:
        return -EAGAIN;
    case LISTED_NOT_HERE:
        if (lookup->list_first)
            want = (struct cu_request){
                .kind = CU_KIND_DIR, .path = want.path, .path_len = lookup->dir_len};
        break;
    case LISTED_UNPROVEN:
        break;
    }
    rc = cu_core_want(core, &want, cookie, now_ns);
    if (rc < 0)
        return rc;
    return want.kind == CU_KIND_DIR ? CU_LOOKED_LISTING : CU_LOOKED_ATTR;
}

void cu_core_peer_up(struct cu_core *core, struct cu_peer peer, uint64_t now_ns)
{
    enter(core, now_ns);
    if (peer.rank < core->config.node_count && peer.rank != core->config.rank)
        cu_neighbors_up(core, peer);
    cu_lanes_pump(core);
}

void cu_core_peer_down(struct cu_core *core, struct cu_peer peer, int error, uint64_t now_ns)
{
    enter(core, now_ns);
    cu_neighbors_down(core, peer, error);
    cu_lanes_pump(core);
}

void cu_core_refresh(struct cu_core *core, const char *path, size_t path_len, uint32_t generation,
                     uint64_t now_ns)
{
    enter(core, now_ns);
    if (generation > 0)
        cu_refresh_learn(core, generation, path, path_len, false);
    else
        cu_refresh_drop(core, path, path_len);
    cu_lanes_pump(core);
}

void cu_core_message(struct cu_core *core, struct cu_peer peer, const struct cu_msg *msg,
                     uint64_t now_ns)
{
    enter(core, now_ns);
    cu_neighbors_heard(core, peer);
    if (peer.side == CU_CHILD)
        cu_message_from_child(core, peer.rank, msg);
    else
        cu_message_from_parent(core, peer.rank, msg);
    cu_lanes_pump(core);
}

void cu_core_unsent(struct cu_core *core, struct cu_peer peer, const struct cu_msg *msg, int error,
                    uint64_t now_ns)
{
    enter(core, now_ns);
    cu_message_unsent(core, peer, msg, error);
    cu_lanes_pump(core);
}

void cu_core_child_queued(struct cu_core *core, uint32_t rank, uint64_t bytes, uint64_t now_ns)
{
    struct neighbor *neighbor = cu_neighbors_find(core, rank);

    enter(core, now_ns);
    if (neighbor && neighbor->child)
        cu_flow_queued(core, neighbor, bytes);
}

void cu_core_storage_done(struct cu_core *core, uint64_t id, const struct cu_value *value,
                          uint64_t now_ns)
{
    enter(core, now_ns);
    cu_arrival_stored(core, id, value);
    cu_lanes_pump(core);
}

uint64_t cu_core_deadline(const struct cu_core *core)
{
    uint64_t at = cu_neighbors_deadline(core), lanes = cu_lanes_deadline(core);

    if (cu_refresh_sweeps(core))
        return core->now_ns;
    if (lanes < at)
        at = lanes;
    if (cu_flow_deadline(core) < at)
        at = cu_flow_deadline(core);
    if (cu_renew_deadline(core) < at)
        at = cu_renew_deadline(core);
    return core->ready_ns && core->ready_ns < at ? core->ready_ns : at;
}

void cu_core_tick(struct cu_core *core, uint64_t now_ns)
{
    enter(core, now_ns);
    cu_refresh_tick(core);
    cu_neighbors_tick(core);
    cu_ready_tick(core);
    cu_renew_tick(core);
    cu_lanes_pump(core);
}

void cu_core_mounted(struct cu_core *core, uint64_t now_ns)
{
    enter(core, now_ns);
    core->mounted = true;
    cu_ready_check_self(core);
}

uint32_t cu_core_ready(const struct cu_core *core, const uint8_t **bits)
{
    if (bits)
        *bits = core->ready_bits;
    return core->ready_count;
}

uint32_t cu_core_children(const struct cu_core *core, uint32_t tree, uint32_t *ranks, uint32_t max)
{
    uint32_t count = 0;

    cu_list_for_each (link, &core->neighbors) {
        const struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        if (count < max && neighbor->child && (neighbor->child_trees & 1ull << tree))
            ranks[count++] = neighbor->rank;
    }
    return count;
}

const struct cu_tree *cu_core_tree(const struct cu_core *core, uint32_t tree)
{
    return &core->routes[tree].tree;
}

uint32_t cu_core_parent(const struct cu_core *core, uint32_t tree)
{
    return core->routes[tree].parent;
}

struct cu_core_bulk cu_core_bulk(bool recipe)
{
    if (recipe)
        return (struct cu_core_bulk){.bytes = BULK_BYTES_RECIPE, .stripe = 1};
    return (struct cu_core_bulk){.bytes = BULK_BYTES, .stripe = BULK_STRIPE};
}

uint32_t cu_core_bulk_count(const struct cu_core_config *config)
{
    uint32_t count = cu_tree_bulk_count(config->node_count);
    uint32_t left = CU_TREES_MAX - config->tree_count;

    if (config->bulk_bytes == 0 || config->bulk_bytes > config->max_cacheable_bytes)
        return 0;
    return count < left ? count : left;
}

uint32_t cu_core_trees(const struct cu_core *core)
{
    return core->route_count;
}

uint32_t cu_core_tree_of(const struct cu_core *core, const struct cu_request *request,
                         uint64_t path_hash)
{
    const struct cu_core_config *config = &core->config;
    uint32_t bulk_count = core->route_count - config->tree_count;
    uint64_t spread = path_hash >> 8;

    if (request->kind != CU_KIND_DATA)
        return (uint32_t)(spread % config->tree_count);
    if (bulk_count == 0 || request->version.size < config->bulk_bytes)
        return (uint32_t)((spread + request->chunk) % config->tree_count);
    spread += request->chunk / (config->bulk_stripe ? config->bulk_stripe : 1);
    return config->tree_count + (uint32_t)(spread % bulk_count);
}

void cu_core_outside(struct cu_core *core, uint64_t bytes)
{
    core->outside_bytes = bytes;
}

uint32_t cu_core_generation(const struct cu_core *core)
{
    return core->generation;
}

uint64_t *cu_core_counters(struct cu_core *core)
{
    return core->counters;
}
