/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP transport: the listening socket, the time limits of links that are not up yet, and the work
 * at the end of a loop turn, which serves all links that have something to do.
 *
 * Connections of strangers (peers without the job's key) must not keep the loop busy. One turn
 * accepts a limited number of connections, and after many refusals accepting pauses; connections
 * then wait in the kernel's backlog. Peers with the key wait in the same backlog, behind
 * the strangers. They do not count as refusals.
 *
 * Invariants: all on the loop thread. A link is in `links` until it is closed, in `waiting` until
 * it is up, in `dirty` while it has messages to flush or an end to tell. The memory of the
 * transport and of a link is freed only when libuv holds none of its handles (`open`,
 * `socket_open`, `resolve_open`), and no job of the link is under way. Socket buffer sizes are not
 * set: that would switch off the kernel's automatic tuning, which allows larger ones. */
#include "net/tcp.h"

#include "host/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG              1024
#define UNPROVEN_MAX         256u
#define HANDSHAKE_TIMEOUT_MS 5000u
#define SEND_QUEUE_MAX_BYTES (UINT64_C(256) * 1024 * 1024)
#define NS_PER_MS            1000000u
#define TURN_ACCEPTS_MAX     32u                 /* a fraction of a millisecond */
#define REFUSAL_NS           UINT64_C(1000000)   /* 1,000 a second */
#define REFUSALS_AHEAD_NS    UINT64_C(100000000) /* 100 at once */

static struct cu_tcp *tcp_of(const struct cu_transport *transport)
{
    return (struct cu_tcp *)transport;
}

void cu_tcp_count(struct cu_tcp *tcp, enum cu_counter counter, uint64_t n)
{
    if (tcp->config.counters)
        tcp->config.counters[counter] += n;
}

void cu_tcp_unhold(struct cu_tcp *tcp)
{
    if (--tcp->open > 0)
        return;
    assert(tcp->open == 0 && cu_list_empty(&tcp->links) && cu_list_empty(&tcp->dirty));
    cu_tcp_seal_close(tcp);
    (void)sodium_munlock(tcp, sizeof(*tcp)); /* wipes */
    free(tcp);
}

static void on_handle_closed(uv_handle_t *handle)
{
    cu_tcp_unhold(handle->data);
}

static void on_turn_closed(void *context)
{
    cu_tcp_unhold(context);
}

static void on_refused(void *context)
{
    cu_tcp_unhold(context);
}

/* Sending at the end of turns has a share of each one's time for itself. It begins when this is
 * asked first in the turn. */
static bool share_is_spent(struct cu_tcp *tcp)
{
    uint64_t number = cu_turn_number(tcp->config.turn), now_ns = uv_hrtime();

    if (tcp->share_turn != number) {
        tcp->share_turn = number;
        tcp->share_began_ns = now_ns;
    }
    return tcp->config.turn && now_ns - tcp->share_began_ns >= CU_TURN_NS;
}

static void on_turn(void *context)
{
    struct cu_tcp *tcp = context;
    bool spent = share_is_spent(tcp); /* when this is called twice in a turn */
    struct cu_list now;
    struct cu_list *entry;

    tcp->turn_accepts = 0;
    cu_list_init(&now);
    cu_list_splice_back(&now, &tcp->dirty);
    while (!spent && (entry = cu_list_pop_front(&now))) {
        struct cu_tcp_link *link = CU_LIST_ENTRY(entry, struct cu_tcp_link, in_dirty);

        if (link->doom)
            cu_tcp_end(link, link->doom);
        else
            cu_tcp_flush(link);
        spent = share_is_spent(tcp);
    }
    if (cu_list_empty(&now))
        return;
    cu_list_splice_back(&now, &tcp->dirty);
    cu_list_splice_back(&tcp->dirty, &now); /* those that are left come first */
    cu_deferred_arm(&tcp->turn);
}

static uint64_t link_deadline(const struct cu_tcp_link *link)
{
    return link->attempt_deadline_ns < link->deadline_ns ? link->attempt_deadline_ns
                                                         : link->deadline_ns;
}

static void on_timer(uv_timer_t *timer)
{
    struct cu_tcp *tcp = timer->data;
    uint64_t now = uv_hrtime();
    struct cu_list expired;
    struct cu_list *entry;

    cu_list_init(&expired);
    cu_list_for_each_safe (it, &tcp->waiting) {
        struct cu_tcp_link *link = CU_LIST_ENTRY(it, struct cu_tcp_link, in_waiting);

        if (link_deadline(link) <= now) {
            cu_list_remove(it);
            cu_list_push_back(&expired, it);
        }
    }
    /* One at a time: the callbacks of an ending link may close any other link and so take it out of
     * this list. */
    while ((entry = cu_list_pop_front(&expired))) {
        cu_list_push_back(&tcp->waiting, entry);
        cu_tcp_expire(CU_LIST_ENTRY(entry, struct cu_tcp_link, in_waiting), now);
    }
    if (!tcp->destroyed)
        cu_tcp_watch(tcp);
}

void cu_tcp_watch(struct cu_tcp *tcp)
{
    uint64_t first = UINT64_MAX, now = uv_hrtime();

    cu_list_for_each (it, &tcp->waiting) {
        uint64_t deadline = link_deadline(CU_LIST_ENTRY(it, struct cu_tcp_link, in_waiting));

        if (deadline < first)
            first = deadline;
    }
    tcp->watch_ns = first;
    if (first == UINT64_MAX) {
        uv_timer_stop(&tcp->timer);
        return;
    }
    uv_update_time(tcp->config.loop);
    uv_timer_start(&tcp->timer, on_timer, first > now ? (first - now) / NS_PER_MS + 1 : 0, 0);
}

void cu_tcp_stranger(struct cu_tcp *tcp)
{
    uint64_t now = uv_hrtime();

    if (tcp->strangers_ns < now)
        tcp->strangers_ns = now;
    tcp->strangers_ns += REFUSAL_NS;
}

static void end_oldest(struct cu_tcp *tcp)
{
    cu_list_for_each (it, &tcp->waiting) {
        struct cu_tcp_link *oldest = CU_LIST_ENTRY(it, struct cu_tcp_link, in_waiting);

        if (oldest->accepted) {
            cu_tcp_end(oldest, -ECONNABORTED);
            return;
        }
    }
}

static void take_connection(struct cu_tcp *tcp);

static void on_pause_over(uv_timer_t *timer)
{
    take_connection(timer->data);
}

static void take_connection(struct cu_tcp *tcp)
{
    uint64_t now = uv_hrtime(), from = now + REFUSALS_AHEAD_NS, ms = 0;

    if (tcp->strangers_ns > from)
        ms = (tcp->strangers_ns - from) / NS_PER_MS + 1;
    if (ms > 0 || tcp->turn_accepts >= TURN_ACCEPTS_MAX) {
        uv_update_time(tcp->config.loop);
        uv_timer_start(&tcp->pause, on_pause_over, ms, 0);
        return;
    }
    tcp->turn_accepts++;
    cu_deferred_arm(&tcp->turn);
    if (tcp->unproven >= tcp->config.unproven_max)
        end_oldest(tcp);
    cu_tcp_accept(tcp);
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status < 0)
        cu_log_warn("cannot accept a connection: %s", uv_strerror(status));
    else
        take_connection(listener->data);
}

static uint16_t tcp_port(const struct cu_transport *transport)
{
    union cu_address address;
    int size = sizeof(address);

    memset(&address, 0, sizeof(address));
    if (uv_tcp_getsockname(&tcp_of(transport)->listener, &address.any, &size))
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static void tcp_unlisten(struct cu_transport *transport)
{
    struct cu_tcp *tcp = tcp_of(transport);
    uv_os_fd_t fd;

    if (uv_is_closing((uv_handle_t *)&tcp->listener))
        return;
    if (uv_fileno((uv_handle_t *)&tcp->listener, &fd) == 0)
        cu_transport_tcp_unlisten(fd);
    uv_timer_stop(&tcp->pause);
    uv_close((uv_handle_t *)&tcp->listener, on_handle_closed);
}

static void tcp_destroy(struct cu_transport *transport)
{
    struct cu_tcp *tcp = tcp_of(transport);

    if (tcp->destroyed)
        return;
    tcp->destroyed = true;
    while (!cu_list_empty(&tcp->links))
        cu_tcp_drop(CU_LIST_ENTRY(tcp->links.next, struct cu_tcp_link, in_links));
    tcp_unlisten(transport);
    uv_close((uv_handle_t *)&tcp->timer, on_handle_closed);
    uv_close((uv_handle_t *)&tcp->pause, on_handle_closed);
    uv_close((uv_handle_t *)&tcp->tick, on_handle_closed);
    cu_deferred_close(&tcp->turn, on_turn_closed);
}

static void tcp_prepare(const struct cu_transport *transport, struct cu_buf *bytes)
{
    const struct cu_tcp *tcp = (const struct cu_tcp *)transport;

    if (!tcp->config.identity.encrypt)
        cu_frame_digest(&tcp->auth_job, bytes);
}

static const struct cu_transport_ops tcp_ops = {
    .port = tcp_port,
    .connect = cu_tcp_connect,
    .prepare = tcp_prepare,
    .unlisten = tcp_unlisten,
    .destroy = tcp_destroy,
};

static int listen_on(struct cu_tcp *tcp, const struct cu_transport_config *config,
                     struct cu_error *err)
{
    int fd = config->listener_fd > 0
                 ? fcntl(config->listener_fd, F_DUPFD_CLOEXEC, 3)
                 : cu_transport_tcp_listen(config->bind_address, config->port, err);
    int r;

    if (fd < 0)
        return config->listener_fd > 0 ? cu_error_set(err, -errno, "the port: %s", strerror(errno))
                                       : fd;
    r = uv_tcp_open(&tcp->listener, fd);
    if (r)
        close(fd);
    else
        r = uv_listen((uv_stream_t *)&tcp->listener, BACKLOG, on_connection);
    if (r)
        return cu_error_set(err, r, "cannot listen on port %u: %s", config->port, uv_strerror(r));
    return 0;
}

struct cu_transport *cu_transport_tcp_create(const struct cu_transport_config *config,
                                             struct cu_error *err)
{
    struct cu_tcp *tcp = calloc(1, sizeof(*tcp));

    if (!tcp || !cu_tcp_seal_open(tcp) || sodium_init() < 0) {
        if (tcp)
            cu_tcp_seal_close(tcp);
        free(tcp);
        (void)cu_error_set(err, -ENOMEM, "no memory for the network");
        return NULL;
    }
    (void)sodium_mlock(tcp, sizeof(*tcp)); /* not written to swap space, as far as limits allow */
    tcp->base.ops = &tcp_ops;
    tcp->config = *config;
    tcp->config.bind_address = NULL;
    cu_network_init(&tcp->no_network);
    if (!tcp->config.network)
        tcp->config.network = &tcp->no_network;
    tcp->config.identity.role = CU_ROLE_PEER;
    cu_auth_job_init(&tcp->auth_job, config->identity.key);
    cu_tcp_log_init(tcp);
    if (!tcp->config.handshake_timeout_ms)
        tcp->config.handshake_timeout_ms = HANDSHAKE_TIMEOUT_MS;
    if (!tcp->config.unproven_max)
        tcp->config.unproven_max = UNPROVEN_MAX;
    if (!tcp->config.send_queue_max_bytes)
        tcp->config.send_queue_max_bytes = SEND_QUEUE_MAX_BYTES;
    cu_list_init(&tcp->links);
    cu_list_init(&tcp->waiting);
    cu_list_init(&tcp->dirty);
    (void)uv_tcp_init(config->loop, &tcp->listener); /* no socket yet: cannot fail */
    (void)uv_timer_init(config->loop, &tcp->timer);
    (void)uv_timer_init(config->loop, &tcp->pause);
    tcp->listener.data = tcp;
    tcp->timer.data = tcp;
    tcp->pause.data = tcp;
    tcp->watch_ns = tcp->stream_turn = UINT64_MAX;
    tcp->refusal.context = tcp;
    tcp->refusal.gone = on_refused;
    cu_deferred_init(&tcp->turn, config->loop, tcp, on_turn);
    cu_tcp_room_open(tcp);
    tcp->open = 5;
    if (listen_on(tcp, config, err)) {
        tcp_destroy(&tcp->base);
        return NULL;
    }
    return &tcp->base;
}
