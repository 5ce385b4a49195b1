/* SPDX-License-Identifier: BSD-3-Clause */
/* Refresh: everything cached about a path and all below it becomes out of date, on all nodes. So
 * does what stands between the path and who looks it up: absence, or a file, where directories on
 * the way may be now. The listings on the way, which may say that a name does not exist, are
 * compared with storage before they are used again; and the directory that contains the path has
 * other attributes when the name has come or gone.
 *
 * A refresh is a generation and a path. It is sent from peer to peer, in both directions of each
 * connection, and after a connection is made the latest ones are sent again; so nodes that were cut
 * off learn of it. A WANT carries the generation of its sender: a WANT that arrives before the
 * refresh itself gets no older copy.
 *
 * Chunks of files stay: each belongs to one version, and only the version is asked for again.
 *
 * Objects are not walked through at once: each remembers the latest refresh before it was
 * stored. Two things compare it with the refreshes since then: its next lookup, and a sweep over
 * the cache. The sweep takes some hundred buckets in a tick, and a refresh that comes during a
 * sweep does not restart it. Only the latest refreshes of [swept, made) are kept. An object that is
 * older than all of these counts as outdated; this happens only when more refreshes come during one
 * sweep than are kept. */
#include "core/refresh.h"

#include "base/path.h"
#include "core/cache.h"
#include "core/state.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

#define SWEEP_AT_ONCE 4096u  /* buckets: a small table needs no steps */
#define SWEEP_STEP    512u   /* buckets a tick */
#define UNSWEPT_MAX   32768u /* an object's number of the latest one has 16 bits */

static const char *path_of(const struct refresh *r)
{
    /* Used when memory is out: dropping more than needed is slower, never wrong. */
    return r->path ? (const char *)r->path->data : "/";
}

static size_t path_len_of(const struct refresh *r)
{
    return r->path ? r->path->size : 1;
}

static struct refresh *entry(struct cu_core *core, uint32_t seq)
{
    return &core->refreshes.log[seq % REFRESH_KEPT];
}

static const struct refresh *kept_entry(const struct cu_core *core, uint32_t seq)
{
    return &core->refreshes.log[seq % REFRESH_KEPT];
}

static uint32_t oldest(const struct cu_core *core)
{
    return core->refreshes.made > REFRESH_LOG ? core->refreshes.made - REFRESH_LOG : 0;
}

/* The first one that is kept. */
static uint32_t first_kept(const struct cu_core *core)
{
    return core->refreshes.made > REFRESH_KEPT ? core->refreshes.made - REFRESH_KEPT : 0;
}

/* What a refresh makes of an object; a later one is more. */
enum verdict {
    CURRENT,
    DOUBTED, /* a listing: its version is to be asked for */
    OUTDATED,
};

/* Of an object of a directory above the refreshed path. */
static enum verdict judge_above(const struct refresh *r, const struct object *object)
{
    if (object->error)
        return OUTDATED;
    if (object->kind == CU_KIND_DIR)
        return DOUBTED;
    if (object->kind != CU_KIND_ATTR)
        return CURRENT;
    return !S_ISDIR(cu_object_attr(object)->mode) ||
                   cu_path_parent_len(path_of(r), path_len_of(r)) == object->name->len
               ? OUTDATED
               : CURRENT;
}

static enum verdict judge(const struct refresh *r, const struct object *object)
{
    const char *path = object->name->path;
    size_t len = object->name->len;

    if (object->kind == CU_KIND_DATA && !r->drop)
        return CURRENT;
    if (cu_path_within(path, len, path_of(r), path_len_of(r)))
        return OUTDATED;
    if (cu_path_within(path_of(r), path_len_of(r), path, len))
        return judge_above(r, object);
    return CURRENT;
}

static enum verdict judge_all(const struct cu_core *core, const struct object *object)
{
    enum verdict most = CURRENT;
    uint32_t kept = first_kept(core);

    for (uint32_t seq = core->refreshes.made; seq != core->refreshes.swept; seq--) {
        enum verdict verdict;

        if ((uint16_t)seq == object->refreshed)
            break;       /* it came after this one */
        if (seq == kept) /* the paths of those before are not known */
            return object->kind != CU_KIND_DATA || core->refreshes.lost_drop ? OUTDATED : most;
        verdict = judge(kept_entry(core, seq - 1), object);
        if (verdict == OUTDATED)
            return OUTDATED;
        most = verdict > most ? verdict : most;
    }
    return most;
}

bool cu_refresh_apply(struct cu_core *core, struct object *object)
{
    enum verdict verdict = judge_all(core, object);

    assert(object->state == CU_FLIGHT_FILLED);
    if (verdict == OUTDATED) {
        cu_flight_drop(core, object);
        return true;
    }
    object->doubted |= verdict == DOUBTED;
    object->refreshed = (uint16_t)core->refreshes.made;
    return false;
}

bool cu_refresh_outdates(const struct cu_core *core, const struct object *object)
{
    return judge_all(core, object) == OUTDATED;
}

/* --- the sweep -------------------------------------------------------------------------------- */

static void sweep_bucket(struct cu_core *core, size_t i)
{
    struct object *object = cu_object_of(*cu_table_bucket(&core->objects, i));

    while (object) {
        struct object *next = cu_object_of(object->hash_link.next);

        if (object->state == CU_FLIGHT_FILLED)
            (void)cu_refresh_apply(core, object);
        object = next;
    }
}

static void begin_sweep(struct cu_core *core)
{
    struct refreshes *r = &core->refreshes;

    r->sweep_at = 0;
    r->sweep_to = r->made;
    if (r->swept == r->made)
        r->lost_drop = false;
}

static void sweep(struct cu_core *core, size_t count)
{
    struct refreshes *r = &core->refreshes;

    while (r->swept != r->made && count-- > 0) {
        /* A bucket that is split moves elements to the end, where the sweep comes last. */
        if (r->sweep_at < cu_table_bucket_count(&core->objects)) {
            sweep_bucket(core, r->sweep_at++);
            continue;
        }
        r->swept = r->sweep_to;
        begin_sweep(core);
    }
}

bool cu_refresh_sweeps(const struct cu_core *core)
{
    return core->refreshes.swept != core->refreshes.made;
}

void cu_refresh_tick(struct cu_core *core)
{
    sweep(core, SWEEP_STEP);
}

/* --- news ------------------------------------------------------------------------------------- */

static bool known(struct cu_core *core, uint32_t generation, const char *path, size_t path_len)
{
    for (uint32_t seq = oldest(core); seq != core->refreshes.made; seq++) {
        const struct refresh *r = entry(core, seq);

        if (r->generation == generation && path_len_of(r) == path_len &&
            memcmp(path_of(r), path, path_len) == 0)
            return true;
    }
    return false;
}

/* Queued before all messages that wait to be sent. */
static void tell(struct cu_core *core, struct neighbor *neighbor, enum cu_side side)
{
    cu_neighbors_todo(core, neighbor, side == CU_CHILD ? SEND_REFRESH_CHILD : SEND_REFRESH_PARENT);
    cu_list_remove(&neighbor->pending.link);
    cu_list_push_front(&core->pending, &neighbor->pending.link);
}

static void tell_all(struct cu_core *core)
{
    cu_list_for_each (link, &core->neighbors) {
        struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        if (neighbor->state == PARENT_UP)
            tell(core, neighbor, CU_PARENT);
        if (neighbor->child)
            tell(core, neighbor, CU_CHILD);
    }
}

void cu_refresh_tell_anew(struct cu_core *core, struct neighbor *neighbor, enum cu_side side)
{
    neighbor->refresh_told[side] = oldest(core);
    if (core->refreshes.made > 0)
        tell(core, neighbor, side);
}

bool cu_refresh_message(struct cu_core *core, struct neighbor *neighbor, enum cu_side side,
                        struct cu_effect *effect)
{
    uint32_t *told = &neighbor->refresh_told[side];

    if (core->refreshes.made - *told > REFRESH_LOG)
        *told = oldest(core);
    while (*told != core->refreshes.made) {
        const struct refresh *r = entry(core, (*told)++);

        if (r->generation == 0)
            continue; /* this node's alone */
        effect->held = cu_buf_ref(r->path);
        effect->send.msg.type = CU_MSG_REFRESH;
        effect->send.msg.refresh.generation = r->generation;
        effect->send.msg.refresh.path = path_of(r);
        effect->send.msg.refresh.path_len = path_len_of(r);
        if (*told != core->refreshes.made)
            tell(core, neighbor, side);
        return true;
    }
    return false;
}

/* What a request under way was to confirm is out of date, too: the version says nothing. */
static void outdate(struct cu_core *core, struct object *object)
{
    if (cu_object_in_flight(object) && object->kind == CU_KIND_DIR)
        cu_object_forget(object);
    cu_flight_drop(core, object);
}

/* Requests under way may still return the old state. */
static void restart_flights(struct cu_core *core, const struct refresh *r)
{
    for (uint32_t i = 0; i < core->slot_count; i++) {
        struct flight *flight = core->slots[i].flight;
        enum verdict verdict = flight ? judge(r, flight->object) : CURRENT;

        if (verdict == OUTDATED)
            outdate(core, flight->object);
        else if (verdict == DOUBTED)
            cu_flight_drop(core, flight->object);
    }
}

static void make(struct cu_core *core, uint32_t generation, const char *path, size_t path_len,
                 bool drop)
{
    struct refresh *r = entry(core, core->refreshes.made);
    bool sweeps;

    if (core->refreshes.made - core->refreshes.swept >= UNSWEPT_MAX)
        sweep(core, SIZE_MAX);
    if (core->refreshes.made - core->refreshes.swept >= REFRESH_KEPT)
        core->refreshes.lost_drop |= r->drop;
    cu_buf_unref(r->path);
    *r = (struct refresh){.generation = generation, .drop = drop};
    r->path = cu_buf_copy(path, path_len);
    if (!r->path)
        COUNT(core, no_memory);
    sweeps = cu_refresh_sweeps(core);
    core->refreshes.made++;
    assert(core->refreshes.made - core->refreshes.swept <= UNSWEPT_MAX);
    if (!sweeps)
        begin_sweep(core);
    restart_flights(core, r);
    if (cu_table_bucket_count(&core->objects) <= SWEEP_AT_ONCE)
        sweep(core, SIZE_MAX);
    cu_pending_add(core, &core->news, PENDING_NEWS);
}

bool cu_refresh_forget(struct cu_core *core, struct cu_effect *effect)
{
    struct refreshes *r = &core->refreshes;
    const struct refresh *next;

    if (r->forgotten == r->made)
        return false;
    if (r->made - r->forgotten > REFRESH_LOG)
        r->forgotten = oldest(core);
    next = entry(core, r->forgotten++);
    effect->type = CU_EFFECT_FORGET;
    effect->held = cu_buf_ref(next->path);
    effect->forget.path = path_of(next);
    effect->forget.path_len = path_len_of(next);
    effect->forget.pages = next->drop;
    return true;
}

void cu_refresh_drop(struct cu_core *core, const char *path, size_t path_len)
{
    make(core, 0, path, path_len, true);
}

void cu_refresh_learn(struct cu_core *core, uint32_t generation, const char *path, size_t path_len,
                      bool news)
{
    if (known(core, generation, path, path_len) ||
        (news && core->generation >= REFRESH_LOG && generation <= core->generation - REFRESH_LOG))
        return;
    /* Some refreshes before this one were missed, and the sender has no record of their paths any
     * more. */
    if (news && generation > core->generation && generation - core->generation > 1)
        make(core, 0, "/", 1, false);
    if (generation > core->generation)
        core->generation = generation;
    make(core, generation, path, path_len, false);
    tell_all(core);
}

void cu_refresh_heard(struct cu_core *core, const struct cu_msg_want *want)
{
    struct cu_request request = {
        .kind = want->kind, .path = want->path, .path_len = want->path_len};
    struct object *object;

    if (want->generation <= core->generation)
        return;
    if (want->generation > core->refreshes.heard)
        core->refreshes.heard = want->generation;
    if (want->kind == CU_KIND_DATA)
        return;
    object = cu_cache_find(core, &request);
    if (object)
        outdate(core, object);
}

uint32_t cu_refresh_asks_for(const struct cu_core *core)
{
    return core->generation > core->refreshes.heard ? core->generation : core->refreshes.heard;
}

void cu_refresh_free(struct cu_core *core)
{
    for (uint32_t i = 0; i < REFRESH_KEPT; i++)
        cu_buf_unref(core->refreshes.log[i].path);
}
