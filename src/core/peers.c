/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers and routes: whom this node may ask in each tree, who of them lives, and whom it asks now.
 *
 * A route's candidates all have a lower place, so there are no loops whoever is dead. The parent in
 * use is the best candidate that is up. A candidate that could not be reached is dead until it is
 * up again; it is tried again now and then, in the background. With no candidate alive the node is
 * a root. Before a route was ever joined, a candidate that cannot be reached is not dead yet: at
 * the start of a job all daemons come up at the same time. One that speaks another version is.
 *
 * Silence: a parent that owes an answer and says nothing is asked for a sign of life after 1 s and
 * is lost after 3 s, others being connected to meanwhile; an idle one is asked every 10 s. A child
 * that is silent for 35 s is let go. One that answers what it was not asked is lost at once, and
 * not asked for 30 s. */
#include "core/internal.h"

#include <errno.h>
#include <stdlib.h>

#define PING_BUSY_NS   (1 * S_NS)
#define PING_IDLE_NS   (10 * S_NS)
#define SILENCE_NS     (3 * S_NS)
#define SUSPECT_NS     (300 * MS_NS) /* after the ping */
#define CHILD_GONE_NS  (35 * S_NS)
#define RETRY_START_NS (20 * MS_NS)
#define RETRY_MIN_NS   (500 * MS_NS)
#define RETRY_MAX_NS   (2 * S_NS)  /* a parent that is back is used again within this time */
#define DISTRUST_NS    (30 * S_NS) /* after a wrong answer */
#define STANDBY_MAX    3u          /* candidates tried at the same time once the parent is lost */

int cu_peers_init(struct cu_core *core)
{
    const struct cu_core_config *config = &core->config;

    cu_list_init(&core->peers);
    core->routes = calloc(config->tree_count, sizeof *core->routes);
    if (!core->routes)
        return -ENOMEM;
    for (uint32_t t = 0; t < config->tree_count; t++) {
        struct route *route = &core->routes[t];

        route->tree = cu_tree_make(config->node_count, config->fanout, t, config->tree_count);
        route->candidate_count =
            cu_tree_candidates(&route->tree, config->rank, route->candidates, CANDIDATES_MAX);
        route->parent = route->candidate_count == 0 ? config->rank : CU_RANK_NONE;
        route->joined = route->candidate_count == 0;
        cu_list_init(&route->flights);
    }
    return 0;
}

void cu_peers_free(struct cu_core *core)
{
    while (core->peers.next && !cu_list_empty(&core->peers)) {
        struct peer *peer = CU_LIST_ENTRY(cu_list_pop_front(&core->peers), struct peer, link);

        cu_flow_child_lost(core, peer);
        free(peer->ready);
        free(peer);
    }
    free(core->routes);
}

/* Peers are never freed before the core, so what was found once stays right. */
struct peer *cu_peers_find(struct cu_core *core, uint32_t rank)
{
    struct peer **last = &core->peers_found[rank % PEERS_FOUND];

    if (*last && (*last)->rank == rank)
        return *last;
    cu_list_for_each (link, &core->peers) {
        struct peer *peer = CU_LIST_ENTRY(link, struct peer, link);

        if (peer->rank == rank)
            return *last = peer;
    }
    return NULL;
}

static struct peer *get(struct cu_core *core, uint32_t rank)
{
    struct peer *peer = cu_peers_find(core, rank);

    if (peer)
        return peer;
    peer = calloc(1, sizeof *peer + core->config.tree_count * sizeof(struct flow));
    if (!peer)
        return NULL;
    peer->rank = rank;
    peer->state = PEER_NONE;
    cu_list_init(&peer->pending.link);
    for (uint32_t t = 0; t < core->config.tree_count; t++)
        cu_list_init(&peer->flows[t].parked);
    cu_list_push_back(&core->peers, &peer->link);
    return peer;
}

void cu_peers_todo(struct cu_core *core, struct peer *peer, unsigned what)
{
    peer->todo |= what;
    cu_pending_add(core, &peer->pending, PENDING_PEER);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When silence becomes a question. */
static uint64_t ping_at(const struct peer *peer)
{
    return peer->heard_ns + (peer->inflight ? PING_BUSY_NS : PING_IDLE_NS);
}

void cu_peers_asked(struct cu_core *core, uint32_t rank, int change)
{
    struct peer *peer = cu_peers_find(core, rank);

    if (!peer)
        return;
    peer->inflight = (uint32_t)((int64_t)peer->inflight + change);
    if (peer->inflight == 1 && change > 0 && !peer->pinged_ns)
        core->peers_deadline_ns = earlier(core->peers_deadline_ns, ping_at(peer));
}

/* --- routes ---------------------------------------------------------------------------------- */

static bool starting(const struct cu_core *core, const struct route *route)
{
    return !route->joined && core->now_ns - core->created_ns < core->config.start_grace_ns;
}

/* Connects when it is time to. A peer that several trees want is one connection. */
static void want_connection(struct cu_core *core, struct peer *peer)
{
    if (peer->state != PEER_NONE || core->now_ns < peer->retry_ns)
        return;
    peer->state = PEER_CONNECTING;
    cu_peers_todo(core, peer, SEND_CONNECT);
}

/* A parent that has owed an answer for some time, and a sign of life, too, is about to be lost:
 * others are sought already, so that they, or that they are dead as well, are known by then. */
static bool is_suspect(const struct cu_core *core, const struct peer *peer)
{
    return peer->state == PEER_UP && peer->pinged_ns && peer->inflight &&
           core->now_ns >= peer->pinged_ns + SUSPECT_NS;
}

static bool any_suspect(const struct cu_core *core)
{
    cu_list_for_each (link, &core->peers) {
        if (is_suspect(core, CU_LIST_ENTRY(link, struct peer, link)))
            return true;
    }
    return false;
}

static uint64_t joined_trees(const struct cu_core *core, uint32_t rank)
{
    uint64_t trees = 0;

    for (uint32_t t = 0; t < core->config.tree_count; t++)
        if (core->routes[t].parent == rank)
            trees |= 1ull << t;
    return trees;
}

static void set_parent(struct cu_core *core, struct route *route, uint32_t rank)
{
    uint32_t old = route->parent;

    if (old == rank)
        return;
    route->parent = rank;
    if (rank != CU_RANK_NONE) {
        if (route->joined)
            COUNT(core, parents_changed);
        route->joined = true;
    }
    cu_list_for_each (link, &core->peers) {
        struct peer *peer = CU_LIST_ENTRY(link, struct peer, link);

        if (peer->state == PEER_UP && peer->joined != joined_trees(core, peer->rank))
            cu_peers_todo(core, peer, SEND_JOIN);
    }
    if (route == &core->routes[0])
        cu_ready_resend(core);
    cu_ready_check_self(core);
    cu_flight_reroute(core, route, CU_RANK_NONE);
}

/* Chooses the parent among the candidates and opens the connections that are worth having. */
static void route_update(struct cu_core *core, struct route *route)
{
    uint32_t alive = 0, parent = CU_RANK_NONE, standby = route->joined ? STANDBY_MAX : 1u;

    if (route->candidate_count == 0)
        return;
    for (uint32_t i = 0; i < route->candidate_count; i++) {
        struct peer *peer = get(core, route->candidates[i]);

        if (!peer)
            continue; /* out of memory: as if dead */
        if (peer->state == PEER_UP && parent == CU_RANK_NONE)
            parent = peer->rank;
        if (peer->state == PEER_UP && !is_suspect(core, peer))
            break;
        if (peer->dead)
            want_connection(core, peer); /* in the background */
        else if (alive++ < standby)
            want_connection(core, peer);
    }
    if (parent == CU_RANK_NONE && alive == 0)
        parent = core->config.rank;
    set_parent(core, route, parent);
}

static void update_all(struct cu_core *core)
{
    for (uint32_t t = 0; t < core->config.tree_count; t++)
        route_update(core, &core->routes[t]);
}

static bool is_candidate(const struct cu_core *core, const struct peer *peer)
{
    for (uint32_t t = 0; t < core->config.tree_count; t++) {
        const struct route *route = &core->routes[t];

        for (uint32_t i = 0; i < route->candidate_count && route->parent != route->candidates[i];
             i++)
            if (route->candidates[i] == peer->rank)
                return true; /* better than the parent in use */
    }
    return false;
}

/* Of all peers: after each change but those that only move it further away, which is most of them;
 * a tick too early finds out. */
static void update_deadline(struct cu_core *core)
{
    uint64_t at = UINT64_MAX;

    cu_list_for_each (link, &core->peers) {
        struct peer *peer = CU_LIST_ENTRY(link, struct peer, link);

        if (peer->state == PEER_UP && peer->pinged_ns &&
            core->now_ns < peer->pinged_ns + SUSPECT_NS)
            at = earlier(at, peer->pinged_ns + SUSPECT_NS);
        else if (peer->state == PEER_UP)
            at = earlier(at, peer->pinged_ns ? peer->pinged_ns + SILENCE_NS - PING_BUSY_NS
                                             : ping_at(peer));
        else if (peer->state == PEER_NONE && peer->retry_ns > core->now_ns &&
                 is_candidate(core, peer))
            at = earlier(at, peer->retry_ns);
        if (peer->child)
            at = earlier(at, peer->child_heard_ns + CHILD_GONE_NS);
    }
    core->peers_deadline_ns = at;
}

uint64_t cu_peers_deadline(const struct cu_core *core)
{
    return core->peers_deadline_ns;
}

/* --- connections ------------------------------------------------------------------------------ */

void cu_peers_up(struct cu_core *core, uint32_t rank, bool child)
{
    struct peer *peer = get(core, rank);

    if (!peer) {
        COUNT(core, no_memory);
        return;
    }
    if (child) {
        if (!peer->child)
            core->counters[CU_COUNT_children]++;
        peer->child = true;
        peer->child_trees = 0;
        peer->child_heard_ns = core->now_ns;
        cu_refresh_tell_anew(core, peer, true);
        update_deadline(core);
        return;
    }
    peer->state = PEER_UP;
    cu_refresh_tell_anew(core, peer, false);
    peer->dead = false;
    peer->ever_up = true;
    peer->failures = 0;
    peer->heard_ns = core->now_ns;
    peer->pinged_ns = 0;
    peer->joined = 0;
    update_all(core);
    update_deadline(core);
}

static uint64_t retry_delay(const struct peer *peer, uint64_t first_ns, uint64_t max_ns)
{
    unsigned doublings = peer->failures < 8 ? peer->failures : 8;
    uint64_t delay = first_ns << doublings;

    return delay < max_ns ? delay : max_ns;
}

static bool any_starting(const struct cu_core *core, uint32_t rank)
{
    for (uint32_t t = 0; t < core->config.tree_count; t++) {
        const struct route *route = &core->routes[t];

        for (uint32_t i = 0; i < route->candidate_count; i++)
            if (route->candidates[i] == rank && starting(core, route))
                return true;
    }
    return false;
}

static void parent_down(struct cu_core *core, struct peer *peer, int error)
{
    bool was_up = peer->state == PEER_UP;

    peer->state = PEER_NONE;
    peer->todo &= ~(SEND_CONNECT | SEND_REFRESH_PARENT | SEND_JOIN | SEND_READY | SEND_PING);
    if (was_up)
        COUNT(core, parents_lost);
    if (!was_up && !peer->ever_up && error != EPROTONOSUPPORT && any_starting(core, peer->rank)) {
        peer->retry_ns = core->now_ns + retry_delay(peer, RETRY_START_NS, 200 * MS_NS);
    } else {
        peer->dead = true;
        peer->retry_ns = core->now_ns + retry_delay(peer, RETRY_MIN_NS, RETRY_MAX_NS);
    }
    peer->failures++;
    update_all(core);
    for (uint32_t t = 0; t < core->config.tree_count; t++)
        cu_flight_reroute(core, &core->routes[t], peer->rank);
}

void cu_peers_down(struct cu_core *core, uint32_t rank, bool child, int error)
{
    struct peer *peer = cu_peers_find(core, rank);

    if (!peer)
        return;
    if (!child) {
        if (peer->state != PEER_NONE)
            parent_down(core, peer, error);
        update_deadline(core);
        return;
    }
    if (peer->child)
        core->counters[CU_COUNT_children]--;
    peer->child = false;
    peer->child_trees = 0;
    peer->todo &= ~(SEND_PONG | SEND_REFRESH_CHILD);
    cu_flow_child_lost(core, peer);
    cu_waiters_forget_child(core, rank);
    cu_ready_forget(core, peer);
}

void cu_peers_distrust(struct cu_core *core, uint32_t rank)
{
    struct peer *peer = cu_peers_find(core, rank);

    if (!peer || peer->state == PEER_NONE)
        return;
    cu_peers_todo(core, peer, SEND_DISCONNECT_PARENT);
    parent_down(core, peer, EPROTO);
    peer->retry_ns = core->now_ns + DISTRUST_NS;
    update_deadline(core);
}

void cu_peers_heard(struct cu_core *core, uint32_t rank, bool child)
{
    struct peer *peer = cu_peers_find(core, rank);

    if (!peer)
        return;
    if (child) {
        peer->child_heard_ns = core->now_ns;
        return;
    }
    peer->heard_ns = core->now_ns;
    if (!peer->pinged_ns)
        return;
    peer->pinged_ns = 0;
    core->peers_deadline_ns = earlier(core->peers_deadline_ns, ping_at(peer));
}

/* --- time ------------------------------------------------------------------------------------- */

static void tick_parent(struct cu_core *core, struct peer *peer)
{
    if (peer->state != PEER_UP)
        return;
    if (peer->pinged_ns && core->now_ns >= peer->pinged_ns + SILENCE_NS - PING_BUSY_NS) {
        cu_peers_todo(core, peer, SEND_DISCONNECT_PARENT);
        parent_down(core, peer, ETIMEDOUT);
    } else if (!peer->pinged_ns && core->now_ns >= ping_at(peer)) {
        peer->pinged_ns = core->now_ns;
        cu_peers_todo(core, peer, SEND_PING);
    }
}

static void tick_child(struct cu_core *core, struct peer *peer)
{
    if (!peer->child || core->now_ns < peer->child_heard_ns + CHILD_GONE_NS)
        return;
    cu_peers_todo(core, peer, SEND_DISCONNECT_CHILD);
    cu_peers_down(core, peer->rank, true, ETIMEDOUT);
}

/* A parent that no tree uses any more, and that owes nothing. */
static void tick_unused(struct cu_core *core, struct peer *peer)
{
    if (peer->state != PEER_UP || peer->inflight || joined_trees(core, peer->rank) ||
        any_suspect(core))
        return;
    peer->state = PEER_NONE;
    peer->retry_ns = 0;
    peer->ever_up = false;
    cu_peers_todo(core, peer, SEND_DISCONNECT_PARENT);
}

void cu_peers_tick(struct cu_core *core)
{
    cu_list_for_each_safe (link, &core->peers) {
        struct peer *peer = CU_LIST_ENTRY(link, struct peer, link);

        tick_parent(core, peer);
        tick_child(core, peer);
        tick_unused(core, peer);
    }
    update_all(core);
    update_deadline(core);
}
