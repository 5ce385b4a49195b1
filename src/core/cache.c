/* SPDX-License-Identifier: BSD-3-Clause */
/* The objects of a node: a hash table of all, and a list of the FILLED ones, least recently used
 * first. Invariants: an object on the lru list is FILLED and in cached_bytes with its charge; an
 * object in flight is never evicted; each object has a reference to its name. */
#include "core/cache.h"

#include "base/hash.h"
#include "base/mem.h"
#include "core/readon.h"
#include "core/state.h"
#include "core/waiters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const struct cu_table_link *link)
{
    return cu_object_of((struct cu_table_link *)(uintptr_t)link)->hash;
}

int cu_cache_init(struct cu_core *core)
{
    cu_list_init(&core->lru);
    core->names = core->config.names ? core->config.names : cu_names_new();
    core->own_names = !core->config.names;
    return cu_table_init(&core->objects, hash_of) == 0 && core->names ? 0 : -1;
}

static void object_free(struct cu_core *core, struct object *object)
{
    cu_renew_forget(object);
    cu_object_forget(object);
    cu_names_put(core->names, object->name);
    cu_mem_give(object, cu_object_size((enum cu_kind)object->kind));
}

static void flight_free(struct flight *flight)
{
    while (!cu_list_empty(&flight->waiters))
        cu_waiter_free(CU_LIST_ENTRY(cu_list_pop_front(&flight->waiters), struct waiter, link));
    free(flight);
}

void cu_cache_free(struct cu_core *core)
{
    for (size_t i = 0; i < cu_table_bucket_count(&core->objects); i++) {
        struct object *object = cu_object_of(*cu_table_bucket(&core->objects, i));

        while (object) {
            struct object *next = cu_object_of(object->hash_link.next);

            if (cu_object_in_flight(object))
                flight_free(object->flight);
            object_free(core, object);
            object = next;
        }
    }
    cu_table_free(&core->objects);
    if (core->own_names)
        cu_names_free(core->names);
}

/* The key that an object is looked for by. */
struct key {
    const struct cu_request *request;
    const struct cu_name *name;
    uint32_t hash;
};

static uint32_t key_hash(uint64_t name_hash, const struct cu_request *request)
{
    uint64_t x = name_hash + request->kind * 0x9e3779b97f4a7c15ull;

    if (cu_kind_of_version(request->kind))
        x += (request->chunk + 1) * 0xbf58476d1ce4e5b9ull + request->piece * 0xd6e8feb86659fd93ull +
             (uint64_t)request->version.mtime.sec * 0x9e3779b97f4a7c15ull +
             request->version.mtime.nsec;
    x = (x ^ (x >> 32)) * 0x94d049bb133111ebull;
    return (uint32_t)(x >> 32);
}

static bool object_matches(const struct object *object, const struct key *key)
{
    const struct data_object *data;

    if (object->hash != key->hash || object->name != key->name ||
        object->kind != key->request->kind)
        return false;
    if (!cu_kind_of_version((enum cu_kind)object->kind))
        return true;
    data = cu_object_data(object);
    return data->chunk == key->request->chunk && data->piece == key->request->piece &&
           cu_version_equal(&data->version, &key->request->version);
}

static struct object *find(struct cu_core *core, const struct cu_request *request,
                           uint64_t path_hash, struct cu_name **name)
{
    struct key key = {.request = request, .hash = key_hash(path_hash, request)};
    struct object *object = cu_object_of(cu_table_chain(&core->objects, key.hash));

    *name = cu_names_find(core->names, request->path, request->path_len, path_hash);
    key.name = *name;
    if (!*name)
        return NULL;
    while (object && !object_matches(object, &key))
        object = cu_object_of(object->hash_link.next);
    if (object && object->state == CU_FLIGHT_FILLED && cu_refresh_sweeps(core) &&
        cu_refresh_apply(core, object)) {
        *name = NULL; /* may have gone with it */
        object = NULL;
    }
    return object;
}

struct object *cu_cache_find(struct cu_core *core, const struct cu_request *request)
{
    struct cu_name *name;

    return find(core, request, cu_hash_bytes(request->path, request->path_len), &name);
}

static struct object *add(struct cu_core *core, const struct cu_request *request,
                          struct cu_name *name)
{
    struct object *object = cu_mem_zero(cu_object_size(request->kind));

    if (!object)
        return NULL;
    object->name = name;
    object->hash = key_hash(name->hash, request);
    object->kind = (uint8_t)request->kind;
    object->state = CU_FLIGHT_ABSENT;
    object->tree = (uint8_t)cu_core_tree_of(core, request, name->hash);
    if (cu_kind_of_version(request->kind)) {
        cu_object_data(object)->chunk = request->chunk;
        cu_object_data(object)->piece = request->piece;
        cu_object_data(object)->version = request->version;
    }
    if (request->kind == CU_KIND_DIR)
        cu_list_init(&cu_object_dir(object)->used);
    cu_list_init(&object->lru);
    cu_table_add(&core->objects, &object->hash_link);
    return object;
}

struct object *cu_cache_get(struct cu_core *core, const struct cu_request *request)
{
    uint64_t path_hash = cu_hash_bytes(request->path, request->path_len);
    struct cu_name *name;
    struct object *object = find(core, request, path_hash, &name);

    if (object)
        return object;
    if (!name)
        name = cu_names_find(core->names, request->path, request->path_len, path_hash);
    if (name)
        cu_names_ref(name);
    else
        name = cu_names_get(core->names, request->path, request->path_len, path_hash);
    if (!name)
        return NULL;
    object = add(core, request, name);
    if (!object)
        cu_names_put(core->names, name);
    return object;
}

void cu_cache_touch(struct cu_core *core, struct object *object)
{
    assert(object->state == CU_FLIGHT_FILLED && object->charge > 0);
    cu_list_remove(&object->lru);
    cu_list_push_back(&core->lru, &object->lru);
    if (object->ahead)
        COUNT(core, read_ahead_used);
    object->ahead = false;
    cu_read_on_used(core, object);
}

void cu_cache_wasted(struct cu_core *core, struct object *object)
{
    if (object->ahead)
        COUNT(core, read_ahead_wasted);
    object->ahead = false;
    object->read_on = false; /* its bytes stay among those that nobody asked for */
    object->advance = false; /* the same */
}

/* Each object is charged for its name, which it may share with others: an upper bound. */
static size_t charge_of(const struct object *object)
{
    size_t charge =
        cu_object_size((enum cu_kind)object->kind) + sizeof *object->name + object->name->len + 1u;

    if (object->bytes)
        charge += object->bytes->capacity + sizeof(struct cu_buf);
    if (object->kind == CU_KIND_DIR && cu_object_dir(object)->view)
        charge += cu_dirview_size(cu_object_dir(object)->view);
    return charge;
}

void cu_cache_keep(struct cu_core *core, struct object *object)
{
    assert(object->state == CU_FLIGHT_FILLED && object->charge == 0);
    object->charge = (uint32_t)charge_of(object);
    object->refreshed = (uint16_t)core->refreshes.made;
    core->counters[CU_COUNT_cached_bytes] += object->charge;
    core->counters[CU_COUNT_cached_objects]++;
    cu_list_init(&object->lru);
    cu_list_push_back(&core->lru, &object->lru);
}

void cu_cache_unkeep(struct cu_core *core, struct object *object)
{
    assert(object->state == CU_FLIGHT_FILLED && object->charge > 0);
    assert(core->counters[CU_COUNT_cached_bytes] >= object->charge);
    core->counters[CU_COUNT_cached_bytes] -= object->charge;
    core->counters[CU_COUNT_cached_objects]--;
    object->charge = 0;
    cu_list_remove(&object->lru);
}

void cu_cache_remove(struct cu_core *core, struct object *object)
{
    assert(!cu_object_in_flight(object) && object->charge == 0);
    cu_cache_wasted(core, object);
    cu_table_remove(&core->objects, &object->hash_link);
    object_free(core, object);
}

/* `but` has just been filled: it stays until the next one, so that a file larger than the budget
 * can still be read. Listings whose versions are being asked for stay, too, and count. Wants of
 * children that are queued, answers that they have not taken, and what storage is about to bring
 * use memory, too: the cache shrinks by as much, down to half of its budget. It also shrinks by the
 * memory of the driver's names, but keeps at least a quarter of its budget. */
void cu_cache_evict(struct cu_core *core, const struct object *but)
{
    uint64_t budget = core->config.cache_bytes;
    uint64_t owed = core->queued_bytes + core->parked_bytes + core->reading_bytes;
    uint64_t outside = core->outside_bytes;

    budget -= outside < budget / 2 ? outside : budget / 2;
    budget -= owed < budget / 2 ? owed : budget / 2;
    cu_list_for_each_safe (link, &core->lru) {
        struct object *object = CU_LIST_ENTRY(link, struct object, lru);

        if (core->counters[CU_COUNT_cached_bytes] + core->held_bytes <= budget)
            return;
        if (object == but)
            continue;
        COUNT(core, evictions);
        cu_flight_evict(core, object);
    }
}
