/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow control: how many wants of a child are worked on at a time. A child may send any number of
 * wants at once, and may then not read the answers. So its wants are served within a window of
 * answers on their way, bounded in number and in bytes. Further wants are parked, which costs
 * little more than their path. When too many are parked they are refused with EBUSY, and the child
 * asks storage itself. Answers that were sent but not yet taken by the child (the driver tells)
 * count, too: a child that does not read holds no more memory than its window, and its siblings'
 * answers do not wait for it.
 *
 * What hangs does not hold up the rest. A want that has been in service for 5 to 10 s takes no room
 * of the window any more, within a bound. Parked wants go on by turns, one of each path, and a path
 * with a want that hangs has one other want in service. When the bound is reached, other paths'
 * wants are refused instead of parked.
 *
 * What nobody waits for (CU_WANT_LATER) is served when nothing else can be, and only within half of
 * the window, so that there is always room for what somebody waits for. While that takes more than
 * the other half, the rest waits, for as long as it lasts. No cycle of waiting comes of it: what
 * somebody waits for never waits for what nobody waits for, because a want that joins such a flight
 * makes it one that somebody waits for, on each node up to the root (CU_WANT_NOW).
 *
 * Each tree has a window of its own. Within one tree, waiting always leads to the root, which waits
 * for no node. But the trees use the same nodes in different order, so with a common window a cycle
 * of nodes could wait for each other forever (deadlock).
 *
 * Invariant: a want is in service (counted in its tree's flow) from serve() until its
 * answer leaves as an effect, or parked, or answered EBUSY. */
#include "core/flow.h"

#include "base/hash.h"
#include "base/mem.h"
#include "core/state.h"
#include "core/waiters.h"
#include "core/wants.h"
#include "proto/piece.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WANTS_MAX         1024u /* in service, of one child in one tree, without what hangs */
#define PARKED_BYTES_MAX  (8ull << 20)  /* of all children; each parks the wants of its own */
#define WINDOW_MAX_BYTES  (32ull << 20) /* twice what one reader reads ahead */
#define WINDOW_BULK_BYTES (4ull << 20)  /* of that, twice what goes over one of 8 bulk trees */
#define WINDOW_CHUNKS     4u /* minimum, so that requests overlap with a small cache, too */
#define REFUSALS_BYTES    (2ull << 20) /* queued beyond the window: then the connection is closed */
#define UNKNOWN_BYTES     4096u        /* of an answer whose size is not known yet */
#define TURNS_MAX         256u         /* of paths that have to wait, at a time */
#define LATER_SHARE       2u /* of a window and of what may be parked, a fraction, for LINE_LATER */

struct parked {
    struct cu_list link; /* in flow_path->parked */
    uint64_t id;
    struct cu_version version;
    uint64_t chunk;
    uint16_t piece;
    uint16_t path_len;
    uint8_t kind, flags, tree;
    char path[];
};

/* A node has children in one bulk tree only, as long as nothing has failed. */
uint64_t cu_flow_window(const struct cu_core *core, uint32_t tree)
{
    const struct cu_core_config *config = &core->config;
    bool bulk = tree >= config->tree_count;
    uint64_t share = config->cache_bytes / 8, most = bulk ? WINDOW_BULK_BYTES : WINDOW_MAX_BYTES;
    uint64_t least = (uint64_t)WINDOW_CHUNKS * config->chunk_bytes;

    share = bulk ? share / CU_TREE_BULK_MAX : share / config->fanout / config->tree_count;
    if (share > most)
        share = most;
    return share > least ? share : least;
}

static uint64_t parked_max(const struct cu_core *core, enum line line)
{
    uint64_t share = core->config.cache_bytes / 32;

    share = share < PARKED_BYTES_MAX ? share : PARKED_BYTES_MAX;
    return line == LINE_LATER ? share / LATER_SHARE : share;
}

static uint32_t answer_bytes(const struct cu_core *core, const struct cu_msg_want *want)
{
    if (want->kind == CU_KIND_DATA) {
        uint32_t bytes = cu_piece_bytes(core->config.chunk_bytes, want->piece);

        return want->version.size < bytes ? (uint32_t)want->version.size : bytes;
    }
    if (want->kind == CU_KIND_ATTR && (want->flags & CU_WANT_CONTENT))
        return core->config.inline_bytes;
    return UNKNOWN_BYTES;
}

enum room {
    ROOM,
    ROOM_NOT_YET,
    ROOM_TAKEN, /* by what hangs */
};

static bool is_full(const struct cu_core *core, const struct neighbor *neighbor,
                    const struct flow *flow, enum line line)
{
    uint64_t window = cu_flow_window(core, (uint32_t)(flow - neighbor->flows));
    uint32_t share = line == LINE_LATER ? LATER_SHARE : 1;

    return flow->recent + flow->before >= WANTS_MAX / share ||
           flow->recent_bytes + flow->before_bytes + neighbor->child_queued >= window / share;
}

/* By what hangs, as much as what nobody waits for may share in. */
static bool is_taken(const struct flow *flow, uint64_t window, enum line line)
{
    return line == LINE_LATER && (flow->bytes >= FLOW_WINDOWS_MAX * window / LATER_SHARE ||
                                  flow->wants >= FLOW_WANTS_MAX / LATER_SHARE);
}

static enum room room_for(const struct cu_core *core, const struct neighbor *neighbor,
                          const struct flow *flow, const struct flow_path *path)
{
    uint64_t window = cu_flow_window(core, (uint32_t)(flow - neighbor->flows));

    if (is_full(core, neighbor, flow, path->line) || is_taken(flow, window, path->line))
        return ROOM_NOT_YET;
    if (cu_flowpath_hangs(path)) {
        bool more = path->recent + path->before == 0 && flow->wants < FLOW_WANTS_MAX / 2 &&
                    flow->bytes < (FLOW_WINDOWS_MAX - 1) * window;

        return more ? ROOM : ROOM_NOT_YET;
    }
    return flow->bytes < FLOW_WINDOWS_MAX * window && flow->wants < FLOW_WANTS_MAX ? ROOM
                                                                                   : ROOM_TAKEN;
}

/* A tree number out of range is the child's error; it only loses the order among its wants. */
static struct flow *flow_of(const struct cu_core *core, struct neighbor *neighbor, uint8_t tree)
{
    return &neighbor->flows[tree < core->route_count ? tree : 0];
}

static struct cu_request request_of(const struct cu_msg_want *want)
{
    return (struct cu_request){
        .kind = want->kind,
        .flags = want->flags,
        .path = want->path,
        .path_len = want->path_len,
        .chunk = want->chunk,
        .piece = want->piece,
        .version = want->kind == CU_KIND_DIR ? (struct cu_version){0} : want->version,
    };
}

static void fill_waiter(struct waiter *waiter, const struct cu_msg_want *want)
{
    waiter->piece = want->piece;
    waiter->later = (want->flags & CU_WANT_LATER) != 0;
    waiter->content = want->kind == CU_KIND_ATTR && (want->flags & CU_WANT_CONTENT);
    if (want->kind == CU_KIND_DIR)
        waiter->held = want->version;
}

static struct waiter *child_waiter(struct cu_core *core, const struct neighbor *neighbor,
                                   uint64_t id, enum cu_kind kind, uint64_t key)
{
    struct waiter *waiter = cu_waiter_new(core);

    if (!waiter)
        return NULL;
    waiter->child = true;
    waiter->rank = neighbor->rank;
    waiter->cookie = id;
    waiter->kind = (uint8_t)kind;
    waiter->key = key;
    return waiter;
}

static uint64_t key_of(const struct cu_msg_want *want)
{
    return cu_object_key(want->kind, cu_hash_bytes(want->path, want->path_len), want->chunk,
                         want->piece);
}

static enum line line_of(const struct cu_msg_want *want)
{
    return want->flags & CU_WANT_LATER ? LINE_LATER : LINE_NOW;
}

static uint64_t path_key(const struct neighbor *neighbor, const struct flow *flow,
                         const struct cu_msg_want *want, enum line line)
{
    uint64_t seed = (uint64_t)neighbor->rank << 8 | (uint64_t)(flow - neighbor->flows);

    seed |= (uint64_t)line << 40;
    return cu_hash_seeded(want->path, want->path_len, seed);
}

static int serve(struct cu_core *core, struct neighbor *neighbor, struct flow_path *path,
                 uint64_t id, const struct cu_msg_want *want)
{
    struct waiter *waiter = child_waiter(core, neighbor, id, want->kind, key_of(want));
    struct flow *flow = flow_of(core, neighbor, want->tree);
    const struct cu_request request = request_of(want);

    if (!waiter)
        return -ENOMEM;
    fill_waiter(waiter, want);
    waiter->bytes = answer_bytes(core, want);
    waiter->tree = want->tree;
    waiter->flow_key = path->key;
    waiter->period = flow->period;
    cu_flowpath_served(flow, path, waiter->bytes);
    cu_want(core, &request, waiter);
    return 0;
}

static int park(struct cu_core *core, struct flow *flow, struct flow_path *path, uint64_t id,
                const struct cu_msg_want *want)
{
    size_t size = sizeof(struct parked) + want->path_len;
    struct parked *parked;

    if (core->parked_bytes + size > parked_max(core, path->line))
        return -EBUSY;
    parked = cu_mem_take(size);
    if (!parked)
        return -ENOMEM;
    cu_list_init(&parked->link);
    parked->id = id;
    parked->version = want->version;
    parked->chunk = want->chunk;
    parked->piece = want->piece;
    parked->kind = (uint8_t)want->kind;
    parked->flags = want->flags;
    parked->tree = want->tree;
    parked->path_len = want->path_len;
    memcpy(parked->path, want->path, want->path_len);
    if (cu_list_empty(&path->parked)) {
        cu_list_push_back(&flow->turns[path->line], &path->turn);
        flow->waiting[path->line]++;
    }
    cu_list_push_back(&path->parked, &parked->link);
    core->parked_bytes += size;
    return 0;
}

static void parked_free(struct cu_core *core, struct parked *parked)
{
    cu_list_remove(&parked->link);
    assert(core->parked_bytes >= sizeof *parked + parked->path_len);
    core->parked_bytes -= sizeof *parked + parked->path_len;
    cu_mem_give(parked, sizeof *parked + parked->path_len);
}

bool cu_flow_is_deaf(const struct cu_core *core, const struct neighbor *neighbor)
{
    uint64_t most = REFUSALS_BYTES;

    for (uint32_t t = 0; t < core->route_count; t++)
        most += cu_flow_window(core, t);
    return neighbor->child_queued > most;
}

static int refuse(struct cu_core *core, const struct neighbor *neighbor, uint64_t id,
                  const struct cu_msg_want *want, int error)
{
    struct waiter *waiter = child_waiter(core, neighbor, id, want->kind, key_of(want));

    COUNT(core, refused_busy);
    if (cu_flow_is_deaf(core, neighbor)) {
        cu_waiter_free(waiter); /* it does not even read refusals */
        return -ENOBUFS;
    }
    if (!waiter)
        return -ENOMEM;
    cu_waiter_fail(core, waiter, error);
    return 0;
}

int cu_flow_unsent(struct cu_core *core, struct neighbor *neighbor, uint64_t id,
                   const struct cu_msg_answer *answer)
{
    struct waiter *waiter;

    if (answer->value.error == EBUSY)
        return -ENOMEM; /* not even that */
    waiter = child_waiter(core, neighbor, id, answer->kind, answer->key);
    if (!waiter)
        return -ENOMEM;
    cu_waiter_fail(core, waiter, EBUSY);
    return 0;
}

static int serve_or_drop(struct cu_core *core, struct neighbor *neighbor, struct flow_path *path,
                         uint64_t id, const struct cu_msg_want *want)
{
    int rc = serve(core, neighbor, path, id, want);

    if (rc < 0)
        cu_flowpath_unused(core, path);
    return rc;
}

/* Those of a line are served in the order in which they came. */
static bool is_next(const struct flow *flow, enum line line)
{
    return flow->waiting[line] == 0 && (line == LINE_NOW || flow->waiting[LINE_NOW] == 0);
}

int cu_flow_want(struct cu_core *core, struct neighbor *neighbor, uint64_t id,
                 const struct cu_msg_want *want)
{
    struct flow *flow = flow_of(core, neighbor, want->tree);
    enum line line = line_of(want);
    struct flow_path *path;
    enum room room;
    int rc;

    cu_flow_age(core, flow);
    path = cu_flowpath_get(core, flow, path_key(neighbor, flow, want, line), line);
    if (!path)
        return refuse(core, neighbor, id, want, ENOMEM);
    room = room_for(core, neighbor, flow, path);
    if (room == ROOM && is_next(flow, line))
        return serve_or_drop(core, neighbor, path, id, want);
    rc = room == ROOM_TAKEN ? -EBUSY : park(core, flow, path, id, want);
    if (rc == -EBUSY && room == ROOM)
        return serve_or_drop(core, neighbor, path, id, want);
    if (rc < 0) {
        cu_flowpath_unused(core, path);
        rc = refuse(core, neighbor, id, want, -rc);
    }
    return rc;
}

/* NULL: it is in service, or answered. */
static struct parked *find_parked(const struct flow_path *path, uint64_t id)
{
    cu_list_for_each (link, &path->parked) {
        struct parked *parked = CU_LIST_ENTRY(link, struct parked, link);

        if (parked->id == id)
            return parked;
    }
    return NULL;
}

int cu_flow_now(struct cu_core *core, struct neighbor *neighbor, uint64_t id,
                const struct cu_msg_want *want)
{
    struct flow *flow = flow_of(core, neighbor, want->tree);
    struct flow_path *path = cu_flowpath_find(core, path_key(neighbor, flow, want, LINE_LATER));
    struct parked *parked = path ? find_parked(path, id) : NULL;
    struct cu_msg_want now = *want;

    now.flags &= (uint8_t)~CU_WANT_NOW;
    if (!parked) {
        const struct cu_request request = request_of(&now);

        cu_want_now(core, &request);
        return 0;
    }
    parked_free(core, parked);
    if (cu_list_empty(&path->parked)) {
        cu_list_remove(&path->turn);
        flow->waiting[LINE_LATER]--;
    }
    cu_flowpath_unused(core, path);
    return cu_flow_want(core, neighbor, id, &now);
}

void cu_flow_answered(struct cu_core *core, const struct waiter *waiter)
{
    struct neighbor *neighbor = cu_neighbors_find(core, waiter->rank);
    struct flow_path *path;
    struct flow *flow;

    if (!neighbor || waiter->bytes == 0)
        return; /* it was refused, and never in service */
    flow = flow_of(core, neighbor, waiter->tree);
    path = cu_flowpath_find(core, waiter->flow_key);
    if (!path || path->wants == 0)
        return; /* it belongs to a connection that has ended */
    cu_flow_age(core, flow);
    cu_flowpath_answered(flow, path, waiter->period, waiter->bytes);
    cu_flowpath_unused(core, path);
}

void cu_flow_queued(struct cu_core *core, struct neighbor *neighbor, uint64_t bytes)
{
    assert(core->queued_bytes >= neighbor->child_queued);
    core->queued_bytes -= neighbor->child_queued;
    neighbor->child_queued = bytes;
    core->queued_bytes += bytes;
}

static int serve_parked(struct cu_core *core, struct neighbor *neighbor, struct flow_path *path,
                        enum room room)
{
    struct parked *parked = CU_LIST_ENTRY(path->parked.next, struct parked, link);
    const struct cu_msg_want want = {
        .kind = (enum cu_kind)parked->kind,
        .flags = parked->flags,
        .tree = parked->tree,
        .chunk = parked->chunk,
        .piece = parked->piece,
        .version = parked->version,
        .path = parked->path,
        .path_len = parked->path_len,
    };
    int rc = room == ROOM ? serve(core, neighbor, path, parked->id, &want)
                          : refuse(core, neighbor, parked->id, &want, EBUSY);

    if (rc == 0)
        parked_free(core, parked);
    return rc;
}

/* One of each path, by turns. */
static bool pump_line(struct cu_core *core, struct neighbor *neighbor, struct flow *flow,
                      enum line line)
{
    uint32_t idle = 0;
    bool moved = false;

    if (flow->waiting[line] == 0)
        return false;
    cu_flow_age(core, flow);
    while (idle < flow->waiting[line] && idle < TURNS_MAX && !is_full(core, neighbor, flow, line)) {
        struct flow_path *path =
            CU_LIST_ENTRY(cu_list_pop_front(&flow->turns[line]), struct flow_path, turn);
        enum room room;
        int rc = 0;

        cu_flowpath_age(flow, path);
        room = room_for(core, neighbor, flow, path);
        if (room != ROOM_NOT_YET)
            rc = serve_parked(core, neighbor, path, room);
        idle = room == ROOM_NOT_YET ? idle + 1 : 0;
        moved = moved || (room != ROOM_NOT_YET && rc == 0);
        if (cu_list_empty(&path->parked))
            flow->waiting[line]--;
        else
            cu_list_push_back(&flow->turns[line], &path->turn);
        cu_flowpath_unused(core, path);
        if (rc < 0) /* without memory it stays, and comes when something was answered */
            break;
    }
    return moved;
}

uint64_t cu_flow_deadline(const struct cu_core *core)
{
    return core->parked_bytes > 0 ? cu_flow_next_period(core) : UINT64_MAX;
}

bool cu_flow_pump(struct cu_core *core)
{
    bool moved = false;

    if (core->parked_bytes == 0)
        return false;
    cu_list_for_each (link, &core->neighbors) {
        struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        for (uint32_t t = 0; t < core->route_count; t++)
            for (unsigned line = 0; line < LINES; line++)
                moved = pump_line(core, neighbor, &neighbor->flows[t], (enum line)line) || moved;
    }
    return moved;
}

void cu_flow_child_lost(struct cu_core *core, struct neighbor *neighbor)
{
    for (uint32_t t = 0; t < core->route_count; t++) {
        struct flow *flow = &neighbor->flows[t];

        cu_list_for_each_safe (all, &flow->paths) {
            struct flow_path *path = CU_LIST_ENTRY(all, struct flow_path, all);

            cu_list_for_each_safe (link, &path->parked)
                parked_free(core, CU_LIST_ENTRY(link, struct parked, link));
            cu_flowpath_drop(core, path);
        }
        cu_flow_init(flow);
    }
    cu_flow_queued(core, neighbor, 0);
}
