/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes in over links, the control socket, and from storage. A link without a rank belongs to
 * the copper command: it may send CONTROL only. A node may open a new connection before the end of
 * the old one was noticed here. The new one replaces the old one when it has the same instance,
 * which only the daemons of that node can prove; any other is refused until the old one has ended.
 */
#include "copperd/inputs.h"

#include "copperd/readon.h"
#include "copperd/state.h"
#include "host/log.h"

#include <errno.h>
#include <string.h>

#define PEER_LINES 100u /* a minute: who has the key may connect again and again */

/* May a line about a peer be logged? */
static bool may_log(struct cu_daemon *daemon)
{
    unsigned left_out;

    daemon->peer_lines.most = PEER_LINES;
    if (!cu_log_limit_take(&daemon->peer_lines, uv_hrtime(), &left_out))
        return false;
    if (left_out > 0)
        cu_log_warn("%u more lines about peers were left out", left_out);
    return true;
}

void cu_daemon_gone(struct cu_daemon *daemon, const void *owner)
{
    cu_commands_gone(daemon->commands, owner);
    if (daemon->stop_origin.owner == owner)
        daemon->stop_origin.owner = NULL;
}

static void on_up(void *context, struct cu_link *link, struct cu_peer peer,
                  const struct cu_handshake_result *who)
{
    struct cu_daemon *daemon = context;
    uint32_t rank = peer.rank;
    bool child = peer.side == CU_CHILD;

    if (child && who->role == CU_ROLE_CLIENT) {
        cu_link_set_data(link, NULL);
        return;
    }
    if (rank >= daemon->links.node_count || rank == daemon->config.rank) {
        if (may_log(daemon))
            cu_log_warn("%s: says it is rank %u; refused", cu_link_name(link), rank);
        cu_link_close(link);
        return;
    }
    if (child && !cu_links_may_have(&daemon->links, rank, who->instance)) {
        if (may_log(daemon))
            cu_log_warn("%s: says it is rank %u, which another one has; refused",
                        cu_link_name(link), rank);
        cu_core_counters(daemon->core)[CU_COUNT_ranks_refused]++;
        cu_link_close(link);
        return;
    }
    if (child && cu_links_any(&daemon->links, peer))
        cu_driver_lose(&daemon->driver, peer, 0);
    cu_links_set(&daemon->links, peer, link, true);
    if (child)
        cu_links_bind(&daemon->links, rank, who->instance);
    if (may_log(daemon))
        cu_log_info("%s is connected as %s (%s)", daemon->config.job->hosts.names[rank],
                    child ? "child" : "parent", cu_link_name(link));
    cu_core_peer_up(daemon->core, peer, uv_hrtime());
    cu_driver_run(&daemon->driver);
}

/* ANSWER and CHECKED are accepted from a parent only, CHECK from a child only, and RESULT only
 * after a CONTROL: large payloads arrive only when they are expected. */
static bool on_expects(void *context, struct cu_link *link, const struct cu_msg_head *head)
{
    struct cu_daemon *daemon = context;
    struct cu_peer peer;
    bool known = cu_links_who(&daemon->links, link, &peer);

    if (head->type == CU_MSG_ANSWER || head->type == CU_MSG_CHECKED)
        return known && peer.side == CU_PARENT;
    if (head->type == CU_MSG_CHECK)
        return known && peer.side == CU_CHILD;
    if (head->type == CU_MSG_RESULT)
        return known && cu_links_is_asked(&daemon->links, peer);
    return true;
}

static void on_control(struct cu_daemon *daemon, struct cu_link *link, const struct cu_msg *msg)
{
    const struct cu_commands_origin origin = {.owner = link, .id = msg->id, .is_link = true};
    struct cu_peer peer;

    if (msg->type == CU_MSG_CONTROL) {
        cu_commands_request(daemon->commands, &origin, msg->control.json->data,
                            msg->control.json->size, uv_hrtime());
    } else if (cu_links_who(&daemon->links, link, &peer)) {
        cu_links_answered(&daemon->links, peer);
        cu_commands_result(daemon->commands, peer, msg->id, msg->control.json, uv_hrtime());
    }
}

static void on_message(void *context, struct cu_link *link, const struct cu_msg *msg)
{
    struct cu_daemon *daemon = context;
    struct cu_peer peer;

    if (msg->type == CU_MSG_CONTROL || msg->type == CU_MSG_RESULT) {
        on_control(daemon, link, msg);
    } else if (cu_links_who(&daemon->links, link, &peer)) {
        cu_core_message(daemon->core, peer, msg, uv_hrtime());
    } else {
        if (may_log(daemon))
            cu_log_warn("%s: a client sent %s; closed", cu_link_name(link),
                        cu_msg_type_name(msg->type));
        cu_daemon_gone(daemon, link);
        cu_link_close(link);
    }
    cu_driver_run(&daemon->driver);
}

static void on_down(void *context, struct cu_link *link, struct cu_peer peer, int error)
{
    struct cu_daemon *daemon = context;
    struct cu_peer known;

    cu_daemon_gone(daemon, link);
    if (cu_links_who(&daemon->links, link, &known)) {
        if (!cu_links_get(&daemon->links, known))
            cu_links_failed(&daemon->links, known.rank, error, cu_link_name(link));
        else if (may_log(daemon))
            cu_log_info("%s is no longer connected as %s: %s",
                        daemon->config.job->hosts.names[peer.rank],
                        peer.side == CU_CHILD ? "child" : "parent",
                        error != 0 ? strerror(error) : "closed");
        cu_links_clear(&daemon->links, known);
        cu_commands_peer_down(daemon->commands, peer, uv_hrtime());
        cu_core_peer_down(daemon->core, peer, error, uv_hrtime());
    }
    cu_driver_run(&daemon->driver);
}

static void on_drained(void *context, struct cu_link *link)
{
    struct cu_daemon *daemon = context;
    struct cu_peer peer;

    if (!cu_links_who(&daemon->links, link, &peer) || peer.side != CU_CHILD)
        return;
    cu_core_child_queued(daemon->core, peer.rank, cu_link_queued(link), uv_hrtime());
    cu_driver_run(&daemon->driver);
}

const struct cu_transport_events cu_daemon_transport_events = {
    .up = on_up,
    .message = on_message,
    .expects = on_expects,
    .down = on_down,
    .drained = on_drained,
};

static void on_socket_request(void *context, struct cu_socket_conn *conn, const char *text,
                              size_t size)
{
    struct cu_daemon *daemon = context;
    const struct cu_commands_origin origin = {.owner = conn};

    cu_commands_request(daemon->commands, &origin, text, size, uv_hrtime());
    cu_driver_run(&daemon->driver);
}

static void on_socket_gone(void *context, struct cu_socket_conn *conn)
{
    cu_daemon_gone(context, conn);
}

const struct cu_socket_events cu_daemon_socket_events = {
    .request = on_socket_request,
    .gone = on_socket_gone,
};

/* On a worker. */
void cu_daemon_storage_prepare(void *context, struct cu_buf *bytes)
{
    const struct cu_daemon *daemon = context;

    cu_transport_prepare(daemon->transport, bytes);
}

void cu_daemon_storage_done(void *context, uint64_t id, const struct cu_value *value)
{
    struct cu_daemon *daemon = context;

    cu_daemon_read_on(daemon, id, value);
    cu_core_storage_done(daemon->core, id, value, uv_hrtime());
    cu_driver_run(&daemon->driver);
}
