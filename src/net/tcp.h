/* SPDX-License-Identifier: BSD-3-Clause */
/* The TCP transport's own structures, shared by tcp.c (transport, accepting, time limits),
 * tcp_link.c (connecting, handshake, life and death of a link), tcp_io.c (messages in and out),
 * tcp_seal.c (encryption, here and on other threads), tcp_bulk.c (sockets on other threads) and
 * tcp_log.c (what is said of them). */
#ifndef CU_NET_TCP_H
#define CU_NET_TCP_H

#include "base/list.h"
#include "core/counters.h"
#include "host/address.h"
#include "host/loglimit.h"
#include "loop/deferred.h"
#include "loop/refusal.h"
#include "net/link.h"
#include "net/seal.h"
#include "net/txq.h"
#include "proto/frame.h"

#include <netinet/in.h>

#define CU_TCP_RX_BYTES ((size_t)256 * 1024)
#define CU_TCP_IOV_MAX  256u /* below IOV_MAX (1,024); 4 KiB of stack */

/* What was read, and what it is decrypted to when that is done on another thread. */
struct cu_tcp_rx {
    struct cu_tcp_rx *next; /* of the spare ones */
    size_t size;
    unsigned char bytes[CU_TCP_RX_BYTES];
    unsigned char plain[CU_TCP_RX_BYTES + CU_SEAL_RECORD_MAX];
};

struct cu_tcp {
    struct cu_transport base;
    struct cu_transport_config config; /* bind_address is not kept */
    uv_tcp_t listener;
    uv_timer_t timer;  /* armed for the earliest deadline of a link that is not up */
    uint64_t watch_ns; /* this deadline; UINT64_MAX: not armed */
    uv_timer_t
        pause; /* accepting is paused; libuv holds one connection that was not accepted yet */
    unsigned turn_accepts;
    uint64_t strangers_ns; /* time up to which past refusals have used the budget for refusals */
    struct cu_deferred turn;
    struct cu_refusal refusal;
    unsigned open;          /* handles and links that still need this memory */
    struct cu_list links;   /* every link */
    struct cu_list waiting; /* links that are not up yet, oldest first */
    unsigned unproven;      /* accepted ones among them */
    struct cu_list dirty;   /* links with something to do at the end of this turn, or of the next */
    uint64_t stream_turn;   /* the last in which a stream of large payloads brought one */
    uint64_t share_turn;    /* the turn whose share of time for that began then */
    uint64_t share_began_ns;
    bool destroyed;
    /* Lines about strangers, of whom thousands may connect from many hosts, and about connections
     * to this node that ended with an error. */
    struct cu_log_limit refused, ended;
    struct cu_tcp_rx *rx; /* shared: libuv reads and hands over in one step */
    struct cu_tcp_rx *rx_spare;
    unsigned rx_spares, rx_count; /* all, with those that jobs have */
    uint64_t room[2];             /* taken by unfinished payloads, [accepted] */
    unsigned clients;             /* links of the copper command that are up */
    uv_timer_t tick;
    struct cu_auth_job auth_job;
    struct cu_network no_network; /* where the config has none */
};

enum cu_tcp_state {
    CU_TCP_RESOLVING,
    CU_TCP_CONNECTING,
    CU_TCP_HANDSHAKE,
    CU_TCP_UP,
    CU_TCP_CLOSED, /* waits until libuv has closed the handles */
};

struct cu_tcp_link {
    struct cu_link base;
    struct cu_tcp *tcp;
    enum cu_tcp_state state;
    bool accepted;
    bool socket_open;  /* `socket` is known to libuv */
    bool resolve_open; /* `resolve` is */
    bool writing;      /* `write` is, for the first write_bytes of the send queue */
    bool high;         /* more than CU_LINK_HIGH_BYTES were queued: `drained` is to be told */
    bool client;       /* of the copper command, and up */
    bool last_flush;   /* the link ends: nothing is handed to another thread any more */
    bool small_read;   /* a payload just ended: read the next head only, not the bytes behind it */
    uint32_t rank;
    int doom;             /* negative errno with which the link is to end at the end of this turn */
    uint64_t deadline_ns; /* of all until up */
    uint64_t attempt_deadline_ns; /* of the address being tried */
    struct cu_list in_links, in_waiting, in_dirty;
    uv_tcp_t socket;
    uv_write_t write;
    uint64_t write_bytes;
    uint32_t receiving;  /* length of the unfinished payload, 0: none */
    uint32_t tick_bytes; /* received since the last tick */
    unsigned slow_ticks;
    uint64_t read_in;           /* the turn in which it was last read from */
    unsigned owed;              /* CONTROLs from it without a RESULT */
    struct cu_txq plain;        /* messages */
    struct cu_txq sealed;       /* records made of them; only with seal */
    struct cu_seal *seal;       /* NULL: not encrypted; then frames have tags */
    struct cu_tcp_aside *aside; /* NULL: the loop thread seals and opens all */
    struct cu_tcp_bulk *bulk;   /* NULL: the loop thread reads and writes all */
    struct cu_auth auth;        /* of what is sent */
    struct cu_frame frame;
    struct cu_tcp_opening *opening; /* until up */
};

/* What a link needs only until it is up. */
_Static_assert(CU_HELLO_BYTES >= CU_CHALLENGE_BYTES, "HELLO is the largest step");

struct cu_tcp_opening {
    struct cu_handshake handshake;
    uint8_t in[CU_HELLO_BYTES]; /* the largest step */
    size_t in_size;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    struct cu_addresses addresses;
    unsigned data_count; /* those of the data network, in front */
    unsigned tried;      /* attempts so far; the next is of address tried % their count */
    bool silent;         /* an attempt of this round has timed out; it may succeed in the next */
    int last_error;      /* of the address tried before */
    bool detour;         /* asked for */
    bool own_name;       /* the second look-up is under way */
    uint16_t port;
    char host[CU_NETNAME_MAX];
};

static inline struct cu_tcp_link *cu_tcp_link_of(const struct cu_link *link)
{
    return (struct cu_tcp_link *)link;
}

/* What is to be written to the socket. */
static inline struct cu_txq *cu_tcp_outgoing(struct cu_tcp_link *link)
{
    return link->seal ? &link->sealed : &link->plain;
}

/* tcp.c */
void cu_tcp_unhold(struct cu_tcp *tcp); /* drops a user of the transport's memory */
void cu_tcp_watch(struct cu_tcp *tcp);  /* deadlines have changed */
/* One that was accepted is refused. */
void cu_tcp_stranger(struct cu_tcp *tcp);
void cu_tcp_count(struct cu_tcp *tcp, enum cu_counter counter, uint64_t n);

/* tcp_resolve.c */
struct cu_link *cu_tcp_connect(struct cu_transport *transport, uint32_t rank, const char *host,
                               uint16_t port, uint32_t timeout_ms, bool detour);

/* tcp_link.c */
/* A new link, in the lists of the transport. NULL: out of memory. */
struct cu_tcp_link *cu_tcp_link_new(struct cu_tcp *tcp, uint32_t timeout_ms);
/* Of a link that is closed; not while a job uses the socket. */
void cu_tcp_close_socket(struct cu_tcp_link *link);
/* Frees the link when it is closed and libuv holds nothing of it. */
void cu_tcp_release(struct cu_tcp_link *link);
/* Connects to the next of the opening's addresses. */
void cu_tcp_try_next(struct cu_tcp_link *link);
void cu_tcp_accept(struct cu_tcp *tcp);
/* Ends a link with error (negative errno or 0) and calls `down`; must not be called from inside a
 * call of the user. */
void cu_tcp_end(struct cu_tcp_link *link, int error);
/* The same at the end of this turn. */
void cu_tcp_doom(struct cu_tcp_link *link, int error);
/* Ends a link without calling `down`. */
void cu_tcp_drop(struct cu_tcp_link *link);
/* A deadline has passed. */
void cu_tcp_expire(struct cu_tcp_link *link, uint64_t now_ns);

/* tcp_room.c */
void cu_tcp_room_open(struct cu_tcp *tcp);
/* cu_frame_begin_fn; context is the link. */
int cu_tcp_room_take(void *context, const struct cu_msg_head *head);
/* The payload has come, or the link ends. */
void cu_tcp_room_give(struct cu_tcp_link *link);
/* link is a client's that has just come up. */
void cu_tcp_room_for_client(struct cu_tcp_link *link);

/* tcp_seal.c */
/* The transport's own buffer to read into; false: no memory. */
bool cu_tcp_seal_open(struct cu_tcp *tcp);
void cu_tcp_seal_close(struct cu_tcp *tcp);
/* For a link with a seal. Where the transport has a crew, and there is memory, it is used. */
void cu_tcp_aside_init(struct cu_tcp_link *link);
/* A job of the link is under way: its memory must stay. */
bool cu_tcp_aside_busy(const struct cu_tcp_link *link);
/* Not while it is busy. */
void cu_tcp_aside_free(struct cu_tcp_link *link);
/* Makes records of what is queued, now or later: then cu_tcp_flush is called again. 0, -ENOMEM. */
__attribute__((warn_unused_result)) int cu_tcp_seal(struct cu_tcp_link *link);
/* Where to read to, of a link with a seal; size 0: nothing can be read before a job is done. */
unsigned char *cu_tcp_seal_room(struct cu_tcp_link *link, size_t *size);
/* size bytes are there. As cu_tcp_feed; what another thread decrypts comes later. */
__attribute__((warn_unused_result)) int cu_tcp_unseal(struct cu_tcp_link *link, size_t size);
/* Reading has failed, or there is no room (UV_ENOBUFS). True: that waits for what a job has. */
bool cu_tcp_unseal_first(struct cu_tcp_link *link, int error);
/* The loop reads nothing from the link now, because a job is behind. */
bool cu_tcp_seal_paused(const struct cu_tcp_link *link);

/* tcp_bulk.c */
/* Where the transport has a crew, and there is memory, it is used. */
void cu_tcp_bulk_init(struct cu_tcp_link *link);
/* A job of the link is under way: socket and memory must stay. */
bool cu_tcp_bulk_busy(const struct cu_tcp_link *link);
/* One that receives: the loop reads nothing; without a seal the frame is the job's. */
bool cu_tcp_bulk_receives(const struct cu_tcp_link *link);
/* Not while it is busy. */
void cu_tcp_bulk_free(struct cu_tcp_link *link);
/* True: a job has what is to be written first, now or already; it calls cu_tcp_flush when it is
 * done. */
bool cu_tcp_bulk_send(struct cu_tcp_link *link);
/* True: a job receives the payload under way, and libuv does not read. Not with a seal. */
bool cu_tcp_bulk_receive(struct cu_tcp_link *link);
/* The loop has read so many bytes at once. ended: a large payload has. */
void cu_tcp_bulk_read(struct cu_tcp_link *link, size_t size, bool ended);
/* With a seal: a payload of this size has ended; all that was opened is with the frame. */
void cu_tcp_bulk_ended(struct cu_tcp_link *link, size_t size);
void cu_tcp_bulk_fed(struct cu_tcp_link *link);
/* True: a stream comes, and libuv does not read: a job that is about to start does
 * (cu_tcp_bulk_fetch, on its thread), until cu_tcp_bulk_return. */
bool cu_tcp_bulk_lend(struct cu_tcp_link *link);
/* Adds what there is to the *size bytes at `at`, up to max; waits a little until they are `enough`.
 * 0; what says that nothing comes any more: UV_EOF or the error. */
int cu_tcp_bulk_fetch(const struct cu_tcp_link *link, unsigned char *at, size_t *size, size_t max,
                      size_t enough);
void cu_tcp_bulk_return(struct cu_tcp_link *link, size_t taken);

/* tcp_log.c */
/* Names the link after the address that is tried now. */
void cu_tcp_name_attempt(struct cu_tcp_link *link, const union cu_address *address);
/* Names the link after its other end, now that it is known. */
void cu_tcp_name(struct cu_tcp_link *link);
void cu_tcp_log_end(const struct cu_tcp_link *link, int error);
/* Would a refusal now be logged? */
void cu_tcp_log_init(struct cu_tcp *tcp);
bool cu_tcp_may_log_refusal(const struct cu_tcp *tcp);

/* tcp_io.c */
extern const struct cu_link_ops cu_tcp_link_ops;
/* Sets the socket up for short round trips. */
void cu_tcp_tune(struct cu_tcp_link *link);
/* Starts to read: handshake, then messages. */
__attribute__((warn_unused_result)) int cu_tcp_read_start(struct cu_tcp_link *link);
/* Writes as much as the kernel accepts; the rest follows when the socket is writable. */
void cu_tcp_flush(struct cu_tcp_link *link);
/* Waits for room for the first bytes, at most so many; then the rest follows. */
void cu_tcp_write(struct cu_tcp_link *link, uint64_t bytes_max);
/* The kernel has taken the first bytes of what is queued. */
void cu_tcp_written(struct cu_tcp_link *link, uint64_t bytes);
void cu_tcp_mark(struct cu_tcp_link *link); /* to be flushed at the end of this turn, or later */
/* Messages come in. 0; -EBADMSG, -ENOMEM, or what ends the link. */
__attribute__((warn_unused_result)) int cu_tcp_feed(struct cu_tcp_link *link, const void *bytes,
                                                    size_t size);
/* So many bytes have come. */
void cu_tcp_heard(struct cu_tcp_link *link, uint64_t size);
/* A message that was taken out of the frame. As cu_tcp_feed. */
__attribute__((warn_unused_result)) int cu_tcp_give(struct cu_tcp_link *link,
                                                    struct cu_frame_whole *whole);
/* What has come was taken, with this result: ends the link if it is not 0. Returns whether the link
 * is still there. */
bool cu_tcp_taken(struct cu_tcp_link *link, int result);
/* Sends what a large payload that has just come was queued for. */
void cu_tcp_flush_early(struct cu_tcp *tcp);
/* Nothing comes any more: UV_EOF, or an error. */
void cu_tcp_read_over(struct cu_tcp_link *link, int error);
/* The handshake failed: at this address; there may be others. */
void cu_tcp_opening_failed(struct cu_tcp_link *link, int error);
/* Bytes of the handshake have come in. */
void cu_tcp_opening_read(struct cu_tcp_link *link, size_t size);

#endif
