/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbors and routes: the candidates for this node's parent in each tree, which of them are up,
 * and the parent in use.
 *
 * All candidates of a route have a lower place, so there are no loops whichever nodes are dead. The
 * parent in use is the best candidate that is up. A candidate that could not be reached is dead
 * until it is up again; it is tried again now and then, in the background. With no candidate alive
 * the node is a root. Before a route was ever joined, a candidate that cannot be reached does not
 * count as dead, because at the start of a job all daemons come up at the same time; one with
 * another protocol version does.
 *
 * Silence: a parent that owes an answer is pinged after 1 s and lost after 3 s; connections to
 * other candidates are opened meanwhile. An idle parent is pinged every 10 s. A child that is
 * silent for 35 s is disconnected. A parent that sends an answer that was not asked for is lost at
 * once, and not asked for 30 s. */
#include "core/neighbors.h"

#include "core/flight.h"
#include "core/ready.h"
#include "core/state.h"
#include "core/waiters.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define PING_BUSY_NS   (1 * S_NS)
#define PING_IDLE_NS   (10 * S_NS)
#define SILENCE_NS     (3 * S_NS)
#define SUSPECT_NS     (300 * MS_NS) /* after the ping */
#define CHILD_GONE_NS  (35 * S_NS)
#define RETRY_START_NS (20 * MS_NS) /* of a node that may be starting */
#define RETRY_MIN_NS   (500 * MS_NS)
#define RETRY_MAX_NS   (2 * S_NS)  /* a parent that is back is used again within this time */
#define DISTRUST_NS    (30 * S_NS) /* after a wrong answer */
#define BULK_GRACE_NS  (5 * S_NS)  /* the same as start_grace_ns, at most, for bulk trees */
#define STANDBY_MAX    3u          /* candidates tried at the same time once the parent is lost */

int cu_neighbors_init(struct cu_core *core)
{
    const struct cu_core_config *config = &core->config;
    uint32_t bulk = cu_core_bulk_count(config);

    cu_list_init(&core->neighbors);
    core->route_count = config->tree_count + bulk;
    core->routes = calloc(core->route_count, sizeof *core->routes);
    if (!core->routes)
        return -ENOMEM;
    for (uint32_t t = 0; t < core->route_count; t++) {
        struct route *route = &core->routes[t];

        if (t < config->tree_count)
            route->tree = cu_tree_make(config->node_count, config->fanout, t, config->tree_count);
        else
            route->tree = cu_tree_make_bulk(config->node_count, t - config->tree_count, bulk);
        route->candidate_count =
            cu_tree_candidates(&route->tree, config->rank, route->candidates, CANDIDATES_MAX);
        route->parent = route->candidate_count == 0 ? config->rank : CU_RANK_NONE;
        route->joined = route->candidate_count == 0;
        route->bulk = t >= config->tree_count;
        route->wanted = !route->bulk;
        cu_list_init(&route->flights);
    }
    return 0;
}

void cu_neighbors_free(struct cu_core *core)
{
    while (core->neighbors.next && !cu_list_empty(&core->neighbors)) {
        struct neighbor *neighbor =
            CU_LIST_ENTRY(cu_list_pop_front(&core->neighbors), struct neighbor, link);

        cu_flow_child_lost(core, neighbor);
        cu_renew_child_lost(neighbor);
        free(neighbor->ready);
        free(neighbor);
    }
    free(core->routes);
}

/* Neighbors are never freed before the core, so what was found once stays right. */
struct neighbor *cu_neighbors_find(struct cu_core *core, uint32_t rank)
{
    struct neighbor **last = &core->neighbors_found[rank % NEIGHBORS_FOUND];

    if (*last && (*last)->rank == rank)
        return *last;
    cu_list_for_each (link, &core->neighbors) {
        struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        if (neighbor->rank == rank)
            return *last = neighbor;
    }
    return NULL;
}

static struct neighbor *get(struct cu_core *core, uint32_t rank)
{
    struct neighbor *neighbor = cu_neighbors_find(core, rank);

    if (neighbor)
        return neighbor;
    neighbor = calloc(1, sizeof *neighbor + core->route_count * sizeof(struct flow));
    if (!neighbor)
        return NULL;
    neighbor->rank = rank;
    neighbor->state = PARENT_NONE;
    cu_list_init(&neighbor->pending.link);
    for (uint32_t t = 0; t < core->route_count; t++)
        cu_flow_init(&neighbor->flows[t]);
    cu_list_push_back(&core->neighbors, &neighbor->link);
    return neighbor;
}

void cu_neighbors_todo(struct cu_core *core, struct neighbor *neighbor, unsigned what)
{
    neighbor->todo |= what;
    cu_pending_add(core, &neighbor->pending, PENDING_NEIGHBOR);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When a silent parent is pinged. */
static uint64_t ping_at(const struct neighbor *neighbor)
{
    return neighbor->heard_ns + (neighbor->inflight ? PING_BUSY_NS : PING_IDLE_NS);
}

void cu_neighbors_asked(struct cu_core *core, uint32_t rank, int change)
{
    struct neighbor *neighbor = cu_neighbors_find(core, rank);

    if (!neighbor)
        return;
    assert(change > 0 || neighbor->inflight > 0);
    neighbor->inflight = (uint32_t)((int64_t)neighbor->inflight + change);
    if (neighbor->inflight == 1 && change > 0 && !neighbor->pinged_ns)
        core->neighbors_deadline_ns = earlier(core->neighbors_deadline_ns, ping_at(neighbor));
}

/* --- routes ---------------------------------------------------------------------------------- */

/* Other daemons may be starting, too. */
static bool is_early(const struct cu_core *core, uint64_t most_ns)
{
    uint64_t grace = core->config.start_grace_ns < most_ns ? core->config.start_grace_ns : most_ns;

    return core->now_ns - core->created_ns < grace;
}

/* Somebody waits already when a bulk tree is joined. */
static bool starting(const struct cu_core *core, const struct route *route)
{
    return !route->joined && route->wanted &&
           is_early(core, route->bulk ? BULK_GRACE_NS : UINT64_MAX);
}

/* Connects when it is time to. A neighbor that several trees want is one connection. */
static void want_connection(struct cu_core *core, struct neighbor *neighbor)
{
    if (neighbor->state != PARENT_NONE || core->now_ns < neighbor->retry_ns)
        return;
    neighbor->state = PARENT_CONNECTING;
    neighbor->slow_ns = core->now_ns + PING_BUSY_NS;
    cu_neighbors_todo(core, neighbor, SEND_CONNECT);
}

/* A parent that has owed an answer and a PONG for some time is about to be lost. Other candidates
 * are connected to already, so that it is known by then which of them are up. */
static bool is_suspect(const struct cu_core *core, const struct neighbor *neighbor)
{
    return neighbor->state == PARENT_UP && neighbor->pinged_ns && neighbor->inflight &&
           core->now_ns >= neighbor->pinged_ns + SUSPECT_NS;
}

/* Does it not answer, although the job may run already? */
static bool is_slow(const struct cu_core *core, const struct neighbor *neighbor)
{
    return neighbor->state == PARENT_CONNECTING && core->now_ns >= neighbor->slow_ns;
}

static bool any_suspect(const struct cu_core *core)
{
    cu_list_for_each (link, &core->neighbors)
        if (is_suspect(core, CU_LIST_ENTRY(link, struct neighbor, link)))
            return true;
    return false;
}

static uint64_t joined_trees(const struct cu_core *core, uint32_t rank)
{
    uint64_t trees = 0;

    for (uint32_t t = 0; t < core->route_count; t++)
        if (core->routes[t].parent == rank)
            trees |= 1ull << t;
    return trees;
}

static void set_parent(struct cu_core *core, struct route *route, uint32_t rank)
{
    if (route->parent == rank)
        return;
    route->parent = rank;
    if (rank != CU_RANK_NONE) {
        if (route->joined && !is_early(core, BULK_GRACE_NS))
            COUNT(core, parents_changed);
        route->joined = true;
    }
    cu_list_for_each (link, &core->neighbors) {
        struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        if (neighbor->state == PARENT_UP && neighbor->joined != joined_trees(core, neighbor->rank))
            cu_neighbors_todo(core, neighbor, SEND_JOIN);
    }
    if (route == &core->routes[0])
        cu_ready_resend(core);
    cu_ready_check_self(core);
    cu_flight_reroute(core, route, CU_RANK_NONE);
}

/* Chooses the parent among the candidates and opens the connections that are needed. */
static void route_update(struct cu_core *core, struct route *route)
{
    uint32_t alive = 0, tried = 0, standby = route->joined ? STANDBY_MAX : 1u;
    uint32_t parent = CU_RANK_NONE;

    if (route->candidate_count == 0 || !route->wanted)
        return;
    for (uint32_t i = 0; i < route->candidate_count; i++) {
        struct neighbor *neighbor = get(core, route->candidates[i]);

        if (!neighbor)
            continue; /* out of memory: as if dead */
        if (neighbor->state == PARENT_UP && parent == CU_RANK_NONE)
            parent = neighbor->rank;
        if (neighbor->state == PARENT_UP && !is_suspect(core, neighbor))
            break;
        if (neighbor->dead)
            want_connection(core, neighbor); /* in the background */
        else if (alive++, tried < standby)
            want_connection(core, neighbor);
        tried += !neighbor->dead && !(route->bulk && is_slow(core, neighbor));
    }
    set_parent(core, route, parent == CU_RANK_NONE && alive == 0 ? core->config.rank : parent);
}

static void update_all(struct cu_core *core)
{
    for (uint32_t t = 0; t < core->route_count; t++)
        route_update(core, &core->routes[t]);
}

static bool is_candidate(const struct cu_core *core, const struct neighbor *neighbor)
{
    for (uint32_t t = 0; t < core->route_count; t++) {
        const struct route *route = &core->routes[t];

        for (uint32_t i = 0;
             route->wanted && i < route->candidate_count && route->parent != route->candidates[i];
             i++)
            if (route->candidates[i] == neighbor->rank)
                return true; /* better than the parent in use */
    }
    return false;
}

/* The earliest deadline of all neighbors, when nothing is due now. Recomputed after each change,
 * except changes that only move a deadline to a later time, which are most of them; a tick that
 * comes too early corrects it. */
static void update_deadline(struct cu_core *core)
{
    uint64_t at = UINT64_MAX;

    cu_list_for_each (link, &core->neighbors) {
        struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        if (neighbor->state == PARENT_UP && neighbor->pinged_ns &&
            core->now_ns < neighbor->pinged_ns + SUSPECT_NS)
            at = earlier(at, neighbor->pinged_ns + SUSPECT_NS);
        else if (neighbor->state == PARENT_UP)
            at = earlier(at, neighbor->pinged_ns ? neighbor->pinged_ns + SILENCE_NS - PING_BUSY_NS
                                                 : ping_at(neighbor));
        else if (neighbor->state == PARENT_CONNECTING && neighbor->slow_ns > core->now_ns)
            at = earlier(at, neighbor->slow_ns);
        else if (neighbor->state == PARENT_NONE && neighbor->retry_ns > core->now_ns &&
                 is_candidate(core, neighbor))
            at = earlier(at, neighbor->retry_ns);
        if (neighbor->child)
            at = earlier(at, neighbor->child_heard_ns + CHILD_GONE_NS);
    }
    core->neighbors_deadline_ns = at;
}

/* Does what is due, which the next deadline does not contain. */
static void settle(struct cu_core *core)
{
    update_all(core);
    update_deadline(core);
}

/* That a candidate is dead may have been found long ago, or while it started. Those that another
 * route tries all the time are dead, and this node may be the root there because of it. */
void cu_neighbors_want(struct cu_core *core, struct route *route)
{
    bool early = core->now_ns - core->created_ns < BULK_GRACE_NS;
    uint64_t retry_ns = core->now_ns + (early ? RETRY_MAX_NS : 0);

    if (route->wanted)
        return;
    for (uint32_t i = 0; i < route->candidate_count; i++) {
        struct neighbor *neighbor = cu_neighbors_find(core, route->candidates[i]);

        if (neighbor && neighbor->retry_ns <= retry_ns && !is_candidate(core, neighbor))
            neighbor->dead = false;
    }
    route->wanted = true;
    route_update(core, route);
    update_deadline(core);
}

uint64_t cu_neighbors_deadline(const struct cu_core *core)
{
    return core->neighbors_deadline_ns;
}

/* --- connections ------------------------------------------------------------------------------ */

void cu_neighbors_up(struct cu_core *core, struct cu_peer peer)
{
    struct neighbor *neighbor = get(core, peer.rank);

    if (!neighbor) {
        COUNT(core, no_memory);
        return;
    }
    if (peer.side == CU_CHILD) {
        if (!neighbor->child)
            core->counters[CU_COUNT_children]++;
        neighbor->child = true;
        neighbor->child_trees = 0;
        neighbor->child_heard_ns = core->now_ns;
        cu_refresh_tell_anew(core, neighbor, CU_CHILD);
        settle(core);
        return;
    }
    neighbor->state = PARENT_UP;
    cu_refresh_tell_anew(core, neighbor, CU_PARENT);
    neighbor->dead = false;
    neighbor->ever_up = true;
    neighbor->failures = 0;
    neighbor->heard_ns = core->now_ns;
    neighbor->pinged_ns = 0;
    neighbor->joined = 0;
    settle(core);
}

static uint64_t retry_at(const struct cu_core *core, const struct neighbor *neighbor, bool starts)
{
    unsigned doublings = neighbor->failures < 8 ? neighbor->failures : 8;
    uint64_t delay = (starts ? RETRY_START_NS : RETRY_MIN_NS) << doublings;

    return core->now_ns + earlier(delay, starts ? 200 * MS_NS : RETRY_MAX_NS);
}

static bool any_starting(const struct cu_core *core, uint32_t rank)
{
    for (uint32_t t = 0; t < core->route_count; t++) {
        const struct route *route = &core->routes[t];

        for (uint32_t i = 0; i < route->candidate_count; i++)
            if (route->candidates[i] == rank && starting(core, route))
                return true;
    }
    return false;
}

static void parent_down(struct cu_core *core, struct neighbor *neighbor, int error)
{
    bool was_up = neighbor->state == PARENT_UP;
    bool starts = !was_up && !neighbor->ever_up && error != EPROTONOSUPPORT;
    bool awaited = starts && any_starting(core, neighbor->rank);

    neighbor->state = PARENT_NONE;
    neighbor->todo &= ~(SEND_CONNECT | SEND_REFRESH_PARENT | SEND_JOIN | SEND_READY | SEND_PING);
    if (was_up)
        COUNT(core, parents_lost);
    if (!awaited)
        neighbor->dead = true;
    /* Its trees may be joined all the same, by way of a candidate that was there first. */
    starts = awaited || (starts && is_early(core, BULK_GRACE_NS));
    neighbor->retry_ns = retry_at(core, neighbor, starts);
    neighbor->failures++;
    update_all(core);
    for (uint32_t t = 0; t < core->route_count; t++)
        cu_flight_reroute(core, &core->routes[t], neighbor->rank);
}

void cu_neighbors_down(struct cu_core *core, struct cu_peer peer, int error)
{
    struct neighbor *neighbor = cu_neighbors_find(core, peer.rank);

    if (!neighbor)
        return;
    if (peer.side == CU_PARENT) {
        if (neighbor->state != PARENT_NONE)
            parent_down(core, neighbor, error);
        settle(core);
        return;
    }
    if (neighbor->child)
        core->counters[CU_COUNT_children]--;
    neighbor->child = false;
    neighbor->child_trees = 0;
    neighbor->todo &= ~(SEND_PONG | SEND_REFRESH_CHILD | SEND_CHECKED);
    cu_flow_child_lost(core, neighbor);
    cu_waiters_forget_child(core, peer.rank);
    cu_renew_child_lost(neighbor);
    cu_ready_forget(core, neighbor);
}

void cu_neighbors_distrust(struct cu_core *core, uint32_t rank)
{
    struct neighbor *neighbor = cu_neighbors_find(core, rank);

    if (!neighbor || neighbor->state == PARENT_NONE)
        return;
    cu_neighbors_todo(core, neighbor, SEND_DISCONNECT_PARENT);
    parent_down(core, neighbor, EPROTO);
    neighbor->retry_ns = core->now_ns + DISTRUST_NS;
    settle(core);
}

void cu_neighbors_heard(struct cu_core *core, struct cu_peer peer)
{
    struct neighbor *neighbor = cu_neighbors_find(core, peer.rank);

    if (!neighbor)
        return;
    if (peer.side == CU_CHILD) {
        neighbor->child_heard_ns = core->now_ns;
        return;
    }
    neighbor->heard_ns = core->now_ns;
    if (!neighbor->pinged_ns)
        return;
    neighbor->pinged_ns = 0;
    core->neighbors_deadline_ns = earlier(core->neighbors_deadline_ns, ping_at(neighbor));
}

/* --- time ------------------------------------------------------------------------------------- */

static void tick_parent(struct cu_core *core, struct neighbor *neighbor)
{
    if (neighbor->state != PARENT_UP)
        return;
    if (neighbor->pinged_ns && core->now_ns >= neighbor->pinged_ns + SILENCE_NS - PING_BUSY_NS) {
        cu_neighbors_todo(core, neighbor, SEND_DISCONNECT_PARENT);
        parent_down(core, neighbor, ETIMEDOUT);
    } else if (!neighbor->pinged_ns && core->now_ns >= ping_at(neighbor)) {
        neighbor->pinged_ns = core->now_ns;
        cu_neighbors_todo(core, neighbor, SEND_PING);
    }
}

static void tick_child(struct cu_core *core, struct neighbor *neighbor)
{
    if (!neighbor->child || core->now_ns < neighbor->child_heard_ns + CHILD_GONE_NS)
        return;
    cu_neighbors_todo(core, neighbor, SEND_DISCONNECT_CHILD);
    cu_neighbors_down(core, cu_peer_child(neighbor->rank), ETIMEDOUT);
}

/* A parent that no tree uses any more, and that owes nothing. */
static void tick_unused(struct cu_core *core, struct neighbor *neighbor)
{
    if (neighbor->state != PARENT_UP || neighbor->inflight || joined_trees(core, neighbor->rank) ||
        any_suspect(core))
        return;
    neighbor->state = PARENT_NONE;
    neighbor->retry_ns = 0;
    neighbor->ever_up = false;
    cu_neighbors_todo(core, neighbor, SEND_DISCONNECT_PARENT);
}

void cu_neighbors_tick(struct cu_core *core)
{
    cu_list_for_each_safe (link, &core->neighbors) {
        struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        tick_parent(core, neighbor);
        tick_child(core, neighbor);
        tick_unused(core, neighbor);
    }
    settle(core);
}
