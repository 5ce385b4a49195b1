/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages over a TCP link. Out: all messages of a loop turn leave in one gathering write, by
 * reference. In: many small frames out of one read into a buffer that all links share; a large
 * payload straight into the buffer in which it will be cached.
 *
 * Invariants: while `writing`, the first write_bytes of the outgoing queue belong to libuv. The
 * shared receive buffer holds nothing between two callbacks. Encryption: tcp_seal.c. A callback of
 * the user may close the link: after each one the state is looked at again. */
#include "net/tcp.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

/* A read that ends with a payload's last byte completes a frame. The next read asks for little more
 * than the next head, so that the payload behind it is not received here and copied, but is read
 * directly into its own buffer. */
#define SMALL_READ_BYTES 1024u
/* Bytes of one read: memory that is new costs the loop a page fault for each of its pages. */
#define READ_BYTES_MAX ((size_t)256 * 1024)
/* Bytes of one write, which takes 0.3 to 1 ms. */
#define WRITE_BYTES_MAX (UINT64_C(1) * 1024 * 1024)
/* Writes in a row, before other links have their turn; fewer when the turn's time is used up. */
#define WRITES_MAX 32
/* So much is sent at once, not at the end of the turn: the next node has work meanwhile, and the
 * bytes are still in the processor's cache. */
#define EARLY_BYTES (UINT64_C(256) * 1024)

void cu_tcp_mark(struct cu_tcp_link *link)
{
    if (!cu_list_empty(&link->in_dirty))
        return;
    cu_list_push_back(&link->tcp->dirty, &link->in_dirty);
    cu_deferred_arm(&link->tcp->turn);
}

static uint64_t link_queued(const struct cu_link *base)
{
    struct cu_tcp_link *link = cu_tcp_link_of(base);
    uint64_t bytes = link->plain.bytes + link->sealed.bytes +
                     ((uint64_t)link->plain.count + link->sealed.count) * CU_LINK_EACH_BYTES;

    /* What libuv is about to write counts until the kernel has it. */
    assert(!link->writing || link->write_bytes <= cu_tcp_outgoing(link)->bytes);
    if (link->writing)
        bytes -= link->write_bytes - uv_stream_get_write_queue_size((uv_stream_t *)&link->socket);
    return bytes;
}

static int link_send(struct cu_link *base, const struct cu_msg *msg)
{
    struct cu_tcp_link *link = cu_tcp_link_of(base);
    struct cu_buf *head, *bulk;
    int r;

    if (link->state != CU_TCP_UP || link->doom)
        return -ENOTCONN;
    if (link_queued(base) > link->tcp->config.send_queue_max_bytes) {
        cu_tcp_doom(link, -ENOBUFS);
        return -ENOTCONN;
    }
    r = cu_msg_encode(msg, &head, &bulk);
    if (r)
        return r;
    r = cu_txq_reserve(&link->plain);
    if (r) {
        cu_buf_unref(head);
        cu_buf_unref(bulk);
        return r;
    }
    if (!link->seal) /* in the order in which frames leave */
        cu_frame_tag(&link->tcp->auth_job, &link->auth, head, bulk);
    cu_txq_push_reserved(&link->plain, head, bulk);
    if (msg->type == CU_MSG_RESULT && link->owed > 0)
        link->owed--;
    if (link_queued(base) > CU_LINK_HIGH_BYTES)
        link->high = true;
    if (!link->writing)
        cu_tcp_mark(link);
    return 0;
}

static void link_close(struct cu_link *base)
{
    cu_tcp_drop(cu_tcp_link_of(base));
}

const struct cu_link_ops cu_tcp_link_ops = {
    .send = link_send,
    .queued = link_queued,
    .close = link_close,
};

void cu_tcp_written(struct cu_tcp_link *link, uint64_t bytes)
{
    cu_txq_advance(cu_tcp_outgoing(link), bytes);
    cu_tcp_count(link->tcp, CU_COUNT_peer_bytes_out, bytes);
}

static void on_written(uv_write_t *request, int status)
{
    struct cu_tcp_link *link = request->data;

    assert(link->writing);
    link->writing = false;
    if (link->state != CU_TCP_UP)
        return;
    if (status < 0) {
        cu_tcp_end(link, status);
        return;
    }
    cu_tcp_written(link, link->write_bytes);
    if (cu_turn_spent(link->tcp->config.turn))
        cu_tcp_mark(link);
    else
        cu_tcp_flush(link);
}

/* The last thing that a flush does: the callback may close the link. */
static void tell_drained(struct cu_tcp_link *link)
{
    const struct cu_transport_events *events = &link->tcp->config.events;

    if (!link->high)
        return;
    link->high = false;
    if (events->drained)
        events->drained(events->context, &link->base);
}

void cu_tcp_write(struct cu_tcp_link *link, uint64_t bytes_max)
{
    uv_buf_t iov[CU_TCP_IOV_MAX];
    uint64_t total;
    unsigned n = cu_txq_peek(cu_tcp_outgoing(link), iov, CU_TCP_IOV_MAX, bytes_max, &total);
    int r;

    link->write.data = link;
    link->write_bytes = total;
    r = uv_write(&link->write, (uv_stream_t *)&link->socket, iov, n, on_written);
    link->writing = r == 0;
    if (r)
        cu_tcp_doom(link, r);
}

void cu_tcp_flush(struct cu_tcp_link *link)
{
    uv_stream_t *stream = (uv_stream_t *)&link->socket;
    uv_buf_t iov[CU_TCP_IOV_MAX];
    uint64_t total;
    unsigned n;
    int r = 0;

    if (link->state != CU_TCP_UP || link->writing || link->doom)
        return;
    for (int writes = 0;; writes++) {
        if (link->seal && (r = cu_tcp_seal(link)))
            break;
        if (cu_tcp_bulk_send(link))
            return;
        n = cu_txq_peek(cu_tcp_outgoing(link), iov, CU_TCP_IOV_MAX, WRITE_BYTES_MAX, &total);
        if (n == 0) {
            if (link->plain.bytes == 0) /* else a job has it */
                tell_drained(link);
            return;
        }
        if (writes >= WRITES_MAX || (writes > 0 && cu_turn_spent(link->tcp->config.turn))) {
            cu_tcp_mark(link); /* goes on behind the others */
            return;
        }
        r = uv_try_write(stream, iov, n);
        if (r < 0 && r != UV_EAGAIN)
            break;
        if (r > 0)
            cu_tcp_written(link, (uint64_t)r);
        if (r < 0 || (uint64_t)r < total) {
            cu_tcp_write(link, WRITE_BYTES_MAX);
            return;
        }
    }
    cu_tcp_doom(link, r);
}

static int deliver(void *context, const struct cu_msg *msg)
{
    struct cu_tcp_link *link = context;
    const struct cu_transport_events *events = &link->tcp->config.events;

    if (msg->type == CU_MSG_CONTROL)
        link->owed++;
    events->message(events->context, &link->base, msg);
    return link->state == CU_TCP_UP ? 0 : -ECANCELED;
}

static int on_message(void *context, const struct cu_msg *msg)
{
    struct cu_tcp_link *link = context;

    if (link->seal)
        cu_tcp_bulk_ended(link, link->receiving);
    cu_tcp_room_give(link);
    return deliver(context, msg);
}

int cu_tcp_feed(struct cu_tcp_link *link, const void *bytes, size_t size)
{
    return cu_frame_feed(&link->frame, bytes, size, on_message, link);
}

int cu_tcp_give(struct cu_tcp_link *link, struct cu_frame_whole *whole)
{
    return cu_frame_give(whole, deliver, link);
}

bool cu_tcp_taken(struct cu_tcp_link *link, int result)
{
    if (link->state == CU_TCP_CLOSED)
        return false;
    if (result == -EBADMSG)
        cu_tcp_count(link->tcp, CU_COUNT_bad_messages, 1);
    else if (result == -ENOMEM)
        cu_tcp_count(link->tcp, CU_COUNT_no_memory, 1);
    if (result)
        cu_tcp_end(link, result);
    return result == 0;
}

/* As at the end of a turn, a callback may close any link, so the list is looked through again after
 * each. */
void cu_tcp_flush_early(struct cu_tcp *tcp)
{
    struct cu_list *found;

    do {
        found = NULL;
        cu_list_for_each (it, &tcp->dirty) {
            struct cu_tcp_link *link = CU_LIST_ENTRY(it, struct cu_tcp_link, in_dirty);

            if (!link->doom && !link->writing && link->plain.bytes >= EARLY_BYTES) {
                found = it;
                break;
            }
        }
        if (found) {
            cu_list_remove(found);
            cu_tcp_flush(CU_LIST_ENTRY(found, struct cu_tcp_link, in_dirty));
        }
    } while (found && !cu_turn_spent(tcp->config.turn));
}

/* Each link is read once in a turn, and more often while the turn has time. */
static bool may_read(struct cu_tcp_link *link)
{
    struct cu_turn *turn = link->tcp->config.turn;
    uint64_t number = cu_turn_number(turn);

    if (cu_turn_spent(turn) && link->read_in == number)
        return false;
    link->read_in = number;
    return true;
}

/* No room ends libuv's reading for this turn. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct cu_tcp_link *link = handle->data;
    unsigned char *at = link->tcp->rx->bytes;
    size_t size = link->small_read ? SMALL_READ_BYTES : CU_TCP_RX_BYTES, rest;

    (void)suggested;
    if (!may_read(link)) {
        *buf = uv_buf_init(NULL, 0);
        return;
    }
    if (link->state == CU_TCP_HANDSHAKE) {
        /* Reads no byte beyond this step: what follows may be encrypted. */
        at = link->opening->in + link->opening->in_size;
        size = cu_handshake_expects(&link->opening->handshake) - link->opening->in_size;
    } else if (link->seal) {
        at = cu_tcp_seal_room(link, &size);
    } else if ((rest = cu_frame_rest(&link->frame, &at)) > 0) {
        size = rest < READ_BYTES_MAX ? rest : READ_BYTES_MAX;
    }
    *buf = uv_buf_init((char *)at, (unsigned)size);
}

/* The other end has closed. */
static int end_of_stream(struct cu_tcp_link *link)
{
    if (link->state == CU_TCP_HANDSHAKE)
        return -ECONNRESET;
    return cu_frame_partial(&link->frame) ? -ECONNRESET : 0;
}

void cu_tcp_read_over(struct cu_tcp_link *link, int error)
{
    if (error == UV_EOF)
        error = end_of_stream(link);
    if (link->state == CU_TCP_HANDSHAKE)
        cu_tcp_opening_failed(link, error);
    else
        cu_tcp_end(link, error);
}

void cu_tcp_heard(struct cu_tcp_link *link, uint64_t size)
{
    link->base.heard_ns = uv_hrtime();
    cu_tcp_count(link->tcp, CU_COUNT_peer_bytes_in, size);
    link->tick_bytes += (uint32_t)size;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct cu_tcp_link *link = stream->data;
    size_t size = (size_t)count;
    bool direct;
    unsigned char *at;
    int r;

    if (count == 0 || link->state == CU_TCP_CLOSED) /* EAGAIN; or by an earlier callback */
        return;
    if (count < 0) {
        /* Without room the turn's time is used up. */
        if (!cu_tcp_unseal_first(link, (int)count) && count != UV_ENOBUFS)
            cu_tcp_read_over(link, (int)count);
        return;
    }
    cu_tcp_heard(link, size);
    if (link->state == CU_TCP_HANDSHAKE) {
        cu_tcp_opening_read(link, size);
        return;
    }
    direct = !link->seal && cu_frame_rest(&link->frame, &at) > 0;
    if (direct)
        r = cu_frame_filled(&link->frame, size, on_message, link);
    else if (link->seal)
        r = cu_tcp_unseal(link, size);
    else
        r = cu_tcp_feed(link, buf->base, size);
    if (!cu_tcp_taken(link, r))
        return;
    link->small_read = direct && !cu_frame_partial(&link->frame);
    cu_tcp_bulk_read(link, size, link->small_read);
    (void)cu_tcp_bulk_receive(link);
    if (link->small_read || link->seal)
        cu_tcp_flush_early(link->tcp);
}

int cu_tcp_read_start(struct cu_tcp_link *link)
{
    return uv_read_start((uv_stream_t *)&link->socket, on_alloc, on_read);
}

/* BBR paces by round trips that it has measured; between neighbours these are microseconds, and a
 * burst of chunks then waits for its timers more than for the link. */
void cu_tcp_tune(struct cu_tcp_link *link)
{
    char name[16] = "";
    socklen_t length = sizeof(name) - 1;
    uv_os_fd_t fd;

    (void)uv_tcp_nodelay(&link->socket, 1);
    if (uv_fileno((const uv_handle_t *)&link->socket, &fd) < 0 ||
        getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) < 0 ||
        strncmp(name, "bbr", 3) != 0)
        return;
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}
