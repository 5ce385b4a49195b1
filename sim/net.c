/* SPDX-License-Identifier: BSD-3-Clause */
/* The network: connections that keep their order, NICs that send and receive one thing after the
 * other, latency by distance, cuts that hold back what is sent until they heal. A message crosses
 * the receiver's NIC while it still leaves the sender's; it is handed on when it is there in whole.
 * Invariant: an end that is not open gets nothing. */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_NS     1000u       /* on the wire for less than that: not worth an event of its own */
#define SOCKET_BYTES (32u << 10) /* with faults: a kernel takes as much before a queue is seen */

static struct cu_sim_node *node_of(struct cu_sim *sim, const struct cu_sim_conn *conn, unsigned end)
{
    struct cu_sim_node *node = &sim->nodes[conn->rank[end]];

    return node->core && node->inc == conn->inc[end] ? node : NULL;
}

static struct cu_sim_link *find_link(struct cu_sim_node *node, struct cu_peer peer)
{
    for (uint32_t i = 0; i < node->link_count; i++)
        if (cu_peer_equal(node->links[i].peer, peer))
            return &node->links[i];
    return NULL;
}

/* A node's end of a connection: the opener's is its way to a parent. */
static unsigned end_of(struct cu_peer peer)
{
    return peer.side == CU_CHILD ? 1 : 0;
}

/* What the node at the other end is to the node at this end. */
static struct cu_peer peer_at(const struct cu_sim_conn *conn, unsigned end)
{
    return end == 1 ? cu_peer_child(conn->rank[0]) : cu_peer_parent(conn->rank[1]);
}

static void drop_link(struct cu_sim_node *node, struct cu_sim_link *link)
{
    *link = node->links[--node->link_count];
}

static void add_link(struct cu_sim_node *node, struct cu_peer peer, uint32_t conn)
{
    if (node->link_count == node->link_capacity) {
        node->link_capacity = node->link_capacity ? node->link_capacity * 2 : 4;
        node->links = cu_sim_grow(node->links, node->link_capacity, sizeof *node->links);
    }
    node->links[node->link_count++] = (struct cu_sim_link){.peer = peer, .conn = conn};
}

/* When what leaves end `from` at at_ns arrives: after all that was sent before. */
static uint64_t arrival(struct cu_sim *sim, struct cu_sim_conn *conn, unsigned from, uint64_t at_ns)
{
    uint32_t a = conn->rank[from], b = conn->rank[!from];
    uint64_t blocked = cu_sim_fault_blocked(sim, a, b);
    uint64_t there = at_ns + cu_sim_machine_latency(&sim->config.machine, a, b);

    if (blocked > at_ns) /* sent again some time after the way is free */
        there = blocked + cu_sim_rng_below(&sim->rng, 300 * CU_SIM_MS);
    if (sim->jitter_ns)
        there += cu_sim_rng_below(&sim->fault_rng, sim->jitter_ns);
    if (there < conn->last_ns[from])
        there = conn->last_ns[from];
    conn->last_ns[from] = there;
    return there;
}

void cu_sim_net_connect(struct cu_sim *sim, struct cu_sim_node *node, uint32_t rank)
{
    uint64_t now = sim->engine.now_ns;
    struct cu_sim_conn *conn;

    if (sim->conn_count == sim->conn_capacity) {
        sim->conn_capacity = sim->conn_capacity ? sim->conn_capacity * 2 : 256;
        sim->conns = cu_sim_grow(sim->conns, sim->conn_capacity, sizeof *sim->conns);
    }
    conn = &sim->conns[sim->conn_count];
    *conn =
        (struct cu_sim_conn){.rank = {node->rank, rank}, .inc = {node->inc, sim->nodes[rank].inc}};
    conn->open[0] = true;
    add_link(node, cu_peer_parent(rank), sim->conn_count);
    cu_sim_engine_push(&sim->engine, arrival(sim, conn, 0, now), CU_SIM_ACCEPT, rank,
                       sim->conn_count, NULL);
    cu_sim_engine_push(&sim->engine, now + sim->config.machine.connect_timeout_ns, CU_SIM_TIMEOUT,
                       node->rank, sim->conn_count, NULL);
    sim->conn_count++;
}

static void tell_down(struct cu_sim *sim, uint32_t index, unsigned end, uint64_t at_ns)
{
    cu_sim_engine_push(&sim->engine, at_ns, CU_SIM_DOWN, sim->conns[index].rank[end],
                       (uint64_t)index * 2 + end, NULL);
}

/* Closes one end; the other learns in order. */
static void close_end(struct cu_sim *sim, uint32_t index, unsigned end)
{
    struct cu_sim_conn *conn = &sim->conns[index];

    conn->open[end] = false;
    if (conn->open[!end])
        tell_down(sim, index, !end, arrival(sim, conn, end, sim->engine.now_ns));
}

void cu_sim_net_disconnect(struct cu_sim *sim, struct cu_sim_node *node, struct cu_peer peer)
{
    struct cu_sim_link *link = find_link(node, peer);

    if (!link)
        return;
    close_end(sim, link->conn, end_of(peer));
    drop_link(node, link);
}

void cu_sim_net_reset(struct cu_sim *sim, uint32_t index)
{
    uint64_t now = sim->engine.now_ns;

    for (unsigned end = 0; end < 2; end++)
        if (sim->conns[index].open[end])
            tell_down(sim, index, end, now + cu_sim_rng_below(&sim->rng, 2 * CU_SIM_MS));
}

void cu_sim_net_abandon(struct cu_sim *sim, uint32_t index, unsigned end, bool loud)
{
    struct cu_sim_conn *conn = &sim->conns[index];

    conn->open[end] = false;
    if (loud && conn->open[!end])
        tell_down(sim, index, !end,
                  sim->engine.now_ns +
                      cu_sim_machine_latency(&sim->config.machine, conn->rank[0], conn->rank[1]));
}

/* --- messages --------------------------------------------------------------------------------- */

/* Wants, checks and answers pair up by id, so they may overtake each other, as they do on a
 * transport with several channels; what a connection says about itself keeps its place. */
static bool may_overtake(const struct cu_msg *msg)
{
    return msg->type == CU_MSG_WANT || msg->type == CU_MSG_ANSWER || msg->type == CU_MSG_CHECK ||
           msg->type == CU_MSG_CHECKED;
}

/* The visible length of a queue: only in runs with faults, and only bytes beyond the kernel's
 * buffer. */
static uint64_t queue_seen(const struct cu_sim *sim, const struct cu_sim_conn *conn, unsigned end)
{
    uint64_t queued = conn->queued[end];

    return sim->config.faults && queued > SOCKET_BYTES ? queued - SOCKET_BYTES : 0;
}

/* The network has taken what a child's connection had queued. */
static void tell_empty(struct cu_sim *sim, struct cu_sim_conn *conn, unsigned end)
{
    struct cu_sim_node *node = node_of(sim, conn, end);

    if (!sim->config.faults || end == 0 || !node || !conn->open[end])
        return;
    cu_core_child_queued(node->core, conn->rank[!end], 0, sim->engine.now_ns);
    cu_sim_node_run(node);
}

/* The daemon has written it at at_ns: through the NIC, to the other end. */
static void leave(struct cu_sim *sim, struct cu_sim_message *message, uint64_t at_ns)
{
    struct cu_sim_conn *conn = &sim->conns[message->conn];
    struct cu_sim_node *node = &sim->nodes[conn->rank[message->from]];
    uint64_t wire = cu_sim_transfer_ns(message->bytes, sim->config.machine.nic_bytes_per_s);
    uint64_t last_ns = conn->last_ns[message->from], there;

    cu_sim_line_leave(sim, &conn->out[message->from], message);
    if (at_ns < node->tx_ns)
        at_ns = node->tx_ns;
    node->tx_ns = at_ns + wire;
    node->tx_busy_ns += wire;
    there = arrival(sim, conn, message->from, at_ns);
    if (may_overtake(&message->msg) && cu_sim_rng_chance(&sim->fault_rng, sim->overtake_ppm)) {
        sim->result->faults++;
        conn->last_ns[message->from] = last_ns;
        there += cu_sim_rng_below(&sim->fault_rng, 50 * CU_SIM_MS);
    }
    cu_sim_engine_push(&sim->engine, there, CU_SIM_ARRIVE, conn->rank[!message->from], 0, message);
    if (there - message->sent_ns > sim->delay_max_ns)
        sim->delay_max_ns = there - message->sent_ns;
}

/* The loop writes it, or hands it to the crew. */
static void write_out(struct cu_sim *sim, struct cu_sim_node *node, struct cu_sim_message *message)
{
    struct cu_sim_line *line = &sim->conns[message->conn].out[message->from];
    uint64_t cost_ns = sim->config.machine.send_cpu_ns;

    if (cu_sim_crew_takes(sim, node, message))
        cu_sim_crew_give(sim, node, line, message, cost_ns, CU_SIM_WRITTEN);
    else
        leave(sim, message,
              cu_sim_node_cpu(sim, node, cost_ns + cu_sim_message_cpu(sim, &message->msg)));
}

/* A job is done: what waits behind it goes on. */
static void written(struct cu_sim *sim, struct cu_sim_message *message)
{
    struct cu_sim_conn *conn = &sim->conns[message->conn];
    struct cu_sim_node *node = node_of(sim, conn, message->from);
    struct cu_sim_line *line = &conn->out[message->from];

    if (!node || !conn->open[message->from]) {
        cu_sim_line_drop(sim, line);
        cu_sim_message_drop(sim, message);
        return;
    }
    line->job = false;
    leave(sim, message, sim->engine.now_ns);
    cu_sim_crew_back(sim, node, 0);
    while ((message = cu_sim_line_next(line)))
        write_out(sim, node, message);
}

int cu_sim_net_send(struct cu_sim *sim, struct cu_sim_node *node, struct cu_peer peer,
                    struct cu_msg *msg, uint64_t *queued)
{
    struct cu_sim_link *link = find_link(node, peer);
    uint64_t bytes = cu_sim_message_wire_bytes(sim, msg);
    struct cu_sim_message *message;
    struct cu_sim_conn *conn;

    if (!link || !sim->conns[link->conn].up[end_of(peer)])
        return -ENOTCONN;
    conn = &sim->conns[link->conn];
    sim->result->messages++;
    sim->result->wire_bytes += bytes;
    message = cu_sim_message_new(sim);
    message->conn = link->conn;
    message->from = (uint8_t)end_of(peer);
    message->bytes = (uint32_t)bytes;
    message->sent_ns = sim->engine.now_ns;
    message->msg = *msg; /* out of the effect */
    *msg = (struct cu_msg){0};
    cu_sim_message_own(sim, message);
    conn->queued[message->from] += bytes;
    *queued = queue_seen(sim, conn, message->from);
    if (cu_sim_line_enter(sim, &conn->out[message->from], message))
        write_out(sim, node, message);
    return 0;
}

/* The receiving daemon is dead: its host, if it is up, resets the connection. */
static bool gone(struct cu_sim *sim, uint32_t index, unsigned end)
{
    struct cu_sim_conn *conn = &sim->conns[index];

    if (conn->open[end] && node_of(sim, conn, end))
        return false;
    if (!conn->open[end] || sim->nodes[conn->rank[end]].core) {
        conn->open[end] = false;
        if (conn->open[!end])
            tell_down(sim, index, !end, arrival(sim, conn, end, sim->engine.now_ns));
    }
    return true;
}

/* The loop reads it, or has its payload read by the crew. */
static void take_in(struct cu_sim *sim, struct cu_sim_node *node, struct cu_sim_message *message)
{
    struct cu_sim_line *line = &sim->conns[message->conn].in[!message->from];
    uint64_t cost_ns = sim->config.machine.receive_cpu_ns;

    if (cu_sim_crew_takes(sim, node, message))
        cu_sim_crew_give(sim, node, line, message, 0, CU_SIM_TAKEN);
    else
        cu_sim_engine_push(
            &sim->engine,
            cu_sim_node_cpu(sim, node, cost_ns + cu_sim_message_cpu(sim, &message->msg)),
            CU_SIM_DELIVER, node->rank, 0, message);
}

/* The payload is there; what waits in the socket behind it is next. */
static void taken(struct cu_sim *sim, struct cu_sim_message *message)
{
    struct cu_sim_conn *conn = &sim->conns[message->conn];
    struct cu_sim_node *node = node_of(sim, conn, !message->from);
    struct cu_sim_line *line = &conn->in[!message->from];
    uint64_t at_ns;

    if (gone(sim, message->conn, !message->from) || !node) {
        cu_sim_line_drop(sim, line);
        cu_sim_message_drop(sim, message);
        return;
    }
    line->job = false;
    at_ns = cu_sim_crew_back(sim, node, sim->config.machine.receive_cpu_ns);
    cu_sim_engine_push(&sim->engine, at_ns, CU_SIM_DELIVER, node->rank, 0, message);
    while ((message = cu_sim_line_next(line)))
        take_in(sim, node, message);
}

/* Through the NIC; now the daemon's turn. */
static void received(struct cu_sim *sim, struct cu_sim_message *message)
{
    struct cu_sim_conn *conn = &sim->conns[message->conn];
    struct cu_sim_node *node = node_of(sim, conn, !message->from);

    if (gone(sim, message->conn, !message->from) || !node) {
        cu_sim_message_drop(sim, message);
        return;
    }
    if (cu_sim_line_enter(sim, &conn->in[!message->from], message))
        take_in(sim, node, message);
}

static void arrive(struct cu_sim *sim, struct cu_sim_message *message)
{
    const struct cu_sim_machine *machine = &sim->config.machine;
    struct cu_sim_conn *conn = &sim->conns[message->conn];
    struct cu_sim_node *node = node_of(sim, conn, !message->from);
    uint64_t wire = cu_sim_transfer_ns(message->bytes, machine->nic_bytes_per_s);
    uint64_t start = sim->engine.now_ns;
    bool over = conn->queued[message->from] > SOCKET_BYTES;

    conn->queued[message->from] -= message->bytes;
    if (over && conn->queued[message->from] <= SOCKET_BYTES)
        tell_empty(sim, conn, message->from);
    if (gone(sim, message->conn, !message->from) || !node) {
        cu_sim_message_drop(sim, message);
        return;
    }
    if (start < node->rx_ns)
        start = node->rx_ns;
    node->rx_ns = start + wire;
    node->rx_busy_ns += wire;
    if (node->rx_ns > sim->engine.now_ns + SMALL_NS)
        cu_sim_engine_push(&sim->engine, node->rx_ns, CU_SIM_RECEIVED, node->rank, 0, message);
    else
        received(sim, message);
}

/* In the simulation no node sends an answer that was not asked for. */
static void hand_over(struct cu_sim *sim, struct cu_sim_node *node, struct cu_peer peer,
                      const struct cu_msg *msg)
{
    const uint64_t *wrong = &cu_core_counters(node->core)[CU_COUNT_wrong_answers];
    uint64_t before = *wrong;

    cu_core_message(node->core, peer, msg, sim->engine.now_ns);
    if (*wrong != before)
        cu_sim_violation(sim, "node %u: node %u answers another question", node->rank, peer.rank);
}

static void deliver(struct cu_sim *sim, struct cu_sim_message *message)
{
    struct cu_sim_conn *conn = &sim->conns[message->conn];
    struct cu_sim_node *node = node_of(sim, conn, !message->from);
    struct cu_peer peer = peer_at(conn, !message->from);
    const struct cu_msg *msg = &message->msg;
    bool answer = message->msg.type == CU_MSG_ANSWER;

    if (gone(sim, message->conn, !message->from) || !node) {
        cu_sim_message_drop(sim, message);
        return;
    }
    cu_sim_line_leave(sim, &conn->in[!message->from], message);
    if (answer && cu_sim_rng_chance(&sim->fault_rng, sim->corrupt_ppm)) {
        cu_sim_message_spoil(sim, &message->msg);
        node->reads_why++;
    }
    if (answer && (msg->answer.value.error == EBUSY || msg->answer.value.error == ENOMEM))
        sim->refusals = true;
    hand_over(sim, node, peer, msg);
    cu_sim_node_run(node);
    if (node->core && cu_sim_rng_chance(&sim->fault_rng, sim->duplicate_ppm)) {
        sim->result->faults++;
        hand_over(sim, node, peer, &message->msg);
        cu_sim_node_run(node);
    }
    cu_sim_message_drop(sim, message);
}

/* --- connections ------------------------------------------------------------------------------ */

static void accept_conn(struct cu_sim *sim, uint32_t index)
{
    struct cu_sim_conn *conn = &sim->conns[index];
    struct cu_sim_node *node = &sim->nodes[conn->rank[1]];
    struct cu_sim_link *old;
    uint64_t ready;

    if (!node->core) { /* refused, if there is anybody to refuse */
        conn->inc[1] = 0;
        if (!node->host_down)
            tell_down(sim, index, 0, arrival(sim, conn, 1, sim->engine.now_ns));
        return;
    }
    if (!conn->open[0])
        return; /* the opener has given up: it is never proven */
    conn->inc[1] = node->inc;
    conn->open[1] = true;
    conn->up[1] = true;
    /* The newer connection of a rank replaces the older one, whose end was not seen here yet. */
    old = find_link(node, peer_at(conn, 1));
    if (old) {
        close_end(sim, old->conn, 1);
        drop_link(node, old);
        cu_core_peer_down(node->core, peer_at(conn, 1), 0, sim->engine.now_ns);
    }
    add_link(node, peer_at(conn, 1), index);
    ready = cu_sim_node_cpu(sim, node, sim->config.machine.handshake_cpu_ns);
    cu_core_peer_up(node->core, peer_at(conn, 1), sim->engine.now_ns);
    cu_sim_node_run(node);
    conn = &sim->conns[index];
    /* the handshake takes one more round trip */
    cu_sim_engine_push(&sim->engine,
                       arrival(sim, conn, 1,
                               ready + 2 * cu_sim_machine_latency(&sim->config.machine,
                                                                  conn->rank[0], conn->rank[1])),
                       CU_SIM_UP, conn->rank[0], index, NULL);
}

static void opener_up(struct cu_sim *sim, uint32_t index)
{
    struct cu_sim_conn *conn = &sim->conns[index];
    struct cu_sim_node *node = node_of(sim, conn, 0);

    if (!node || !conn->open[0])
        return;
    conn->up[0] = true;
    cu_sim_node_cpu(sim, node, sim->config.machine.handshake_cpu_ns);
    cu_core_peer_up(node->core, peer_at(conn, 0), sim->engine.now_ns);
    cu_sim_node_run(node);
}

static void end_down(struct cu_sim *sim, uint32_t index, unsigned end, int error)
{
    struct cu_sim_conn *conn = &sim->conns[index];
    struct cu_sim_node *node = node_of(sim, conn, end);
    struct cu_sim_link *link;

    if (!node || !conn->open[end])
        return;
    conn->open[end] = false;
    link = find_link(node, peer_at(conn, end));
    if (!link || link->conn != index)
        return;
    drop_link(node, link);
    cu_core_peer_down(node->core, peer_at(conn, end), error, sim->engine.now_ns);
    cu_sim_node_run(node);
}

static void timed_out(struct cu_sim *sim, uint32_t index)
{
    struct cu_sim_conn *conn = &sim->conns[index];

    if (!node_of(sim, conn, 0) || !conn->open[0] || conn->up[0])
        return;
    if (conn->open[1])
        tell_down(sim, index, 1, arrival(sim, conn, 0, sim->engine.now_ns));
    end_down(sim, index, 0, ETIMEDOUT);
}

void cu_sim_net_event(struct cu_sim *sim, const struct cu_sim_event *event)
{
    switch (event->type) {
    case CU_SIM_ARRIVE:
        arrive(sim, event->p);
        break;
    case CU_SIM_RECEIVED:
        received(sim, event->p);
        break;
    case CU_SIM_DELIVER:
        deliver(sim, event->p);
        break;
    case CU_SIM_TAKEN:
        taken(sim, event->p);
        break;
    case CU_SIM_WRITTEN:
        written(sim, event->p);
        break;
    case CU_SIM_ACCEPT:
        accept_conn(sim, (uint32_t)event->a);
        break;
    case CU_SIM_UP:
        opener_up(sim, (uint32_t)event->a);
        break;
    case CU_SIM_TIMEOUT:
        timed_out(sim, (uint32_t)event->a);
        break;
    case CU_SIM_DOWN:
        end_down(sim, (uint32_t)(event->a / 2), event->a % 2, ECONNRESET);
        break;
    }
}
