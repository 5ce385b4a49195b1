/* SPDX-License-Identifier: BSD-3-Clause */
/* Encryption of a TCP link. Small amounts are sealed and opened by the loop thread. Where the
 * transport has a crew, bulk data is a job of it: at most one for each direction of a link, which
 * keeps the order, whichever thread takes it.
 *
 * Out: a job seals the first bytes of `plain`, which stay there, and count as queued, until it is
 * done; what is queued meanwhile waits behind them. Two jobs' records are the most that wait for
 * the kernel: while it takes those of one, the next are made.
 *
 * In: the buffer that was read into goes to the job with all that is in it. What comes meanwhile is
 * gathered in a second one, which is the next job. When that is full, reading pauses. While a
 * stream of large payloads comes, the job has the socket, too: it fills its buffer from it first,
 * and nothing is gathered.
 *
 * Invariants: while a job runs, its direction of the seal is the job's. `paused` and `next` need a
 * running job, and the link's memory stays until that is done (cu_tcp_release). libuv reads unless
 * `paused` or a job has the socket. */
#include "net/tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Waking a thread, and then the loop, takes 20 to 50 us: as long as some 30 KiB. */
#define SEAL_ASIDE_BYTES   ((size_t)64 * 1024)
#define UNSEAL_ASIDE_BYTES ((size_t)16 * 1024)
#define JOB_RECORDS        8u
#define JOB_BYTES          (JOB_RECORDS * (uint64_t)CU_SEAL_PLAIN_MAX)
/* Encrypted bytes that may wait for the kernel. */
#define SEALED_BYTES_MAX (UINT64_C(1024) * 1024)
#define RX_MAX           32u /* buffers: 18 MiB; two for each link from which bulk data comes */
#define RX_SPARE_MAX     4u

struct seal_job {
    struct cu_crew_job job;
    struct cu_tcp_link *link;
    bool running;
    uint64_t bytes; /* of plain */
    uv_buf_t iov[CU_TCP_IOV_MAX];
    unsigned piece; /* up to which iov is used up */
    struct cu_buf *records[JOB_RECORDS];
    unsigned count;
    int error;
};

struct unseal_job {
    struct cu_crew_job job;
    struct cu_tcp_link *link;
    struct cu_tcp_rx *rx; /* NULL: not running */
    bool receives;        /* it has the socket, and libuv does not read */
    size_t had;           /* bytes in rx before it received */
    size_t opened;
    int error;
    struct cu_tcp_rx *next; /* what has come since, if anything was read */
    bool paused;            /* nothing is read */
    int over;               /* nothing comes any more: UV_EOF or the error. 0: it does */
};

struct cu_tcp_aside {
    struct seal_job out;
    struct unseal_job in;
};

/* --- buffers ---------------------------------------------------------------------------------- */

/* NULL: no memory, or too many. */
static struct cu_tcp_rx *rx_take(struct cu_tcp *tcp)
{
    struct cu_tcp_rx *rx = tcp->rx_spare;

    if (rx) {
        tcp->rx_spare = rx->next;
        tcp->rx_spares--;
    } else if (tcp->rx_count < RX_MAX && (rx = malloc(sizeof(*rx)))) {
        tcp->rx_count++;
    }
    if (rx)
        rx->size = 0;
    return rx;
}

static void rx_give(struct cu_tcp *tcp, struct cu_tcp_rx *rx)
{
    if (rx && tcp->rx_spares < RX_SPARE_MAX) {
        rx->next = tcp->rx_spare;
        tcp->rx_spare = rx;
        tcp->rx_spares++;
    } else if (rx) {
        free(rx);
        tcp->rx_count--;
    }
}

bool cu_tcp_seal_open(struct cu_tcp *tcp)
{
    tcp->rx = rx_take(tcp);
    return tcp->rx;
}

void cu_tcp_seal_close(struct cu_tcp *tcp)
{
    struct cu_tcp_rx *rx;

    rx_give(tcp, tcp->rx);
    tcp->rx = NULL;
    while ((rx = tcp->rx_spare)) {
        tcp->rx_spare = rx->next;
        free(rx);
        tcp->rx_count--;
    }
    assert(tcp->rx_count == 0);
}

/* --- out -------------------------------------------------------------------------------------- */

/* The next size bytes: where they lie, or gathered. */
static const void *next_plain(struct seal_job *out, size_t size)
{
    uint8_t *room = cu_seal_room(out->link->seal);
    size_t done = 0;

    while (done < size) {
        uv_buf_t *piece = &out->iov[out->piece];
        size_t part = size - done < piece->len ? size - done : piece->len;
        const char *at = piece->base;

        piece->base += part;
        piece->len -= part;
        if (piece->len == 0)
            out->piece++;
        if (part == size)
            return at;
        memcpy(room + done, at, part);
        done += part;
    }
    return room;
}

static void seal_work(struct cu_crew_job *job)
{
    struct seal_job *out = (struct seal_job *)job;

    for (uint64_t left = out->bytes; left > 0;) {
        size_t size = left < CU_SEAL_PLAIN_MAX ? (size_t)left : CU_SEAL_PLAIN_MAX;
        struct cu_buf *record = cu_seal_record(out->link->seal, next_plain(out, size), size);

        if (!record) {
            out->error = -ENOMEM;
            return;
        }
        assert(out->count < JOB_RECORDS);
        out->records[out->count++] = record;
        left -= size;
    }
}

/* The records go to the queue, all of them or, with the link about to end, none. */
static int push_records(struct seal_job *out, bool wanted)
{
    int r = wanted ? out->error : -ECANCELED;

    for (unsigned i = 0; i < out->count; i++) {
        if (r == 0)
            r = cu_txq_push(&out->link->sealed, out->records[i], NULL);
        if (r)
            cu_buf_unref(out->records[i]);
    }
    out->count = 0;
    return r;
}

static void on_sealed(struct cu_crew_job *job)
{
    struct seal_job *out = (struct seal_job *)job;
    struct cu_tcp_link *link = out->link;
    int r;

    out->running = false;
    r = push_records(out, link->state == CU_TCP_UP);
    if (link->state != CU_TCP_UP) {
        cu_tcp_release(link);
        return;
    }
    if (r) {
        cu_tcp_doom(link, r);
        return;
    }
    cu_txq_advance(&link->plain, out->bytes);
    cu_tcp_count(link->tcp, CU_COUNT_crypt_aside_bytes, out->bytes);
    if (cu_turn_spent(link->tcp->config.turn))
        cu_tcp_mark(link);
    else
        cu_tcp_flush(link);
}

/* True: what is at the front is a job's, now or when there is room for its records. */
static bool seal_aside(struct cu_tcp_link *link)
{
    struct seal_job *out = link->aside ? &link->aside->out : NULL;
    uint64_t bytes;

    if (!out || link->last_flush || link->plain.bytes < SEAL_ASIDE_BYTES)
        return false;
    cu_txq_peek(&link->plain, out->iov, CU_TCP_IOV_MAX, JOB_BYTES, &bytes);
    if (bytes < SEAL_ASIDE_BYTES) /* many small messages */
        return false;
    if (link->sealed.bytes > SEALED_BYTES_MAX / 2 + CU_SEAL_RECORD_MAX)
        return true;
    out->bytes = bytes;
    out->piece = 0;
    out->error = 0;
    out->running = true;
    cu_crew_run(link->tcp->config.crew, &out->job);
    return true;
}

int cu_tcp_seal(struct cu_tcp_link *link)
{
    if (link->aside && link->aside->out.running)
        return 0;
    while (link->plain.bytes > 0 && link->sealed.bytes < SEALED_BYTES_MAX && !seal_aside(link)) {
        uint8_t *plain = cu_seal_room(link->seal);
        size_t size = cu_txq_copy(&link->plain, plain, CU_SEAL_PLAIN_MAX);
        struct cu_buf *record = cu_seal_record(link->seal, plain, size);

        /* A record that was made must be sent: the stream's counter has advanced. */
        if (!record || cu_txq_push(&link->sealed, record, NULL)) {
            cu_buf_unref(record);
            return -ENOMEM;
        }
        cu_txq_advance(&link->plain, size);
    }
    return 0;
}

/* --- in --------------------------------------------------------------------------------------- */

static void unseal_work(struct cu_crew_job *job)
{
    struct unseal_job *in = (struct unseal_job *)job;
    struct cu_tcp_rx *rx = in->rx;

    if (in->receives)
        in->over =
            cu_tcp_bulk_fetch(in->link, rx->bytes, &rx->size, CU_TCP_RX_BYTES, UNSEAL_ASIDE_BYTES);
    in->error = cu_seal_open(in->link->seal, rx->bytes, rx->size, rx->plain, &in->opened);
}

static void start_unseal(struct unseal_job *in, struct cu_tcp_rx *rx, bool receives)
{
    in->rx = rx;
    in->had = rx->size;
    in->receives = receives;
    cu_crew_run(in->link->tcp->config.crew, &in->job);
}

static void pause_reading(struct unseal_job *in)
{
    in->paused = true;
    uv_read_stop((uv_stream_t *)&in->link->socket);
}

/* The thread goes on before the loop looks at what it has opened. received: it had the socket. A
 * job that brought little was not worth it: the loop reads until more comes at once. */
static void go_on(struct unseal_job *in, bool received, size_t size)
{
    struct cu_tcp *tcp = in->link->tcp;
    struct cu_tcp_rx *next = in->next;
    bool over = in->over != 0, receives; /* a job that receives may write it */
    int r = 0;

    in->next = NULL;
    if (!next && received && !over && size >= UNSEAL_ASIDE_BYTES)
        next = rx_take(tcp);
    receives = next && !over && cu_tcp_bulk_lend(in->link);
    if (next && (receives || next->size > 0))
        start_unseal(in, next, receives);
    else
        rx_give(tcp, next);
    if ((in->paused || received) && !over) {
        in->paused = false;
        if (!receives)
            r = cu_tcp_read_start(in->link);
    }
    if (r)
        cu_tcp_doom(in->link, r);
}

static void on_opened(struct cu_crew_job *job)
{
    struct unseal_job *in = (struct unseal_job *)job;
    struct cu_tcp_link *link = in->link;
    struct cu_tcp *tcp = link->tcp;
    struct cu_tcp_rx *rx = in->rx;
    size_t opened = in->opened;
    bool received = in->receives;
    int error = in->error, r;

    in->rx = NULL;
    in->receives = false;
    if (received)
        cu_tcp_bulk_return(link, rx->size - in->had);
    if (link->state != CU_TCP_UP || link->doom) {
        if (link->state == CU_TCP_UP) /* ends with this turn; its frame may be cleared */
            uv_read_stop((uv_stream_t *)&link->socket);
        rx_give(tcp, rx);
        cu_tcp_release(link);
        return;
    }
    cu_tcp_count(tcp, CU_COUNT_crypt_aside_bytes, opened);
    if (error == 0)
        go_on(in, received, rx->size);
    r = cu_tcp_feed(link, rx->plain, opened);
    rx_give(tcp, rx);
    if (!cu_tcp_taken(link, r ? r : error))
        return;
    cu_tcp_bulk_fed(link);
    if (!in->rx && in->over)
        cu_tcp_read_over(link, in->over);
    else
        cu_tcp_flush_early(tcp);
}

unsigned char *cu_tcp_seal_room(struct cu_tcp_link *link, size_t *size)
{
    struct unseal_job *in = link->aside ? &link->aside->in : NULL;
    struct cu_tcp_rx *rx = link->tcp->rx;

    if (in && in->rx) {
        if (!in->next)
            in->next = rx_take(link->tcp);
        rx = in->next;
    }
    *size = rx ? CU_TCP_RX_BYTES - rx->size : 0;
    return rx ? rx->bytes + rx->size : NULL;
}

static int on_record(void *context, const void *bytes, size_t size)
{
    return cu_tcp_feed(context, bytes, size);
}

int cu_tcp_unseal(struct cu_tcp_link *link, size_t size)
{
    struct unseal_job *in = link->aside ? &link->aside->in : NULL;
    struct cu_tcp *tcp = link->tcp;
    struct cu_tcp_rx *fresh;

    if (in && in->rx) {
        in->next->size += size;
        if (in->next->size == CU_TCP_RX_BYTES)
            pause_reading(in);
        return 0;
    }
    if (in && size >= UNSEAL_ASIDE_BYTES && (fresh = rx_take(tcp))) {
        tcp->rx->size = size;
        start_unseal(in, tcp->rx, cu_tcp_bulk_lend(link));
        tcp->rx = fresh;
        return 0;
    }
    return cu_seal_feed(link->seal, tcp->rx->bytes, size, on_record, link);
}

bool cu_tcp_unseal_first(struct cu_tcp_link *link, int error)
{
    struct unseal_job *in = link->aside ? &link->aside->in : NULL;

    if (!in || !in->rx || (error == UV_ENOBUFS && in->next))
        return false;
    if (error != UV_ENOBUFS)
        in->over = error;
    pause_reading(in);
    return true;
}

bool cu_tcp_seal_paused(const struct cu_tcp_link *link)
{
    return link->aside && link->aside->in.paused;
}

/* --- both ------------------------------------------------------------------------------------- */

void cu_tcp_aside_init(struct cu_tcp_link *link)
{
    struct cu_tcp_aside *aside = link->tcp->config.crew ? calloc(1, sizeof(*aside)) : NULL;

    if (!aside)
        return;
    aside->out.link = aside->in.link = link;
    aside->out.job = (struct cu_crew_job){.work = seal_work, .done = on_sealed};
    aside->in.job = (struct cu_crew_job){.work = unseal_work, .done = on_opened};
    link->aside = aside;
}

bool cu_tcp_aside_busy(const struct cu_tcp_link *link)
{
    return link->aside && (link->aside->out.running || link->aside->in.rx);
}

void cu_tcp_aside_free(struct cu_tcp_link *link)
{
    if (!link->aside)
        return;
    assert(!cu_tcp_aside_busy(link));
    rx_give(link->tcp, link->aside->in.next);
    free(link->aside);
    link->aside = NULL;
}
