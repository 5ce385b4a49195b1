/* SPDX-License-Identifier: BSD-3-Clause */
/* Flights: how a node gets an object, and whom it answers. Invariants: an object in flight has one
 * slot, so one answer can match it; a waiter is in exactly one place: a flight's list, or the queue
 * of effects; each is answered exactly once. */
#include "core/flight.h"

#include "base/hash.h"
#include "core/advance.h"
#include "core/bypass.h"
#include "core/cache.h"
#include "core/haste.h"
#include "core/pieces.h"
#include "core/readon.h"
#include "core/state.h"
#include "core/waiters.h"
#include "proto/piece.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
enum cu_flight_action cu_flight_action(enum cu_flight_state state, enum cu_flight_event event)
{
    static const enum cu_flight_action table[CU_FLIGHT_STATES][CU_FLIGHT_EVENTS] = {
#define NONE    CU_ACTION_IGNORE
#define SERVE   CU_ACTION_SERVE
#define WAIT    CU_ACTION_WAIT
#define NOW     CU_ACTION_NOW
#define START   CU_ACTION_START
#define RESTART CU_ACTION_RESTART
#define READ    CU_ACTION_READ
#define AGAIN   CU_ACTION_AGAIN
#define FILL    CU_ACTION_FILL
#define FAIL    CU_ACTION_FAIL
#define REMOVE  CU_ACTION_REMOVE
        /*           WANT  EXPIRED  NOW   REROUTE  ANSWER BUSY  STORED FAILED CORRUPT DROP   EVICT */
        /* ABSENT */ {START, START, NONE, NONE,    NONE,  NONE, NONE,  NONE,  NONE, NONE,    REMOVE},
        /* ASKING */ {WAIT,  WAIT,  NOW,  RESTART, FILL,  READ, NONE,  FAIL,  READ, RESTART, NONE},
        /* READING*/ {WAIT,  WAIT,  NOW,  RESTART, NONE,  NONE, FILL,  FAIL,  FAIL, AGAIN,   NONE},
        /* FILLED */ {SERVE, START, NONE, NONE,    NONE,  NONE, NONE,  NONE,  READ, REMOVE,  REMOVE},
#undef NONE
#undef SERVE
#undef WAIT
#undef NOW
#undef START
#undef RESTART
#undef READ
#undef AGAIN
#undef FILL
#undef FAIL
#undef REMOVE
    };

    assert((unsigned)state < CU_FLIGHT_STATES && (unsigned)event < CU_FLIGHT_EVENTS);
    return table[state][event];
}
/* clang-format on */

/* --- flights --------------------------------------------------------------------------------- */

/* NULL: out of memory. The object must leave the lru list before. */
static struct flight *flight_new(struct object *object)
{
    struct flight *flight = calloc(1, sizeof *flight);

    assert(object->state == CU_FLIGHT_ABSENT && object->charge == 0);
    if (!flight)
        return NULL;
    cu_list_init(&flight->pending.link);
    cu_list_init(&flight->link);
    cu_list_init(&flight->waiters);
    flight->object = object;
    flight->asked = CU_RANK_NONE;
    flight->slot = UINT32_MAX;
    object->flight = flight;
    return flight;
}

/* Discards the request or read under way; the waiters stay. */
static void leave(struct cu_core *core, struct flight *flight)
{
    if (flight->asked != CU_RANK_NONE)
        cu_neighbors_asked(core, flight->asked, -1);
    if (flight->issued)
        cu_lane_ended(core, flight);
    flight->asked = CU_RANK_NONE;
    flight->told = false;
    cu_list_remove(&flight->link);
    cu_list_remove(&flight->pending.link);
    cu_slot_give(core, flight);
}

/* The caller answers the waiters, and frees it. */
static struct flight *end(struct cu_core *core, struct object *object)
{
    struct flight *flight = object->flight;

    assert(cu_object_in_flight(object) && flight->object == object);
    leave(core, flight);
    assert(core->held_bytes >= flight->held_bytes);
    core->held_bytes -= flight->held_bytes;
    if (flight->ahead) {
        assert(core->ahead.requests > 0 &&
               core->ahead.bytes >= cu_object_fill_bytes(core->config.chunk_bytes, object));
        core->ahead.requests--;
        core->ahead.bytes -= cu_object_fill_bytes(core->config.chunk_bytes, object);
    }
    if (flight->read_on) {
        core->reading_on.requests--;
        core->reading_on.bytes -= cu_object_fill_bytes(core->config.chunk_bytes, object);
    }
    object->state = CU_FLIGHT_ABSENT;
    cu_list_init(&object->lru);
    return flight;
}

/* The flight ends without a value. */
static void fail(struct cu_core *core, struct object *object, int error)
{
    struct flight *flight = end(core, object);

    object->ahead = flight->ahead && !flight->used;
    cu_cache_remove(core, object);
    cu_waiters_answer(core, NULL, &flight->waiters, error);
    free(flight);
}

static void start_read(struct cu_core *core, struct flight *flight, bool orphan)
{
    const struct cu_core_config *config = &core->config;
    const struct cu_name *name = flight->object->name;

    flight->object->state = CU_FLIGHT_READING;
    flight->orphan = orphan;
    flight->space =
        config->space_of ? config->space_of(config->space_context, name->path, name->len) : 0;
    cu_lane_queue(core, flight);
}

static void start_ask(struct cu_core *core, struct flight *flight, struct route *route)
{
    flight->object->state = CU_FLIGHT_ASKING;
    flight->asked = route->parent;
    flight->asked_ns = core->now_ns;
    cu_list_push_back(&route->flights, &flight->link);
    if (flight->asked == CU_RANK_NONE)
        return;
    cu_neighbors_asked(core, flight->asked, 1);
    COUNT(core, asked_parent);
    cu_pending_add(core, &flight->pending, PENDING_FLIGHT);
}

/* Along the route as it is now. */
static int start(struct cu_core *core, struct flight *flight)
{
    const struct object *object = flight->object;
    struct route *route = &core->routes[cu_flight_tree(core, flight)];
    int rc = cu_slot_take(core, flight);

    if (rc < 0)
        return rc;
    flight->again = false;
    flight->direct = !flight->home && cu_bypass_applies(core, object);
    flight->bypass = flight->direct && route->parent != core->config.rank;
    if (!flight->direct)
        cu_neighbors_want(core, route);
    if (flight->direct)
        start_read(core, flight, false);
    else if (route->parent == core->config.rank)
        start_read(core, flight, cu_tree_place(&route->tree, core->config.rank) != 0);
    else
        start_ask(core, flight, route);
    return 0;
}

static void read_here(struct cu_core *core, struct flight *flight, bool orphan)
{
    leave(core, flight);
    flight->direct = true;
    if (cu_slot_take(core, flight) < 0)
        fail(core, flight->object, ENOMEM);
    else
        start_read(core, flight, orphan);
}

static void restart(struct cu_core *core, struct flight *flight)
{
    leave(core, flight);
    COUNT(core, asked_again);
    if (start(core, flight) < 0)
        fail(core, flight->object, ENOMEM);
}

/* The value a file's content brought along with its attr. */
static void fill_content(struct cu_core *core, const struct object *attr, struct cu_buf *content,
                         uint64_t hash, const struct flight *flight)
{
    struct cu_request request = cu_object_request(attr);
    struct object *object;

    request.kind = CU_KIND_DATA;
    request.version = cu_version_of(cu_object_attr(attr));
    if (content->size != request.version.size)
        return;
    object = cu_cache_get(core, &request);
    if (!object || object->state != CU_FLIGHT_ABSENT)
        return;
    object->bytes = cu_buf_ref(content);
    object->bytes_hash = hash;
    object->valid_ns = core->now_ns;
    object->state = CU_FLIGHT_FILLED;
    if (flight->read_on) {
        COUNT(core, read_on);
        cu_read_on_filled(core, object);
    }
    if (flight->advance)
        cu_advance_filled(core, object);
    cu_cache_keep(core, object);
}

static void fill(struct cu_core *core, struct object *object, const struct cu_value *value)
{
    uint64_t age = (uint64_t)value->age_ms * MS_NS;
    bool stored = object->state == CU_FLIGHT_READING;
    struct flight *flight = end(core, object);

    if (!value->unchanged) { /* else: the value held is right */
        cu_object_set(object, value);
        object->verified |= stored; /* made here just now */
    } else if (value->partial) {
        cu_object_dir(object)->partial = true;
    }
    object->valid_ns = core->now_ns > age ? core->now_ns - age : 0;
    object->state = CU_FLIGHT_FILLED;
    object->doubted = false;
    object->ahead = flight->ahead && !flight->used;
    if (flight->read_on)
        cu_read_on_filled(core, object);
    if (flight->used)
        cu_read_on_used(core, object);
    cu_advance_ended(core, object, flight);
    if (value->content)
        fill_content(core, object, value->content, value->content_hash, flight);
    cu_cache_keep(core, object);
    cu_waiters_answer(core, object, &flight->waiters, 0);
    free(flight);
    cu_cache_evict(core, object);
}

uint32_t cu_flight_age_ms(const struct cu_core *core, const struct object *object)
{
    uint64_t age = core->now_ns > object->valid_ns ? (core->now_ns - object->valid_ns) / MS_NS : 0;

    return age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
}

bool cu_flight_fresh(const struct cu_core *core, const struct object *object)
{
    if (object->doubted)
        return false;
    if (object->kind == CU_KIND_DIR || object->kind == CU_KIND_STATFS || object->error ||
        object->brief)
        return core->now_ns - object->valid_ns < core->config.enoent_ttl_ns;
    return true;
}

/* --- wants ----------------------------------------------------------------------------------- */

static void count_want(struct cu_core *core, struct waiter *waiter, enum cu_core_where where)
{
    static const enum cu_counter kernel[] = {CU_COUNT_hit_here, CU_COUNT_hit_flight,
                                             CU_COUNT_hit_parent, CU_COUNT_hit_storage};
    static const enum cu_counter child[] = {CU_COUNT_child_hit_here, CU_COUNT_child_hit_flight,
                                            CU_COUNT_child_hit_parent, CU_COUNT_child_hit_storage};

    if (!waiter || waiter->has_attr)
        return;
    waiter->where = (uint8_t)where;
    if (waiter->advance)
        return; /* nobody uses it yet */
    core->counters[waiter->child ? child[where] : kernel[where]]++;
}

bool cu_flight_verify(struct object *object)
{
    const struct cu_buf *bytes = object->bytes;

    if (!object->verified)
        object->verified = !bytes || cu_buf_hash(bytes) == object->bytes_hash;
    return object->verified;
}

/* A want has joined the flight. */
static void count_used(struct cu_core *core, struct flight *flight, const struct waiter *waiter)
{
    cu_advance_asked(flight, waiter);
    if (!waiter || !(flight->ahead || flight->read_on) || flight->used)
        return;
    flight->used = true;
    if (flight->ahead)
        COUNT(core, read_ahead_used);
}

static void park(struct flight *flight, struct waiter *waiter)
{
    if (waiter)
        cu_list_push_back(&flight->waiters, &waiter->link);
}

/* The request cannot be made: frees the object and answers its waiters with the error. */
static void no_memory(struct cu_core *core, struct object *object, struct waiter *waiter)
{
    COUNT(core, no_memory);
    cu_cache_remove(core, object);
    if (waiter)
        cu_waiter_fail(core, waiter, ENOMEM);
}

/* The value received or held is wrong: asks storage directly, without the tree. */
static void read_instead(struct cu_core *core, struct object *object, struct waiter *waiter)
{
    bool filled = object->state == CU_FLIGHT_FILLED;

    cu_object_forget(object);
    if (filled) {
        cu_cache_unkeep(core, object);
        object->state = CU_FLIGHT_ABSENT;
        if (!flight_new(object)) {
            no_memory(core, object, waiter);
            return;
        }
    }
    if (waiter)
        waiter->where = CU_WHERE_STORAGE;
    park(object->flight, waiter);
    read_here(core, object->flight, true);
}

static void note_use(struct cu_core *core, struct object *object, const struct waiter *waiter)
{
    if (object->kind == CU_KIND_DIR && waiter && !waiter->child)
        cu_renew_used(core, object);
}

static void serve(struct cu_core *core, struct object *object, const struct flight_input *in)
{
    struct waiter *waiter = in->waiter;

    if (!waiter)
        return;
    note_use(core, object, waiter);
    if (waiter->advance)
        cu_advance_here(core, object, in->request);
    else if (!waiter->child)
        cu_advance_used(core, object);
    if ((!waiter->child || cu_pieces_part(object, waiter)) && !cu_flight_verify(object)) {
        cu_flight_step(core, object, CU_EVENT_CORRUPT, in);
        return;
    }
    cu_cache_touch(core, object);
    count_want(core, waiter, CU_WHERE_HERE);
    cu_waiter_answer(core, object, waiter);
}

/* An expired listing is kept, and its version goes into the request. Its checksum is checked first,
 * because the answer "unchanged" makes the listing held here valid again. */
static void expire(struct cu_core *core, struct object *object)
{
    COUNT(core, expired);
    cu_cache_unkeep(core, object);
    if (object->error || object->kind != CU_KIND_DIR || !cu_flight_verify(object))
        cu_object_forget(object);
    object->state = CU_FLIGHT_ABSENT;
    cu_cache_wasted(core, object);
}

/* What a flight keeps from before, with its charge, takes memory until the flight ends. */
static void hold(struct cu_core *core, struct flight *flight, uint32_t charge)
{
    if (!flight->object->bytes)
        return;
    flight->held_bytes = charge;
    core->held_bytes += charge;
}

static void begin(struct cu_core *core, struct object *object, const struct flight_input *in)
{
    uint32_t charge = object->charge;
    struct flight *flight;

    if (object->state == CU_FLIGHT_FILLED)
        expire(core, object);
    flight = flight_new(object);
    if (flight) {
        flight->read_on = in->read_on;
        flight->later = in->read_on || in->renew || (in->waiter && in->waiter->later);
    }
    if (flight && in->request)
        flight->home = object->kind == CU_KIND_DATA && (in->request->flags & CU_WANT_HOME);
    if (!flight || start(core, flight) < 0) {
        free(flight);
        no_memory(core, object, in->waiter);
        return;
    }
    if (object->kind == CU_KIND_ATTR) {
        assert(in->request);
        flight->content = (in->request->flags & CU_WANT_CONTENT) != 0;
        flight->stale = in->request->version;
    }
    hold(core, flight, charge);
    cu_advance_asked(flight, in->waiter);
    park(flight, in->waiter);
    if (in->read_on) {
        core->reading_on.requests++;
        core->reading_on.bytes += cu_object_fill_bytes(core->config.chunk_bytes, object);
        COUNT(core, read_on);
    } else if (!in->waiter && !in->renew) {
        flight->ahead = true;
        core->ahead.requests++;
        core->ahead.bytes += cu_object_fill_bytes(core->config.chunk_bytes, object);
        COUNT(core, read_ahead);
    }
    count_want(core, in->waiter,
               object->state == CU_FLIGHT_READING ? CU_WHERE_STORAGE : CU_WHERE_PARENT);
    if (object->kind == CU_KIND_DIR)
        cu_renew_begun(core, object, in);
}

void cu_flight_step(struct cu_core *core, struct object *object, enum cu_flight_event event,
                    const struct flight_input *in)
{
    if (event == CU_EVENT_CORRUPT)
        COUNT(core, bad_checksums);
    switch (cu_flight_action((enum cu_flight_state)object->state, event)) {
    case CU_ACTION_IGNORE:
        break;
    case CU_ACTION_SERVE:
        serve(core, object, in);
        break;
    case CU_ACTION_NOW:
        cu_haste_of_all(core, object->flight);
        break;
    case CU_ACTION_WAIT:
        if (in->waiter && !in->waiter->later)
            cu_haste(core, object->flight);
        count_want(core, in->waiter, CU_WHERE_FLIGHT);
        count_used(core, object->flight, in->waiter);
        note_use(core, object, in->waiter);
        park(object->flight, in->waiter);
        break;
    case CU_ACTION_START:
        begin(core, object, in);
        break;
    case CU_ACTION_RESTART:
        restart(core, object->flight);
        break;
    case CU_ACTION_READ:
        read_instead(core, object, in->waiter);
        break;
    case CU_ACTION_AGAIN:
        object->flight->again = object->flight->issued;
        break;
    case CU_ACTION_FILL:
        assert(in->value);
        fill(core, object, in->value);
        break;
    case CU_ACTION_FAIL:
        fail(core, object, in->value && in->value->error ? in->value->error : EIO);
        break;
    case CU_ACTION_REMOVE:
        if (object->state == CU_FLIGHT_FILLED)
            cu_cache_unkeep(core, object);
        cu_cache_remove(core, object);
        break;
    }
}

void cu_flight_drop(struct cu_core *core, struct object *object)
{
    cu_flight_step(core, object, CU_EVENT_DROP, &(struct flight_input){0});
}

void cu_flight_evict(struct cu_core *core, struct object *object)
{
    cu_flight_step(core, object, CU_EVENT_EVICT, &(struct flight_input){0});
}
