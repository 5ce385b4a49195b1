/* Flights: how an object comes to a node, and who is told. Invariants: an object in flight has one
 * slot, so one answer can match it; a waiter is in exactly one place: an object's list, or the
 * queue of effects; each is answered exactly once. */
#include "core/internal.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MAX                                                                                  \
    2048u /* read-ahead flights of a node: guards the parent against one eager reader */

/* clang-format off */
enum cu_flight_action cu_flight_action(enum cu_flight_state state, enum cu_flight_event event)
{
    static const enum cu_flight_action table[CU_FLIGHT_STATES][CU_FLIGHT_EVENTS] = {
#define IGNORE  CU_ACTION_IGNORE
#define SERVE   CU_ACTION_SERVE
#define WAIT    CU_ACTION_WAIT
#define START   CU_ACTION_START
#define RESTART CU_ACTION_RESTART
#define READ    CU_ACTION_READ
#define AGAIN   CU_ACTION_AGAIN
#define FILL    CU_ACTION_FILL
#define FAIL    CU_ACTION_FAIL
#define REMOVE  CU_ACTION_REMOVE
        /*           WANT   EXPIRED REROUTE  ANSWER  BUSY    STORED  FAILED  CORRUPT DROP     EVICT */
        /* ABSENT */ {START, START, IGNORE,  IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE,  REMOVE},
        /* ASKING */ {WAIT,  WAIT,  RESTART, FILL,   READ,   IGNORE, FAIL,   READ,   RESTART, IGNORE},
        /* READING*/ {WAIT,  WAIT,  IGNORE,  IGNORE, IGNORE, FILL,   FAIL,   FAIL,   AGAIN,   IGNORE},
        /* FILLED */ {SERVE, START, IGNORE,  IGNORE, IGNORE, IGNORE, IGNORE, READ,   REMOVE,  REMOVE},
#undef IGNORE
#undef SERVE
#undef WAIT
#undef START
#undef RESTART
#undef READ
#undef AGAIN
#undef FILL
#undef FAIL
#undef REMOVE
    };

    return table[state][event];
}
/* clang-format on */

/* --- slots: ids of flights ------------------------------------------------------------------- */

static int slots_grow(struct cu_core *core)
{
    uint32_t count = core->slot_count ? core->slot_count * 2 : 64;
    struct slot *slots = realloc(core->slots, count * sizeof *slots);

    if (!slots)
        return -ENOMEM;
    core->slots = slots;
    for (uint32_t i = core->slot_count; i < count; i++)
        slots[i] = (struct slot){.generation = 1, .next_free = i + 1 < count ? i + 1 : UINT32_MAX};
    core->slot_free = core->slot_count;
    core->slot_count = count;
    return 0;
}

int cu_slot_take(struct cu_core *core, struct object *object)
{
    if (core->slot_free == UINT32_MAX && slots_grow(core) < 0)
        return -ENOMEM;
    object->slot = core->slot_free;
    core->slot_free = core->slots[object->slot].next_free;
    core->slots[object->slot].object = object;
    return 0;
}

void cu_slot_give(struct cu_core *core, struct object *object)
{
    struct slot *slot;

    if (object->slot == UINT32_MAX)
        return;
    slot = &core->slots[object->slot];
    slot->object = NULL;
    slot->generation++;
    slot->next_free = core->slot_free;
    core->slot_free = object->slot;
    object->slot = UINT32_MAX;
}

uint64_t cu_slot_id(const struct cu_core *core, const struct object *object)
{
    return (uint64_t)core->slots[object->slot].generation << 32 | object->slot;
}

struct object *cu_slot_find(const struct cu_core *core, uint64_t id)
{
    uint32_t index = (uint32_t)id;

    if (index >= core->slot_count || core->slots[index].generation != (uint32_t)(id >> 32))
        return NULL;
    return core->slots[index].object;
}

/* --- waiters --------------------------------------------------------------------------------- */

/* Hands the waiter to the queue of effects with what its value holds now. */
static void waiter_send(struct cu_core *core, struct waiter *waiter)
{
    cu_list_remove(&waiter->link);
    cu_pending_add(core, &waiter->pending, PENDING_WAITER);
}

void cu_flight_fail_waiter(struct cu_core *core, struct waiter *waiter, int error)
{
    if (!waiter->has_attr) { /* else: the attr alone, without the content */
        cu_value_clear(&waiter->value);
        waiter->value.error = error;
    }
    waiter_send(core, waiter);
}

uint32_t cu_flight_age_ms(const struct cu_core *core, const struct object *object)
{
    uint64_t age = core->now_ns > object->valid_ns ? (core->now_ns - object->valid_ns) / MS_NS : 0;

    return age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
}

static bool content_may_travel(const struct cu_core *core, const struct cu_value *value)
{
    return (value->attr.mode & 0170000u) == 0100000u && value->attr.size > 0 &&
           value->attr.size <= core->config.inline_bytes &&
           value->attr.size <= core->config.max_cacheable_bytes;
}

/* A child wants the content along with the attr that its waiter now holds: the waiter moves on to
 * the file's only chunk. */
static void waiter_want_content(struct cu_core *core, const struct object *object,
                                struct waiter *waiter)
{
    struct cu_request request = cu_cache_request(object);

    request.kind = CU_KIND_DATA;
    request.flags = 0;
    request.chunk = 0;
    request.version = cu_version_of(&waiter->value.attr);
    waiter->has_attr = true;
    cu_list_remove(&waiter->link);
    cu_flight_want(core, &request, waiter);
}

static void waiter_answer(struct cu_core *core, const struct object *object, struct waiter *waiter)
{
    const struct cu_value *value = &object->value;

    if (waiter->has_attr) {
        waiter->value.content = cu_buf_ref(value->bytes);
        waiter->value.content_hash = value->hash;
        waiter_send(core, waiter);
        return;
    }
    cu_value_copy(&waiter->value, value);
    waiter->value.age_ms = cu_flight_age_ms(core, object);
    if (waiter->child && object->kind == CU_KIND_DIR && value->error == 0 &&
        cu_version_equal(&waiter->held, &value->version)) {
        cu_buf_unref(waiter->value.bytes);
        waiter->value.bytes = NULL;
        waiter->value.hash = 0;
        waiter->value.unchanged = true;
    }
    if (waiter->content && value->error == 0 && content_may_travel(core, value))
        waiter_want_content(core, object, waiter);
    else
        waiter_send(core, waiter);
}

/* Takes the waiters off first: answering one may start a flight of another object. */
static void answer_all(struct cu_core *core, struct object *object, int error)
{
    struct cu_list waiters;

    cu_list_init(&waiters);
    cu_list_splice_back(&waiters, &object->waiters);
    while (!cu_list_empty(&waiters)) {
        struct waiter *waiter = CU_LIST_ENTRY(cu_list_pop_front(&waiters), struct waiter, link);

        if (error)
            cu_flight_fail_waiter(core, waiter, error);
        else
            waiter_answer(core, object, waiter);
    }
}

/* --- flights --------------------------------------------------------------------------------- */

static struct lane *lane_of(struct cu_core *core, const struct object *object)
{
    return &core->lanes[object->orphan ? 1 : 0];
}

static void leave_flight(struct cu_core *core, struct object *object)
{
    if (object->state == CU_FLIGHT_ASKING && object->asked != CU_RANK_NONE)
        cu_peers_asked(core, object->asked, -1);
    if (object->state == CU_FLIGHT_READING && object->issued)
        lane_of(core, object)->used--;
    if (object->ahead)
        core->ahead_count--;
    object->ahead = false;
    object->issued = false;
    object->asked = CU_RANK_NONE;
    cu_list_remove(&object->link);
    cu_list_remove(&object->pending.link);
    cu_slot_give(core, object);
}

/* The flight is over without a value. */
static void fail(struct cu_core *core, struct object *object, int error)
{
    leave_flight(core, object);
    object->state = CU_FLIGHT_ABSENT;
    answer_all(core, object, error);
    if (cu_list_empty(&object->waiters) && object->state == CU_FLIGHT_ABSENT)
        cu_cache_remove(core, object);
}

static void start_read(struct cu_core *core, struct object *object, bool orphan)
{
    object->state = CU_FLIGHT_READING;
    object->orphan = orphan;
    cu_list_push_back(&lane_of(core, object)->queue, &object->link);
}

static void start_ask(struct cu_core *core, struct object *object, struct route *route)
{
    object->state = CU_FLIGHT_ASKING;
    object->asked = route->parent;
    object->asked_ns = core->now_ns;
    cu_list_push_back(&route->flights, &object->link);
    if (object->asked == CU_RANK_NONE)
        return;
    cu_peers_asked(core, object->asked, 1);
    COUNT(core, asked_parent);
    cu_pending_add(core, &object->pending, PENDING_OBJECT);
}

/* Not in flight, and off the lru list. Along the route as it is now. */
static int start(struct cu_core *core, struct object *object)
{
    struct route *route = &core->routes[object->tree];
    int rc = cu_slot_take(core, object);

    if (rc < 0)
        return rc;
    object->again = false;
    object->direct =
        object->kind == CU_KIND_DATA && object->version.size > core->config.max_cacheable_bytes;
    if (object->direct)
        start_read(core, object, false);
    else if (route->parent == core->config.rank)
        start_read(core, object, cu_tree_place(&route->tree, core->config.rank) != 0);
    else
        start_ask(core, object, route);
    return 0;
}

static void read_here(struct cu_core *core, struct object *object, bool orphan)
{
    bool ahead = object->ahead;

    object->ahead = false;
    leave_flight(core, object);
    object->ahead = ahead;
    object->state = CU_FLIGHT_ABSENT;
    if (cu_slot_take(core, object) < 0)
        fail(core, object, ENOMEM);
    else
        start_read(core, object, orphan);
}

static void restart(struct cu_core *core, struct object *object)
{
    bool ahead = object->ahead;

    object->ahead = false;
    leave_flight(core, object);
    object->ahead = ahead;
    object->state = CU_FLIGHT_ABSENT;
    COUNT(core, asked_again);
    if (start(core, object) < 0)
        fail(core, object, ENOMEM);
}

/* The value a file's content brought along with its attr. */
static void fill_content(struct cu_core *core, const struct object *attr, struct cu_buf *content,
                         uint64_t hash)
{
    struct cu_request request = cu_cache_request(attr);
    struct object *object;

    request.kind = CU_KIND_DATA;
    request.flags = 0;
    request.chunk = 0;
    request.version = cu_version_of(&attr->value.attr);
    if (content->size != request.version.size)
        return;
    object = cu_cache_get(core, &request);
    if (!object || object->state != CU_FLIGHT_ABSENT)
        return;
    object->value.bytes = cu_buf_ref(content);
    object->value.hash = hash;
    object->value.version = request.version;
    object->valid_ns = core->now_ns;
    object->state = CU_FLIGHT_FILLED;
    cu_cache_keep(core, object);
}

static void take_value(struct cu_core *core, struct object *object, const struct cu_value *value)
{
    uint64_t age = (uint64_t)value->age_ms * MS_NS;

    if (value->unchanged && object->kind == CU_KIND_DIR) {
        /* what is held is right */
    } else {
        if (object->indexed)
            cu_dir_index_free(&object->index);
        object->indexed = false;
        cu_value_clear(&object->value);
        cu_value_copy(&object->value, value);
    }
    object->valid_ns = core->now_ns > age ? core->now_ns - age : 0;
    if (object->kind == CU_KIND_ATTR)
        object->stale = (struct cu_version){0};
}

static void fill(struct cu_core *core, struct object *object, const struct cu_value *value)
{
    struct cu_buf *content;
    uint64_t content_hash;

    if (!value->unchanged)
        object->verified = object->state == CU_FLIGHT_READING;
    leave_flight(core, object);
    take_value(core, object, value);
    content = object->value.content;
    content_hash = object->value.content_hash;
    object->value.content = NULL;
    object->value.content_hash = 0;
    object->content = false;
    object->state = CU_FLIGHT_FILLED;
    if (content) {
        fill_content(core, object, content, content_hash);
        cu_buf_unref(content);
    }
    cu_cache_keep(core, object);
    answer_all(core, object, 0);
    cu_cache_evict(core, object);
}

void cu_flight_drop(struct cu_core *core, struct object *object)
{
    switch (cu_flight_action(object->state, CU_EVENT_DROP)) {
    case CU_ACTION_RESTART:
        restart(core, object);
        break;
    case CU_ACTION_AGAIN:
        object->again = object->issued;
        break;
    case CU_ACTION_REMOVE:
        cu_cache_unkeep(core, object);
        cu_cache_remove(core, object);
        break;
    case CU_ACTION_IGNORE:
    case CU_ACTION_SERVE:
    case CU_ACTION_WAIT:
    case CU_ACTION_START:
    case CU_ACTION_READ:
    case CU_ACTION_FILL:
    case CU_ACTION_FAIL:
        break;
    }
}

bool cu_flight_fresh(const struct cu_core *core, const struct object *object)
{
    if (object->kind == CU_KIND_DIR || object->kind == CU_KIND_STATFS || object->value.error)
        return core->now_ns - object->valid_ns < core->config.enoent_ttl_ns;
    return true;
}

/* --- wants ----------------------------------------------------------------------------------- */

enum level { HERE, FLIGHT, PARENT, STORAGE };

static void count_want(struct cu_core *core, const struct waiter *waiter, enum level level)
{
    static const enum cu_counter kernel[] = {CU_COUNT_hit_here, CU_COUNT_hit_flight,
                                             CU_COUNT_hit_parent, CU_COUNT_hit_storage};
    static const enum cu_counter child[] = {CU_COUNT_child_hit_here, CU_COUNT_child_hit_flight,
                                            CU_COUNT_child_hit_parent, CU_COUNT_child_hit_storage};

    if (!waiter || waiter->has_attr)
        return;
    core->counters[waiter->child ? child[level] : kernel[level]]++;
}

bool cu_flight_verify(struct object *object)
{
    const struct cu_buf *bytes = object->value.bytes;

    if (!object->verified)
        object->verified = !bytes || cu_hash_bytes(bytes->data, bytes->size) == object->value.hash;
    return object->verified;
}

static bool has_kernel_waiter(const struct object *object)
{
    cu_list_for_each (link, &object->waiters) {
        if (!CU_LIST_ENTRY(link, struct waiter, link)->child)
            return true;
    }
    return false;
}

static void corrupt(struct cu_core *core, struct object *object)
{
    COUNT(core, bad_checksums);
    switch (cu_flight_action(object->state, CU_EVENT_CORRUPT)) {
    case CU_ACTION_READ:
        if (object->state == CU_FLIGHT_FILLED)
            cu_cache_unkeep(core, object);
        if (object->indexed)
            cu_dir_index_free(&object->index);
        object->indexed = false;
        cu_value_clear(&object->value);
        read_here(core, object, true);
        break;
    case CU_ACTION_FAIL:
        fail(core, object, EIO);
        break;
    case CU_ACTION_IGNORE:
    case CU_ACTION_SERVE:
    case CU_ACTION_WAIT:
    case CU_ACTION_START:
    case CU_ACTION_RESTART:
    case CU_ACTION_AGAIN:
    case CU_ACTION_FILL:
    case CU_ACTION_REMOVE:
        break;
    }
}

static void serve(struct cu_core *core, struct object *object, struct waiter *waiter)
{
    if (!waiter)
        return;
    cu_list_push_back(&object->waiters, &waiter->link);
    if (!waiter->child && !cu_flight_verify(object)) {
        corrupt(core, object);
        return;
    }
    cu_cache_touch(core, object);
    count_want(core, waiter, HERE);
    answer_all(core, object, 0);
}

static void begin(struct cu_core *core, struct object *object, struct waiter *waiter)
{
    if (object->state == CU_FLIGHT_FILLED) {
        COUNT(core, expired);
        cu_cache_unkeep(core, object);
        if (object->value.error || object->kind != CU_KIND_DIR)
            cu_value_clear(&object->value);
        object->state = CU_FLIGHT_ABSENT;
    }
    if (waiter)
        cu_list_push_back(&object->waiters, &waiter->link);
    if (start(core, object) < 0) {
        COUNT(core, no_memory);
        fail(core, object, ENOMEM);
        return;
    }
    if (!waiter) {
        object->ahead = true;
        core->ahead_count++;
        COUNT(core, read_ahead);
    }
    count_want(core, waiter, object->state == CU_FLIGHT_READING ? STORAGE : PARENT);
}

static bool believed(const struct cu_core *core, const struct object *object,
                     const struct cu_request *request)
{
    struct cu_version version;

    if (object->state != CU_FLIGHT_FILLED)
        return true;
    if (!cu_flight_fresh(core, object))
        return false;
    if (object->kind != CU_KIND_ATTR || object->value.error)
        return true;
    version = cu_version_of(&object->value.attr);
    return !cu_version_equal(&version, &request->version);
}

void cu_flight_want(struct cu_core *core, const struct cu_request *request, struct waiter *waiter)
{
    struct object *object;
    bool fresh;

    if (!waiter && core->ahead_count >= AHEAD_MAX)
        return;
    object = cu_cache_get(core, request);
    if (!object) {
        COUNT(core, no_memory);
        if (waiter)
            cu_flight_fail_waiter(core, waiter, ENOMEM);
        return;
    }
    fresh = believed(core, object, request);
    switch (cu_flight_action(object->state, fresh ? CU_EVENT_WANT : CU_EVENT_EXPIRED)) {
    case CU_ACTION_SERVE:
        serve(core, object, waiter);
        break;
    case CU_ACTION_WAIT:
        if (waiter) {
            count_want(core, waiter, FLIGHT);
            cu_list_push_back(&object->waiters, &waiter->link);
        }
        break;
    case CU_ACTION_START:
        if (request->kind == CU_KIND_ATTR) {
            object->content = (request->flags & CU_WANT_CONTENT) != 0;
            object->stale = request->version;
        }
        begin(core, object, waiter);
        break;
    case CU_ACTION_IGNORE:
    case CU_ACTION_RESTART:
    case CU_ACTION_READ:
    case CU_ACTION_AGAIN:
    case CU_ACTION_FILL:
    case CU_ACTION_FAIL:
    case CU_ACTION_REMOVE:
        break;
    }
}

/* --- answers --------------------------------------------------------------------------------- */

/* Errors that say something about the path, and so are worth remembering for a while. */
static bool lasting(const struct object *object, int error)
{
    return object->kind != CU_KIND_DATA &&
           (error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP ||
            error == ENAMETOOLONG || (error == E2BIG && object->kind == CU_KIND_DIR) ||
            ((error == EOPNOTSUPP || error == ENOTSUP) && object->kind == CU_KIND_XATTR));
}

static enum cu_flight_event classify(struct object *object, const struct cu_value *value,
                                     bool stored)
{
    if (!stored && (value->error == ENOMEM || value->error == EBUSY))
        return CU_EVENT_BUSY;
    if (value->error && !lasting(object, value->error))
        return CU_EVENT_FAILED;
    if (value->unchanged && (object->kind != CU_KIND_DIR || object->value.version.ino == 0))
        return CU_EVENT_CORRUPT;
    return stored ? CU_EVENT_STORED : CU_EVENT_ANSWER;
}

/* The file changed: the attr that led to it is out of date here, too. */
static void drop_stale_attr(struct cu_core *core, const struct object *data)
{
    struct cu_request request = cu_cache_request(data);
    struct cu_version version;
    struct object *attr;

    COUNT(core, stale_versions);
    request.kind = CU_KIND_ATTR;
    attr = cu_cache_find(core, &request);
    if (!attr || attr->state != CU_FLIGHT_FILLED || attr->value.error)
        return;
    version = cu_version_of(&attr->value.attr);
    if (cu_version_equal(&version, &data->version))
        cu_flight_drop(core, attr);
}

/* Kernel waiters must not see bytes whose checksum was not looked at: checks before filling. */
static bool arrives_whole(const struct object *object, const struct cu_value *value)
{
    const struct cu_buf *bytes = value->bytes;

    if (!bytes || !has_kernel_waiter(object))
        return true;
    return cu_hash_bytes(bytes->data, bytes->size) == value->hash;
}

static void result(struct cu_core *core, struct object *object, const struct cu_value *value,
                   bool stored)
{
    enum cu_flight_event event = classify(object, value, stored);
    bool checked = !stored && value->bytes && has_kernel_waiter(object);

    if (event == CU_EVENT_ANSWER && !arrives_whole(object, value))
        event = CU_EVENT_CORRUPT;
    if (value->error == ESTALE && object->kind == CU_KIND_DATA)
        drop_stale_attr(core, object);
    switch (cu_flight_action(object->state, event)) {
    case CU_ACTION_FILL:
        fill(core, object, value);
        if (checked)
            object->verified = true;
        break;
    case CU_ACTION_FAIL:
        if (event == CU_EVENT_CORRUPT)
            corrupt(core, object);
        else
            fail(core, object, value->error);
        break;
    case CU_ACTION_READ:
        if (event == CU_EVENT_CORRUPT)
            corrupt(core, object);
        else
            read_here(core, object, true);
        break;
    case CU_ACTION_IGNORE:
    case CU_ACTION_SERVE:
    case CU_ACTION_WAIT:
    case CU_ACTION_START:
    case CU_ACTION_RESTART:
    case CU_ACTION_AGAIN:
    case CU_ACTION_REMOVE:
        break;
    }
}

void cu_flight_answer(struct cu_core *core, uint32_t rank, uint64_t id,
                      const struct cu_value *value)
{
    struct object *object = cu_slot_find(core, id);

    if (!object || object->state != CU_FLIGHT_ASKING || object->asked != rank)
        return; /* late: asked elsewhere since */
    result(core, object, value, false);
}

void cu_flight_stored(struct cu_core *core, uint64_t id, const struct cu_value *value)
{
    struct object *object = cu_slot_find(core, id);

    if (!object || object->state != CU_FLIGHT_READING || !object->issued)
        return;
    if (object->again) {
        object->again = false;
        cu_pending_add(core, &object->pending, PENDING_OBJECT);
        return;
    }
    result(core, object, value, true);
}

void cu_flight_reroute(struct cu_core *core, struct route *route, uint32_t lost)
{
    struct cu_list flights;

    cu_list_init(&flights);
    cu_list_splice_back(&flights, &route->flights);
    while (!cu_list_empty(&flights)) {
        struct object *object = CU_LIST_ENTRY(cu_list_pop_front(&flights), struct object, link);

        if ((object->asked == CU_RANK_NONE || object->asked == lost) &&
            cu_flight_action(object->state, CU_EVENT_REROUTE) == CU_ACTION_RESTART)
            restart(core, object);
        else
            cu_list_push_back(&route->flights, &object->link);
    }
}

static void forget_child(struct cu_list *flights, uint32_t rank)
{
    cu_list_for_each (at, flights) {
        struct object *object = CU_LIST_ENTRY(at, struct object, link);

        cu_list_for_each_safe (link, &object->waiters) {
            struct waiter *waiter = CU_LIST_ENTRY(link, struct waiter, link);

            if (!waiter->child || waiter->rank != rank)
                continue;
            cu_list_remove(&waiter->link);
            cu_value_clear(&waiter->value);
            free(waiter);
        }
    }
}

void cu_flight_child_lost(struct cu_core *core, uint32_t rank)
{
    for (uint32_t t = 0; t < core->config.tree_count; t++)
        forget_child(&core->routes[t].flights, rank);
    for (unsigned i = 0; i < 2; i++) {
        forget_child(&core->lanes[i].queue, rank);
        forget_child(&core->lanes[i].running, rank);
    }
}

void cu_flight_pump(struct cu_core *core)
{
    for (unsigned i = 0; i < 2; i++) {
        struct lane *lane = &core->lanes[i];

        while (lane->used < lane->max && !cu_list_empty(&lane->queue)) {
            struct object *object =
                CU_LIST_ENTRY(cu_list_pop_front(&lane->queue), struct object, link);

            cu_list_push_back(&lane->running, &object->link);
            lane->used++;
            object->issued = true;
            cu_pending_add(core, &object->pending, PENDING_OBJECT);
        }
    }
}
