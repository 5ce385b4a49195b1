/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's ports of a daemon: what the core's effects are here, and libuv's timer for what is
 * due next. */
#include "copperd/ports.h"

#include "copperd/inputs.h"
#include "copperd/readon.h"
#include "copperd/state.h"
#include "host/log.h"

#include <errno.h>
#include <string.h>

/* Together with the 3 s after which a silent parent counts as lost, this is below the 5 s that a
 * reader may wait. */
#define CONNECT_TIMEOUT_MS 1900u
#define NS_PER_MS          1000000u

static uint64_t port_now_ns(void *context)
{
    (void)context;
    return uv_hrtime();
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                       const struct cu_value *value)
{
    const struct cu_daemon *daemon = context;

    if ((cookie & CU_STAGER_COOKIE) == CU_STAGER_COOKIE)
        cu_stager_reply(daemon->stager, cookie, value);
    else if (daemon->front)
        cu_front_reply(daemon->front, cookie, where, value);
}

static int port_send(void *context, struct cu_peer peer, struct cu_msg *msg, uint64_t *queued)
{
    struct cu_daemon *daemon = context;
    struct cu_link *link = cu_links_get(&daemon->links, peer);
    int rc = link ? cu_link_send(link, msg) : -ENOTCONN;

    if (rc == 0)
        *queued = cu_link_queued(link);
    else
        cu_log_warn("%s: %s not sent: %s", daemon->config.job->hosts.names[peer.rank],
                    cu_msg_type_name(msg->type), strerror(-rc));
    return rc;
}

/* What needs no wait is done here while the turn has time: handing it to a worker and back takes
 * two wake-ups. */
static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    struct cu_daemon *daemon = context;
    struct cu_value value = {0};
    bool own;

    if (!cu_turn_spent(&daemon->turn) && cu_storage_at_once(daemon->storage, request, &value)) {
        cu_daemon_read_on(daemon, id, &value);
        cu_core_storage_done(daemon->core, id, &value, uv_hrtime());
        cu_value_clear(&value);
        return 0;
    }
    /* Chunks of a file above -M: each node reads its own. */
    own = direct && request->kind == CU_KIND_DATA;
    return cu_storage_submit(daemon->storage, id, request, own) < 0 ? -ENOMEM : 0;
}

static int port_connect(void *context, uint32_t rank)
{
    struct cu_daemon *daemon = context;
    const struct cu_job *job = daemon->config.job;
    int failure = cu_links_failure(&daemon->links, rank);
    /* One that is refused is not up yet. Another network is tried after any other failure. */
    bool detour = failure != 0 && failure != ECONNREFUSED;
    struct cu_link *link = cu_transport_connect(daemon->transport, rank, job->hosts.names[rank],
                                                job->port, CONNECT_TIMEOUT_MS, detour);

    if (!link)
        return -ENOMEM;
    cu_link_hush(link, failure);
    cu_links_set(&daemon->links, cu_peer_parent(rank), link, false);
    return 0;
}

static void port_disconnect(void *context, struct cu_peer peer)
{
    struct cu_daemon *daemon = context;
    struct cu_link *link = cu_links_any(&daemon->links, peer);

    if (!link)
        return;
    cu_links_clear(&daemon->links, peer);
    cu_daemon_gone(daemon, link);
    cu_link_close(link);
    cu_commands_peer_down(daemon->commands, peer, uv_hrtime());
}

static void port_forget(void *context, const char *path, size_t path_len, bool pages)
{
    const struct cu_daemon *daemon = context;

    cu_stager_refreshed(daemon->stager, path, path_len);
    if (daemon->front)
        cu_front_forget(daemon->front, path, path_len, pages);
}

static void on_timer(uv_timer_t *timer)
{
    struct cu_daemon *daemon = timer->data;

    cu_driver_fire(&daemon->driver);
}

static void on_idle(uv_idle_t *idle)
{
    struct cu_daemon *daemon = idle->data;

    uv_idle_stop(idle);
    cu_driver_fire(&daemon->driver);
}

/* Work that is due at once runs in the loop's next turn. A timer cannot do this: libuv calls a due
 * timer as often as it is restarted, before it polls for I/O. */
static void port_arm(void *context, uint64_t at_ns)
{
    struct cu_daemon *daemon = context;
    uint64_t now_ns = uv_hrtime();

    if (at_ns <= now_ns) {
        uv_timer_stop(&daemon->timer);
        uv_idle_start(&daemon->idle, on_idle);
        return;
    }
    uv_update_time(&daemon->loop);
    uv_timer_start(&daemon->timer, on_timer, (at_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

static bool port_poll(void *context)
{
    struct cu_daemon *daemon = context;

    cu_trim_poll(&daemon->trim);
    return cu_commands_poll(daemon->commands, uv_hrtime());
}

static uint64_t port_deadline(void *context)
{
    const struct cu_daemon *daemon = context;

    return cu_commands_deadline(daemon->commands);
}

static void port_tick(void *context)
{
    const struct cu_daemon *daemon = context;

    cu_commands_tick(daemon->commands, uv_hrtime());
}

const struct cu_driver_ports cu_daemon_ports = {
    .now_ns = port_now_ns,
    .reply = port_reply,
    .send = port_send,
    .read = port_read,
    .connect = port_connect,
    .disconnect = port_disconnect,
    .forget = port_forget,
    .arm = port_arm,
    .poll = port_poll,
    .deadline = port_deadline,
    .tick = port_tick,
};
