/* SPDX-License-Identifier: BSD-3-Clause */
/* Transport between daemons: connections that carry whole messages (proto/msg.h), after the mutual
 * handshake (proto/handshake.h). tcp.c implements it, on libuv. All calls and callbacks are on the
 * loop thread. The process must ignore SIGPIPE. */
#ifndef CU_NET_TRANSPORT_H
#define CU_NET_TRANSPORT_H

#include "base/buf.h"
#include "base/error.h"
#include "core/peer.h"
#include "host/network.h"
#include "loop/crew.h"
#include "loop/turn.h"
#include "proto/handshake.h"
#include "proto/job.h"
#include "proto/msg.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cu_transport;
struct cu_link; /* one connection */

#define CU_LINK_HIGH_BYTES (1ull << 20)
/* Memory that each queued piece takes besides its bytes: most messages are one short piece. */
#define CU_LINK_EACH_BYTES (sizeof(struct cu_buf) + sizeof(struct cu_buf *))

struct cu_transport_events {
    void *context;
    /* A connection has passed the handshake: either one that connect asked for (to a parent) or one
     * that another node opened (a child), or one of the copper command (role client: a child
     * without a rank). */
    void (*up)(void *context, struct cu_link *link, struct cu_peer peer,
               const struct cu_handshake_result *who);
    /* A message has arrived; cleared by the transport after the call. */
    void (*message)(void *context, struct cu_link *link, const struct cu_msg *msg);
    /* Asked when the head of a message with a payload has arrived: may it come over this link now?
     * False ends the link as one that sent no valid message, and no memory is allocated for the
     * payload. NULL: all are allowed. */
    bool (*expects)(void *context, struct cu_link *link, const struct cu_msg_head *head);
    /* An `up` link has ended (error: positive errno or 0 for an orderly end), or connect failed (up
     * never called). The link is gone after this call. Not called for cu_link_close. */
    void (*down)(void *context, struct cu_link *link, struct cu_peer peer, int error);
    /* After more than CU_LINK_HIGH_BYTES were queued: the kernel has taken everything. May be NULL.
     */
    void (*drained)(void *context, struct cu_link *link);
};

struct cu_transport_config {
    uv_loop_t *loop;
    struct cu_turn *turn;                /* borrowed; NULL: no limit */
    struct cu_handshake_config identity; /* nonce is filled per connection */
    const char *bind_address;            /* a numeric address; NULL: all */
    uint16_t port;                       /* 0: any (tests) */
    int listener_fd; /* borrowed, of cu_transport_tcp_listen: used instead of these two; 0: none */
    const struct cu_network *network; /* where others are reached; borrowed for as long as the
                                         transport; NULL: where their names lead */
    struct cu_transport_events events;
    uint64_t *counters;            /* enum cu_counter: bytes, refused handshakes, bad messages */
    uint32_t handshake_timeout_ms; /* ms until a connection without a finished handshake is closed;
                                      0: 5,000 */
    uint32_t
        unproven_max; /* connections without a finished handshake; the oldest is closed; 0: 256 */
    uint64_t receive_max_bytes; /* unfinished payloads, of all who connected here, and again of all
                                   to whom this end did; 0: 64 MiB and twice a payload's bound.
                                   When more would begin, the link with the largest ends with
                                   ENOBUFS. One that brings less than 64 KiB a second for 10 s
                                   ends with ETIMEDOUT */
    uint32_t receive_tick_ms;   /* what a second is in that (tests); 0: 1,000 */
    uint64_t send_queue_max_bytes; /* a link with more queued is slow and gets closed
                                      with ENOBUFS; 0: 256 MiB */
    struct cu_crew *crew; /* borrowed: sends and receives large payloads, and, on links that are
                             encrypted, encrypts and decrypts bulk data; to be closed after
                             cu_transport_destroy. NULL: the loop thread does it */
};

#define CU_TRANSPORT_PORT_IN_USE "port %u " CU_JOB_PORT_TAKEN ": choose another with -p"

/* Opens a listening socket that several transports can use one after the other; while there is
 * none, connections wait in its backlog. The descriptor; -EADDRINUSE with err
 * (CU_TRANSPORT_PORT_IN_USE), -errno with err. */
__attribute__((warn_unused_result)) int
cu_transport_tcp_listen(const char *bind_address, uint16_t port, struct cu_error *err);
/* Frees the port of such a socket at once, whichever processes hold a copy of the descriptor. */
void cu_transport_tcp_unlisten(int fd);
/* The transport that network names (-n), as far as its colon. Listens at once. NULL with err when
 * there is none of that name, the port is taken, the address is not this host's, or memory is out;
 * the loop must still run once more then, to close what was opened. */
struct cu_transport *cu_transport_create(const char *network,
                                         const struct cu_transport_config *config,
                                         struct cu_error *err);
/* Port in use. */
uint16_t cu_transport_port(const struct cu_transport *transport);
/* Starts connecting; up or down follows, never from inside this call. NULL: out of memory.
 * host: name or address, resolved without blocking the loop; all its addresses on the data network
 * are tried. detour: if these fail, those on other networks, too (host/network.h).
 * timeout_ms covers all until `up`; 0: as handshake_timeout_ms. When another rank than this one
 * (CU_RANK_NONE: any) answers there, connecting fails with EREMCHG. */
struct cu_link *cu_transport_connect(struct cu_transport *transport, uint32_t rank,
                                     const char *host, uint16_t port, uint32_t timeout_ms,
                                     bool detour);
/* Does this link to a parent go over another network than that of data? */
bool cu_link_is_detour(const struct cu_link *link);
/* For a link that is being connected: a failure with this errno has been logged before and is
 * logged at debug level only; 0: no such errno. Retries over hours would otherwise fill the log. */
void cu_link_hush(struct cu_link *link, int error);
/* Queues a message; the caller keeps msg. Messages sent in one loop turn leave in one write at its
 * end. 0, -ENOMEM, -EINVAL, -ENOTCONN (not up, or about to end: then `down` follows). */
__attribute__((warn_unused_result)) int cu_link_send(struct cu_link *link,
                                                     const struct cu_msg *msg);
/* Memory of what is queued and not yet taken by the kernel: its bytes, and CU_LINK_EACH_BYTES a
 * piece. Pieces that others hold as well count in full. */
uint64_t cu_link_queued(const struct cu_link *link);
/* When bytes last arrived (uv_hrtime). */
uint64_t cu_link_heard_ns(const struct cu_link *link);
/* Closes without a `down`. What is queued and the kernel takes at once still goes out, as far as
 * the crew is not encrypting what is before it; the connection ends when the crew is done with it.
 */
void cu_link_close(struct cu_link *link);
void *cu_link_data(const struct cu_link *link);
void cu_link_set_data(struct cu_link *link, void *data);
/* "node3 10.0.0.3:5000" for messages; borrowed while the link lives. */
const char *cu_link_name(const struct cu_link *link);
/* Makes what sending bytes as a payload needs and grows with their size, which else is made when
 * they are sent first. On any thread, before others have the bytes. */
void cu_transport_prepare(const struct cu_transport *transport, struct cu_buf *bytes);
/* Stops listening: the port is free at once, whichever processes hold a copy of the socket. Links
 * stay. */
void cu_transport_unlisten(struct cu_transport *transport);
/* Stops listening and closes all links without `down`; frees itself when libuv has closed its
 * handles (run the loop until it is empty). NULL does nothing. */
void cu_transport_destroy(struct cu_transport *transport);

#endif
