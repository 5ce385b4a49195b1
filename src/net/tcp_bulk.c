/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets, for large payloads, on the threads of the transport's crew: at most one job for each
 * direction of a link, which keeps the order. Small messages never leave the loop's thread, and
 * neither does a payload that comes or goes alone: that would only be later. When many jobs wait
 * for a thread, the loop does the work itself; with encryption, which is most of the work and
 * always a thread's, also when no second one would idle.
 *
 * Out: a job writes the first bytes that are queued for the socket, which stay there, and count as
 * queued, until it is done. When the kernel takes no more, the loop waits for room with a few bytes
 * of its own.
 *
 * In, with encryption: the socket is lent to the job that opens what comes (tcp_seal.c).
 *
 * In, without: from the begin of a large payload on, the link's frame is the job's, and libuv does
 * not watch the socket. The job receives the payload, makes its digest, and stops behind the next
 * frame's head. It waits for bytes that are on their way, but not for long, and not while others
 * need the thread.
 *
 * Invariants: no job blocks for longer than WAITS * WAIT_NS. While one runs, the socket stays open
 * (cu_tcp_close_socket) and the link's memory stays (cu_tcp_release). */
#include "net/tcp.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

/* Waking a thread, and then the loop, takes 10 to 50 us: as long as 64 KiB. */
#define ASIDE_BYTES ((size_t)64 * 1024)
#define JOB_BYTES   (UINT64_C(1024) * 1024)
/* More than one payload of a usual size, so there is a stream of them. */
#define STREAM_BYTES ((size_t)512 * 1024)
#define PART_BYTES   ((size_t)256 * 1024) /* of one call: its digest finds it in the cache */
/* A job that brought less than this was not worth it: the loop reads until more comes at once. */
#define WORTH_BYTES ((size_t)16 * 1024)
#define NEXT_BYTES  1024u /* behind a payload: the next head, but little that must be copied */
#define WAITS       4
#define WAIT_NS     250000
#define ROOM_BYTES  4096u /* with which the loop waits for room */

struct out_job {
    struct cu_crew_job job;
    struct cu_tcp_link *link;
    int fd;
    bool running;
    uv_buf_t iov[CU_TCP_IOV_MAX];
    unsigned count;
    uint64_t sent;
    int error;     /* -EAGAIN: no room */
    uint64_t turn; /* in which the last one was done */
};

struct in_job {
    struct cu_crew_job job;
    struct cu_tcp_link *link;
    int fd;
    bool running;
    bool reluctant; /* the last one brought little */
    bool begun;     /* the payload under way was a job's */
    uint64_t turn;  /* in which the last large payload ended */
    uint64_t taken; /* of the payload */
    size_t next;    /* bytes behind it */
    int over;       /* nothing comes any more: UV_EOF or the error; 0: it does */
    unsigned char behind[NEXT_BYTES];
};

struct cu_tcp_bulk {
    struct out_job out;
    struct in_job in;
};

static bool may_start(const struct cu_tcp_link *link)
{
    const struct cu_crew *crew = link->tcp->config.crew;

    return link->bulk && link->state == CU_TCP_UP && !link->doom &&
           (link->seal ? cu_crew_idles(crew, 2) : cu_crew_has_room(crew));
}

static uint64_t turn_of(const struct cu_tcp_link *link)
{
    return cu_turn_number(link->tcp->config.turn);
}

/* In this turn or the one before: the time of a turn is used up by a payload on a slow machine. Who
 * asks again when the payload is there gets the next one later than that. */
static bool just_now(const struct cu_tcp_link *link, uint64_t turn)
{
    return turn_of(link) - turn <= 1;
}

/* After a job of a link that has ended. */
static void leave(struct cu_tcp_link *link)
{
    cu_tcp_close_socket(link);
    cu_tcp_release(link);
}

/* --- out -------------------------------------------------------------------------------------- */

/* From `first`, of which `skip` bytes are gone. Returns what the kernel took, or -errno. */
static ssize_t send_some(const struct out_job *out, unsigned first, size_t skip)
{
    struct iovec iov[CU_TCP_IOV_MAX];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = out->count - first};
    ssize_t n;

    for (unsigned i = first; i < out->count; i++)
        iov[i - first] = (struct iovec){.iov_base = out->iov[i].base, .iov_len = out->iov[i].len};
    iov[0].iov_base = (char *)iov[0].iov_base + skip;
    iov[0].iov_len -= skip;
    do
        n = sendmsg(out->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void send_work(struct cu_crew_job *job)
{
    struct out_job *out = (struct out_job *)job;
    unsigned first = 0;
    size_t skip = 0;

    while (first < out->count) {
        ssize_t n = send_some(out, first, skip);

        if (n < 0) {
            out->error = (int)n;
            return;
        }
        out->sent += (uint64_t)n;
        skip += (size_t)n;
        while (first < out->count && skip >= out->iov[first].len)
            skip -= out->iov[first++].len;
    }
}

/* What was queued when the link was closed, as far as the kernel takes it. */
static void send_last(struct cu_tcp_link *link)
{
    uv_buf_t iov[CU_TCP_IOV_MAX];
    uint64_t total;
    unsigned n;
    int r = 1;

    while (r > 0 &&
           (n = cu_txq_peek(cu_tcp_outgoing(link), iov, CU_TCP_IOV_MAX, JOB_BYTES, &total)) > 0) {
        r = uv_try_write((uv_stream_t *)&link->socket, iov, n);
        if (r > 0)
            cu_txq_advance(cu_tcp_outgoing(link), (uint64_t)r);
    }
}

static void on_sent(struct cu_crew_job *job)
{
    struct out_job *out = (struct out_job *)job;
    struct cu_tcp_link *link = out->link;
    out->running = false;
    if (link->state != CU_TCP_UP) {
        cu_txq_advance(cu_tcp_outgoing(link), out->sent);
        if (link->last_flush && out->error == 0)
            send_last(link);
        leave(link);
        return;
    }
    cu_tcp_written(link, out->sent);
    cu_tcp_count(link->tcp, CU_COUNT_sockets_aside_bytes, out->sent);
    out->turn = turn_of(link);
    if (out->error == -EAGAIN)
        cu_tcp_write(link, ROOM_BYTES);
    else if (out->error)
        cu_tcp_doom(link, out->error);
    else if (cu_turn_spent(link->tcp->config.turn))
        cu_tcp_mark(link);
    else
        cu_tcp_flush(link);
}

/* Is what is queued part of a stream: more than a payload, or behind one, here or where it came
 * from? */
static bool streams_out(const struct cu_tcp_link *link)
{
    return link->plain.bytes + link->sealed.bytes >= STREAM_BYTES ||
           just_now(link, link->bulk->out.turn) || just_now(link, link->tcp->stream_turn);
}

bool cu_tcp_bulk_send(struct cu_tcp_link *link)
{
    struct out_job *out = link->bulk ? &link->bulk->out : NULL;
    uint64_t bytes;

    if (!out || out->running)
        return out;
    if (cu_tcp_outgoing(link)->bytes < ASIDE_BYTES || link->last_flush || !streams_out(link) ||
        !may_start(link))
        return false;
    out->count = cu_txq_peek(cu_tcp_outgoing(link), out->iov, CU_TCP_IOV_MAX, JOB_BYTES, &bytes);
    if (bytes < ASIDE_BYTES) /* many small messages */
        return false;
    out->sent = 0;
    out->error = 0;
    out->running = true;
    cu_crew_run(link->tcp->config.crew, &out->job);
    return true;
}

/* --- in --------------------------------------------------------------------------------------- */

/* Has something come? */
static bool await(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    const struct timespec limit = {.tv_nsec = WAIT_NS};

    return ppoll(&entry, 1, &limit, NULL) > 0;
}

/* Receives what there is, or is on its way: *waits more times. UV_EOF; -errno, -EAGAIN: nothing. */
static ssize_t receive(const struct in_job *in, struct msghdr *msg, int *waits)
{
    ssize_t n;

    for (;;) {
        do
            n = recvmsg(in->fd, msg, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n != 0)
            n = n < 0 ? -errno : n;
        else
            n = UV_EOF;
        if (n != -EAGAIN || *waits == 0 || cu_crew_wanted(in->link->tcp->config.crew) ||
            !await(in->fd))
            return n;
        --*waits;
    }
}

/* Bytes of the payload, and behind it; else as receive. */
static ssize_t receive_some(struct in_job *in, int *waits)
{
    unsigned char *at;
    size_t rest = cu_frame_rest(&in->link->frame, &at);
    struct iovec iov[2] = {{.iov_base = at, .iov_len = rest < PART_BYTES ? rest : PART_BYTES},
                           {.iov_base = in->behind, .iov_len = sizeof(in->behind)}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = rest <= PART_BYTES ? 2 : 1};
    ssize_t n = receive(in, &msg, waits);

    if (n < 0)
        return n;
    if ((size_t)n > iov[0].iov_len) {
        in->next = (size_t)n - iov[0].iov_len;
        n = (ssize_t)iov[0].iov_len;
    }
    cu_frame_put(&in->link->frame, (size_t)n);
    return n;
}

static void receive_work(struct cu_crew_job *job)
{
    struct in_job *in = (struct in_job *)job;
    struct cu_frame *frame = &in->link->frame;
    unsigned char *at;
    int waits = WAITS;

    while (cu_frame_rest(frame, &at) > 0 && in->taken < JOB_BYTES) {
        ssize_t n = receive_some(in, &waits);

        if (n < 0) {
            in->over = n == -EAGAIN ? 0 : (int)n;
            return;
        }
        in->taken += (uint64_t)n;
    }
}

/* Does nothing but a large payload begin behind the last one? */
static bool large_next(const struct in_job *in)
{
    struct cu_msg_head head;

    return in->next >= CU_MSG_HEAD && cu_msg_decode_head(in->behind, &head) == 0 &&
           head.bulk_len >= ASIDE_BYTES + NEXT_BYTES;
}

/* Takes what the job has brought out of the frame. With more to come, the threads go on before the
 * loop looks at it. 0; -EBADMSG, -ENOMEM, or what ends the link. */
static int take_in(struct in_job *in)
{
    struct cu_tcp_link *link = in->link;
    struct cu_frame_whole whole;
    bool ahead = large_next(in);
    int r = cu_frame_take(&link->frame, &whole), given;

    if (r)
        return r;
    cu_tcp_room_give(link);
    cu_tcp_bulk_read(link, 0, true);
    if (ahead)
        r = cu_tcp_feed(link, in->behind, in->next);
    if (ahead && r == 0)
        (void)cu_tcp_bulk_receive(link);
    given = cu_tcp_give(link, &whole); /* it came before what may be wrong */
    if (given || r || ahead)
        return given ? given : r;
    return cu_tcp_feed(link, in->behind, in->next);
}

/* The loop's again, or the next job's. */
static void go_on(struct cu_tcp_link *link)
{
    int r;

    if (cu_tcp_bulk_receive(link))
        return;
    link->small_read = !cu_frame_partial(&link->frame);
    r = cu_tcp_read_start(link);
    if (r)
        cu_tcp_doom(link, r);
}

static void on_received(struct cu_crew_job *job)
{
    struct in_job *in = (struct in_job *)job;
    struct cu_tcp_link *link = in->link;
    uint64_t bytes = in->taken + in->next;
    unsigned char *at;
    int over = in->over, r = 0;

    in->running = false;
    if (link->state != CU_TCP_UP) {
        leave(link);
        return;
    }
    cu_tcp_count(link->tcp, CU_COUNT_sockets_aside_bytes, bytes);
    if (link->doom) /* ends with this turn */
        return;
    in->reluctant = bytes < WORTH_BYTES;
    link->tcp->stream_turn = turn_of(link);
    if (bytes > 0)
        cu_tcp_heard(link, bytes);
    if (cu_frame_rest(&link->frame, &at) == 0)
        r = take_in(in);
    if (!cu_tcp_taken(link, r))
        return;
    if (over) {
        cu_tcp_read_over(link, over);
        return;
    }
    if (!in->running) /* else the frame is the next job's */
        go_on(link);
    cu_tcp_flush_early(link->tcp);
}

/* A payload that is large alone, or came right behind another one. */
static bool streams_in(const struct in_job *in, size_t rest)
{
    return rest >= STREAM_BYTES || in->begun || just_now(in->link, in->turn);
}

bool cu_tcp_bulk_receive(struct cu_tcp_link *link)
{
    struct in_job *in = link->bulk ? &link->bulk->in : NULL;
    unsigned char *at;
    size_t rest = cu_frame_rest(&link->frame, &at);

    if (!in || link->seal || rest < ASIDE_BYTES || in->reluctant || !streams_in(in, rest) ||
        !may_start(link))
        return false;
    uv_read_stop((uv_stream_t *)&link->socket);
    in->taken = 0;
    in->next = 0;
    in->over = 0;
    in->begun = true;
    in->running = true;
    cu_crew_run(link->tcp->config.crew, &in->job);
    return true;
}

void cu_tcp_bulk_read(struct cu_tcp_link *link, size_t size, bool ended)
{
    if (link->bulk && size >= WORTH_BYTES)
        link->bulk->in.reluctant = false;
    if (link->bulk && ended) {
        link->bulk->in.begun = false;
        link->bulk->in.turn = turn_of(link);
    }
}

void cu_tcp_bulk_ended(struct cu_tcp_link *link, size_t size)
{
    if (size >= ASIDE_BYTES)
        cu_tcp_bulk_read(link, 0, true);
}

void cu_tcp_bulk_fed(struct cu_tcp_link *link)
{
    struct in_job *in = link->bulk ? &link->bulk->in : NULL;
    unsigned char *at;
    size_t rest = cu_frame_rest(&link->frame, &at);

    if (in && rest > 0 && streams_in(in, rest))
        in->begun = true;
}

bool cu_tcp_bulk_lend(struct cu_tcp_link *link)
{
    struct in_job *in = link->bulk ? &link->bulk->in : NULL;

    if (!in || !streams_in(in, 0) || !may_start(link))
        return false;
    uv_read_stop((uv_stream_t *)&link->socket);
    in->running = true;
    return true;
}

int cu_tcp_bulk_fetch(const struct cu_tcp_link *link, unsigned char *at, size_t *size, size_t max,
                      size_t enough)
{
    int waits = WAITS;

    while (*size < max) {
        struct iovec iov = {.iov_base = at + *size, .iov_len = max - *size};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;

        if (*size >= enough)
            waits = 0;
        n = receive(&link->bulk->in, &msg, &waits);
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        *size += (size_t)n;
    }
    return 0;
}

void cu_tcp_bulk_return(struct cu_tcp_link *link, size_t taken)
{
    link->bulk->in.running = false;
    if (link->state != CU_TCP_UP) {
        cu_tcp_close_socket(link);
        return;
    }
    if (taken == 0)
        return;
    cu_tcp_count(link->tcp, CU_COUNT_sockets_aside_bytes, taken);
    link->tcp->stream_turn = turn_of(link);
    cu_tcp_heard(link, taken);
}

/* --- both ------------------------------------------------------------------------------------- */

void cu_tcp_bulk_init(struct cu_tcp_link *link)
{
    struct cu_tcp_bulk *bulk = link->tcp->config.crew ? calloc(1, sizeof(*bulk)) : NULL;
    uv_os_fd_t fd;

    if (!bulk || uv_fileno((const uv_handle_t *)&link->socket, &fd) < 0) {
        free(bulk);
        return;
    }
    bulk->out.link = bulk->in.link = link;
    bulk->out.fd = bulk->in.fd = fd;
    bulk->out.job = (struct cu_crew_job){.work = send_work, .done = on_sent};
    bulk->out.turn = bulk->in.turn = UINT64_MAX;
    bulk->in.job = (struct cu_crew_job){.work = receive_work, .done = on_received};
    link->bulk = bulk;
}

bool cu_tcp_bulk_busy(const struct cu_tcp_link *link)
{
    return link->bulk && (link->bulk->out.running || link->bulk->in.running);
}

bool cu_tcp_bulk_receives(const struct cu_tcp_link *link)
{
    return link->bulk && link->bulk->in.running;
}

void cu_tcp_bulk_free(struct cu_tcp_link *link)
{
    assert(!cu_tcp_bulk_busy(link));
    free(link->bulk);
    link->bulk = NULL;
}
