/* The objects of a node: a hash table of all, and a list of the FILLED ones, least recently used
 * first. Invariants: an object on the lru list is FILLED, has no waiters and is in cached_bytes
 * with its charge; an object in flight is never evicted. */
#include "core/internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_START 1024u

int cu_cache_init(struct cu_core *core)
{
    cu_list_init(&core->lru);
    core->bucket_count = BUCKETS_START;
    core->buckets = calloc(core->bucket_count, sizeof *core->buckets);
    return core->buckets ? 0 : -1;
}

static void object_free(struct object *object)
{
    cu_value_clear(&object->value);
    if (object->indexed)
        cu_dir_index_free(&object->index);
    free(object);
}

void cu_cache_free(struct cu_core *core)
{
    for (uint32_t i = 0; core->buckets && i < core->bucket_count; i++) {
        while (core->buckets[i]) {
            struct object *object = core->buckets[i];

            core->buckets[i] = object->hash_next;
            while (!cu_list_empty(&object->waiters)) {
                struct waiter *waiter =
                    CU_LIST_ENTRY(cu_list_pop_front(&object->waiters), struct waiter, link);

                cu_value_clear(&waiter->value);
                free(waiter);
            }
            object_free(object);
        }
    }
    free(core->buckets);
}

uint64_t cu_cache_hash(const struct cu_request *request)
{
    uint64_t seed = (uint64_t)request->kind;

    if (request->kind == CU_KIND_DATA)
        seed += cu_hash_seeded(&request->version, sizeof request->version, request->chunk) << 3;
    return cu_hash_seeded(request->path, request->path_len, seed);
}

static bool object_matches(const struct object *object, const struct cu_request *request)
{
    if (object->kind != request->kind || object->path_len != request->path_len ||
        memcmp(object->path, request->path, request->path_len) != 0)
        return false;
    return object->kind != CU_KIND_DATA || (object->chunk == request->chunk &&
                                            cu_version_equal(&object->version, &request->version));
}

static struct object *find_hashed(struct cu_core *core, const struct cu_request *request,
                                  uint64_t hash)
{
    struct object *object = core->buckets[hash & (core->bucket_count - 1)];

    while (object && (object->hash != hash || !object_matches(object, request)))
        object = object->hash_next;
    return object;
}

struct object *cu_cache_find(struct cu_core *core, const struct cu_request *request)
{
    return find_hashed(core, request, cu_cache_hash(request));
}

/* Twice as many buckets. When there is no memory for them, chains grow longer: slower, not wrong.
 */
static void grow(struct cu_core *core)
{
    uint32_t wanted = core->bucket_count * 2;
    struct object **buckets = calloc(wanted, sizeof *buckets);

    if (!buckets)
        return;
    for (uint32_t i = 0; i < core->bucket_count; i++) {
        while (core->buckets[i]) {
            struct object *object = core->buckets[i];

            core->buckets[i] = object->hash_next;
            object->hash_next = buckets[object->hash & (wanted - 1)];
            buckets[object->hash & (wanted - 1)] = object;
        }
    }
    free(core->buckets);
    core->buckets = buckets;
    core->bucket_count = wanted;
}

/* Small objects of a path share its tree with the first chunk, so that content can travel along;
 * further chunks are spread, so that a large file is read by all roots. */
static uint8_t tree_of(const struct cu_core *core, const struct cu_request *request)
{
    uint64_t spread = cu_hash_bytes(request->path, request->path_len);

    if (request->kind == CU_KIND_DATA)
        spread = (spread >> 8) + request->chunk;
    else
        spread >>= 8;
    return (uint8_t)(spread % core->config.tree_count);
}

struct object *cu_cache_get(struct cu_core *core, const struct cu_request *request)
{
    uint64_t hash = cu_cache_hash(request);
    struct object *object = find_hashed(core, request, hash);
    struct object **bucket;

    if (object)
        return object;
    object = calloc(1, sizeof *object + request->path_len + 1);
    if (!object)
        return NULL;
    object->hash = hash;
    object->kind = request->kind;
    object->state = CU_FLIGHT_ABSENT;
    object->tree = tree_of(core, request);
    object->chunk = request->chunk;
    if (request->kind == CU_KIND_DATA)
        object->version = request->version;
    object->asked = CU_RANK_NONE;
    object->slot = UINT32_MAX;
    object->path_len = (uint16_t)request->path_len;
    memcpy(object->path, request->path, request->path_len);
    cu_list_init(&object->pending.link);
    cu_list_init(&object->link);
    cu_list_init(&object->waiters);
    if (core->object_count >= core->bucket_count)
        grow(core);
    bucket = &core->buckets[hash & (core->bucket_count - 1)];
    object->hash_next = *bucket;
    *bucket = object;
    core->object_count++;
    return object;
}

void cu_cache_touch(struct cu_core *core, struct object *object)
{
    cu_list_remove(&object->link);
    cu_list_push_back(&core->lru, &object->link);
}

void cu_cache_keep(struct cu_core *core, struct object *object)
{
    size_t charge = sizeof *object + object->path_len + 1;

    if (object->value.bytes)
        charge += object->value.bytes->capacity + sizeof(struct cu_buf);
    if (object->indexed)
        charge += object->index.count * sizeof *object->index.offsets;
    object->charge = (uint32_t)charge;
    core->counters[CU_COUNT_cached_bytes] += charge;
    core->counters[CU_COUNT_cached_objects]++;
    cu_list_remove(&object->link);
    cu_list_push_back(&core->lru, &object->link);
}

void cu_cache_unkeep(struct cu_core *core, struct object *object)
{
    core->counters[CU_COUNT_cached_bytes] -= object->charge;
    core->counters[CU_COUNT_cached_objects]--;
    object->charge = 0;
    cu_list_remove(&object->link);
}

void cu_cache_remove(struct cu_core *core, struct object *object)
{
    struct object **at = &core->buckets[object->hash & (core->bucket_count - 1)];

    while (*at != object)
        at = &(*at)->hash_next;
    *at = object->hash_next;
    core->object_count--;
    cu_list_remove(&object->link);
    cu_list_remove(&object->pending.link);
    object_free(object);
}

/* `but` has just been filled: it stays until the next one, so that a file larger than the budget
 * can still be read through. What children wait for or have not taken is memory, too: the cache
 * gives way to it, down to half of its budget. */
void cu_cache_evict(struct cu_core *core, const struct object *but)
{
    uint64_t budget = core->config.cache_bytes;
    uint64_t owed = core->queued_bytes + core->parked_bytes;

    budget -= owed < budget / 2 ? owed : budget / 2;
    cu_list_for_each_safe (link, &core->lru) {
        struct object *object = CU_LIST_ENTRY(link, struct object, link);

        if (core->counters[CU_COUNT_cached_bytes] <= budget)
            return;
        if (object == but)
            continue;
        COUNT(core, evictions);
        cu_flight_evict(core, object);
    }
}

struct cu_request cu_cache_request(const struct object *object)
{
    struct cu_request request = {
        .kind = object->kind,
        .path = object->path,
        .path_len = object->path_len,
        .chunk = object->chunk,
    };

    if (object->kind == CU_KIND_DATA)
        request.version = object->version;
    else if (object->kind == CU_KIND_DIR && object->value.error == 0)
        request.version = object->value.version;
    else if (object->kind == CU_KIND_ATTR)
        request.version = object->stale;
    if (object->kind == CU_KIND_ATTR && object->content)
        request.flags = CU_WANT_CONTENT;
    return request;
}
