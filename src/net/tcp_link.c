/* SPDX-License-Identifier: BSD-3-Clause */
/* The states of a TCP link: resolve the name (tcp_resolve.c), try its addresses one after the
 * other, handshake, up, end.
 *
 * Invariants: `down` is told at most once, never from inside a user's call, and only for links that
 * the user knows (up, or asked for by connect). After cu_tcp_drop or cu_tcp_end the state is
 * CLOSED, the link is in no list, and callbacks of libuv only free memory. */
#include "net/tcp.h"

#include "host/log.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS    UINT64_C(1000000)
#define ATTEMPT_NS   (250 * NS_PER_MS) /* for one of several addresses, in the first round */
#define SHORT_ROUNDS 3u                /* then all the time that is left; each 4 times the last */

static void attempt_failed(struct cu_tcp_link *link, int error);

static void opening_free(struct cu_tcp_link *link)
{
    if (!link->opening)
        return;
    sodium_memzero(link->opening, sizeof(*link->opening));
    free(link->opening);
    link->opening = NULL;
}

void cu_tcp_release(struct cu_tcp_link *link)
{
    struct cu_tcp *tcp = link->tcp;

    if (link->state != CU_TCP_CLOSED || link->socket_open || link->resolve_open ||
        cu_tcp_aside_busy(link) || cu_tcp_bulk_busy(link))
        return;
    assert(cu_list_empty(&link->in_links) && cu_list_empty(&link->in_waiting) &&
           cu_list_empty(&link->in_dirty));
    opening_free(link);
    cu_tcp_aside_free(link);
    cu_tcp_bulk_free(link);
    cu_txq_clear(&link->plain);
    cu_txq_clear(&link->sealed);
    cu_seal_free(link->seal);
    cu_frame_clear(&link->frame);
    sodium_memzero(&link->auth, sizeof(link->auth));
    free(link);
    cu_tcp_unhold(tcp);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct cu_tcp_link *link = handle->data;

    link->socket_open = false;
    cu_tcp_release(link);
}

void cu_tcp_close_socket(struct cu_tcp_link *link)
{
    if (link->socket_open && !cu_tcp_bulk_busy(link) &&
        !uv_is_closing((uv_handle_t *)&link->socket))
        uv_close((uv_handle_t *)&link->socket, on_socket_closed);
}

/* To CLOSED: out of all lists, handles closing. The memory lives until release. */
static void shut(struct cu_tcp_link *link)
{
    if (link->accepted && link->state != CU_TCP_UP)
        link->tcp->unproven--;
    link->state = CU_TCP_CLOSED;
    cu_tcp_room_give(link);
    link->tcp->clients -= link->client;
    link->client = false;
    cu_list_remove(&link->in_links);
    cu_list_remove(&link->in_waiting);
    cu_list_remove(&link->in_dirty);
    if (link->resolve_open)
        (void)uv_cancel((uv_req_t *)&link->opening->resolve);
    if (cu_tcp_bulk_busy(link))
        uv_read_stop((uv_stream_t *)&link->socket);
    cu_tcp_close_socket(link);
}

void cu_tcp_drop(struct cu_tcp_link *link)
{
    if (link->state == CU_TCP_CLOSED)
        return;
    link->high = false; /* no callback is called any more */
    link->last_flush = true;
    if (link->state == CU_TCP_UP && !link->doom)
        cu_tcp_flush(link); /* a BYE message that fits the kernel's buffer is still sent */
    if (link->state == CU_TCP_CLOSED)
        return;
    shut(link);
    cu_tcp_release(link);
}

static struct cu_peer peer_of(const struct cu_tcp_link *link)
{
    return link->accepted ? cu_peer_child(link->rank) : cu_peer_parent(link->rank);
}

void cu_tcp_end(struct cu_tcp_link *link, int error)
{
    const struct cu_transport_events *events = &link->tcp->config.events;
    bool known = link->state == CU_TCP_UP || !link->accepted;
    bool handshake = link->state == CU_TCP_HANDSHAKE;

    if (link->state == CU_TCP_CLOSED)
        return;
    cu_tcp_log_end(link, error);
    if (handshake)
        cu_tcp_count(link->tcp, CU_COUNT_handshakes_refused, 1);
    if (handshake && link->accepted)
        cu_tcp_stranger(link->tcp);
    shut(link);
    assert(link->state == CU_TCP_CLOSED); /* so that down is told once, whatever it calls */
    if (known)
        events->down(events->context, &link->base, peer_of(link), -error);
    cu_tcp_release(link);
}

void cu_tcp_doom(struct cu_tcp_link *link, int error)
{
    if (link->state == CU_TCP_CLOSED || link->doom)
        return;
    link->doom = error;
    cu_tcp_mark(link);
}

struct cu_tcp_link *cu_tcp_link_new(struct cu_tcp *tcp, uint32_t timeout_ms)
{
    struct cu_tcp_link *link = calloc(1, sizeof(*link));
    struct cu_tcp_opening *opening = calloc(1, sizeof(*opening));

    if (!link || !opening) {
        free(link);
        free(opening);
        return NULL;
    }
    link->base.ops = &cu_tcp_link_ops;
    link->base.heard_ns = uv_hrtime();
    link->tcp = tcp;
    link->rank = CU_RANK_NONE;
    link->opening = opening;
    link->deadline_ns = link->base.heard_ns + timeout_ms * NS_PER_MS;
    link->attempt_deadline_ns = link->deadline_ns;
    link->socket.data = link;
    opening->resolve.data = link;
    opening->connect.data = link;
    cu_frame_init(&link->frame);
    link->frame.begin = cu_tcp_room_take;
    cu_list_init(&link->in_dirty);
    cu_list_init(&link->in_links);
    cu_list_init(&link->in_waiting);
    cu_list_push_back(&tcp->links, &link->in_links);
    cu_list_push_back(&tcp->waiting, &link->in_waiting);
    tcp->open++;
    return link;
}

/* The server's address of this connection: both ends see the same one unless something in between
 * relays or translates it. */
static void server_address(const struct cu_tcp_link *link, struct cu_handshake_config *identity)
{
    union cu_address address;
    int length = sizeof(address);

    memset(&address, 0, sizeof(address));
    if (link->accepted)
        (void)uv_tcp_getsockname(&link->socket, &address.any, &length);
    else
        (void)uv_tcp_getpeername(&link->socket, &address.any, &length);
    cu_handshake_set_address(identity, &address.any);
}

static int send_opening(struct cu_tcp_link *link, const uint8_t *bytes, size_t size)
{
    uv_buf_t buf = {.base = (char *)bytes, .len = size};
    int sent = size ? uv_try_write((uv_stream_t *)&link->socket, &buf, 1) : 0;

    /* The socket's buffer is empty: what does not fit now will never fit. */
    if (sent >= 0 && (size_t)sent != size)
        return -ECONNABORTED;
    if (sent < 0)
        return sent;
    cu_tcp_count(link->tcp, CU_COUNT_peer_bytes_out, size);
    return 0;
}

static int start_handshake(struct cu_tcp_link *link)
{
    struct cu_handshake_config identity = link->tcp->config.identity;
    uint8_t hello[CU_HELLO_BYTES];
    int r;

    link->state = CU_TCP_HANDSHAKE;
    link->opening->in_size = 0;
    /* Accepted connections are most probably strangers while there are many of them: no work before
     * the handshake that only peers need. */
    if (!link->accepted)
        cu_tcp_tune(link);
    if (!link->accepted || cu_tcp_may_log_refusal(link->tcp))
        cu_tcp_name(link);
    randombytes_buf(identity.secret, sizeof(identity.secret));
    server_address(link, &identity);
    if (link->accepted) {
        cu_handshake_server_start(&link->opening->handshake, &identity);
        r = 0;
    } else {
        cu_handshake_client_start(&link->opening->handshake, &identity, hello);
        r = send_opening(link, hello, sizeof(hello));
    }
    sodium_memzero(&identity, sizeof(identity));
    return r ? r : cu_tcp_read_start(link);
}

/* The handshake is done: from here on, messages. */
static void go_up(struct cu_tcp_link *link)
{
    const struct cu_transport_events *events = &link->tcp->config.events;
    struct cu_handshake_result who = link->opening->handshake.result;
    struct cu_buf *header = NULL;
    int r = 0;

    if (!link->accepted && link->rank != CU_RANK_NONE && who.peer_rank != link->rank)
        r = -EREMCHG; /* host list and network disagree about which host has this address */
    if (!r && who.encrypt) {
        link->seal = cu_seal_new(who.key_send, who.key_receive, &header);
        r = link->seal ? cu_txq_push(&link->sealed, header, NULL) : -ENOMEM;
        if (r)
            cu_buf_unref(header);
    } else if (!r) {
        cu_auth_init(&link->auth, who.key_send);
        cu_frame_authenticate(&link->frame, &link->tcp->auth_job, who.key_receive);
    }
    if (r) {
        sodium_memzero(&who, sizeof(who));
        cu_seal_free(link->seal);
        link->seal = NULL;
        cu_tcp_opening_failed(link, r);
        return;
    }
    if (link->accepted) {
        link->tcp->unproven--;
        link->rank = who.peer_rank;
        cu_tcp_tune(link);
    }
    link->state = CU_TCP_UP;
    cu_tcp_name(link);
    if (link->accepted && who.role == CU_ROLE_CLIENT) {
        link->client = true;
        cu_tcp_room_for_client(link);
    }
    cu_handshake_wipe(&link->opening->handshake);
    opening_free(link);
    cu_list_remove(&link->in_waiting);
    cu_tcp_bulk_init(link);
    if (link->seal) {
        cu_tcp_aside_init(link);
        cu_tcp_mark(link);
    }
    sodium_memzero(who.key_send, sizeof(who.key_send));
    sodium_memzero(who.key_receive, sizeof(who.key_receive));
    events->up(events->context, &link->base, peer_of(link), &who);
}

static bool round_is_over(const struct cu_tcp_opening *opening)
{
    return opening->tried > 0 && opening->tried % opening->addresses.count == 0;
}

void cu_tcp_opening_failed(struct cu_tcp_link *link, int error)
{
    struct cu_tcp_opening *opening = link->opening;

    opening->silent |= error == -ETIMEDOUT && opening->addresses.count > 1;
    if (link->accepted || (round_is_over(opening) && !opening->silent) ||
        uv_hrtime() >= link->deadline_ns) {
        cu_tcp_end(link, error);
        return;
    }
    cu_tcp_log_end(link, error);
    cu_tcp_count(link->tcp, CU_COUNT_handshakes_refused, 1);
    attempt_failed(link, error);
}

void cu_tcp_opening_read(struct cu_tcp_link *link, size_t size)
{
    struct cu_tcp_opening *opening = link->opening;
    uint8_t out[CU_CHALLENGE_BYTES];
    size_t out_size = 0;
    int r, sent;

    opening->in_size += size;
    if (!cu_handshake_may_begin(&opening->handshake, opening->in, opening->in_size)) {
        cu_tcp_opening_failed(link, -EBADMSG);
        return;
    }
    if (opening->in_size < cu_handshake_expects(&opening->handshake))
        return;
    opening->in_size = 0;
    r = cu_handshake_feed(&opening->handshake, opening->in, out, &out_size);
    sent = send_opening(link, out, out_size);
    if (r >= 0 && sent < 0)
        r = sent;
    if (r < 0)
        cu_tcp_opening_failed(link, r);
    else if (r > 0)
        go_up(link);
}

void cu_tcp_accept(struct cu_tcp *tcp)
{
    struct cu_tcp_link *link = cu_tcp_link_new(tcp, tcp->config.handshake_timeout_ms);
    int r;

    if (!link) {
        cu_tcp_count(tcp, CU_COUNT_no_memory, 1);
        if (cu_refusal_take(&tcp->refusal, (uv_stream_t *)&tcp->listener))
            tcp->open++;
        return;
    }
    link->accepted = true;
    tcp->unproven++;
    (void)uv_tcp_init(tcp->config.loop, &link->socket);
    link->socket_open = true;
    r = uv_accept((uv_stream_t *)&tcp->listener, (uv_stream_t *)&link->socket);
    if (r == 0)
        r = start_handshake(link);
    if (r)
        cu_tcp_drop(link);
    else if (link->deadline_ns < tcp->watch_ns)
        cu_tcp_watch(tcp);
}

static void on_attempt_closed(uv_handle_t *handle)
{
    struct cu_tcp_link *link = handle->data;

    link->socket_open = false;
    if (link->state == CU_TCP_CLOSED)
        cu_tcp_release(link);
    else
        cu_tcp_try_next(link);
}

static void attempt_failed(struct cu_tcp_link *link, int error)
{
    link->opening->last_error = error;
    link->attempt_deadline_ns = link->deadline_ns;
    if (!uv_is_closing((uv_handle_t *)&link->socket))
        uv_close((uv_handle_t *)&link->socket, on_attempt_closed);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct cu_tcp_link *link = request->data;
    int r = status;

    if (link->state != CU_TCP_CONNECTING || uv_is_closing((uv_handle_t *)&link->socket))
        return;
    if (r == 0) {
        r = start_handshake(link);
        if (r)
            cu_tcp_end(link, r);
        return;
    }
    attempt_failed(link, r);
}

/* The first attempts get little time: an address that drops packets, or a program that never
 * answers, must not use up all of it. */
static uint64_t attempt_deadline(const struct cu_tcp_link *link, uint64_t now)
{
    const struct cu_tcp_opening *opening = link->opening;
    unsigned count = opening->addresses.count, round = opening->tried / count;
    uint64_t left = link->deadline_ns > now ? link->deadline_ns - now : 0;
    uint64_t share = left / (count - opening->tried % count);

    if (count > 1 && round < SHORT_ROUNDS && share > ATTEMPT_NS << (2 * round))
        share = ATTEMPT_NS << (2 * round);
    return now + share;
}

void cu_tcp_try_next(struct cu_tcp_link *link)
{
    struct cu_tcp_opening *opening = link->opening;
    unsigned at;
    int r;

    if (round_is_over(opening)) {
        if (!opening->silent) {
            cu_tcp_doom(link, opening->last_error);
            return;
        }
        opening->silent = false;
    }
    link->state = CU_TCP_CONNECTING;
    link->attempt_deadline_ns = attempt_deadline(link, uv_hrtime());
    (void)uv_tcp_init(link->tcp->config.loop, &link->socket);
    link->socket_open = true;
    at = opening->tried++ % opening->addresses.count;
    link->base.detour = at >= opening->data_count;
    cu_tcp_name_attempt(link, &opening->addresses.of[at]);
    r = uv_tcp_connect(&opening->connect, &link->socket, &opening->addresses.of[at].any,
                       on_connect);
    if (r)
        attempt_failed(link, r);
    cu_tcp_watch(link->tcp);
}

void cu_tcp_expire(struct cu_tcp_link *link, uint64_t now_ns)
{
    if (link->state == CU_TCP_CONNECTING && now_ns < link->deadline_ns) {
        link->opening->silent |= link->opening->addresses.count > 1;
        attempt_failed(link, -ETIMEDOUT);
    } else if (link->state == CU_TCP_HANDSHAKE) {
        cu_tcp_opening_failed(link, -ETIMEDOUT);
    } else {
        cu_tcp_end(link, -ETIMEDOUT);
    }
}
