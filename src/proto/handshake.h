/* SPDX-License-Identifier: BSD-3-Clause */
/* Mutual proof of the job's key, before anything else is parsed. Pure: bytes in, bytes out; the
 * caller brings 32 random bytes and has called sodium_init() once. Three fixed-size steps, drawn in
 * docs/protocol.md:
 *
 *   client -> server  HELLO      magic, protocol version, role, flags, rank, job id, address that
 *                                it dialled, its two public keys, proof of the job's key
 *   server -> client  CHALLENGE  magic, protocol version, status, rank, public key, server's proof
 *   client -> server  PROOF      client's proof
 *
 * Each connection has X25519 keys of its own on both ends, and the client has one that it keeps
 * (its instance: who it is beside the rank that it names). Their shared secrets, the job's key and
 * both hellos are combined into one secret, from which both proofs and the session keys are
 * derived. So a party that learns the job's key later cannot decrypt earlier traffic (forward
 * secrecy), and a party that relays a handshake does not learn its secrets. Comparison is
 * constant-time. Another version, another job or key, a disagreement about encryption, or (not
 * encrypted) a connection that arrived at another address than was dialled, is told in CHALLENGE's
 * status, then closed. The rank that an end names is covered by the proof. The connecting end
 * compares peer_rank with the rank that it meant to reach; the accepting end compares it with the
 * number of nodes, and the instance with that which had the rank before. */
#ifndef CU_PROTO_HANDSHAKE_H
#define CU_PROTO_HANDSHAKE_H

#include "base/error.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_KEY_BYTES       32u
#define CU_JOB_ID_BYTES    16u
#define CU_PUBLIC_BYTES    32u /* of an X25519 key, secret or public */
#define CU_PROOF_BYTES     32u
#define CU_ADDRESS_BYTES   16u  /* IPv6; an IPv4 address as ::ffff:a.b.c.d */
#define CU_HELLO_BYTES     144u /* these two sizes hold for all versions */
#define CU_CHALLENGE_BYTES 80u

enum cu_role {
    CU_ROLE_PEER = 1,   /* a daemon that becomes the server's child */
    CU_ROLE_CLIENT = 2, /* the copper command: control messages only */
};

struct cu_handshake_config {
    uint8_t key[CU_KEY_BYTES];
    uint8_t job_id[CU_JOB_ID_BYTES]; /* public: tells jobs apart in error messages */
    uint8_t secret[CU_PUBLIC_BYTES]; /* fresh random bytes for this connection */
    uint8_t
        instance[CU_PUBLIC_BYTES]; /* client side only: random bytes, kept while it may come back */
    uint8_t address[CU_ADDRESS_BYTES]; /* of the server, as this end sees it */
    uint16_t port;                     /* the same */
    uint32_t rank;                     /* own rank, or CU_RANK_NONE */
    enum cu_role role;                 /* client side only */
    bool encrypt;                      /* both sides must agree, else refused */
};

/* What both ends know when it is done. */
struct cu_handshake_result {
    uint32_t peer_rank;
    uint16_t peer_version; /* also valid after an error, 0 when not told */
    enum cu_role role;     /* of the client */
    bool encrypt;
    uint8_t instance[CU_PUBLIC_BYTES]; /* of the client, public */
    uint8_t key_send[32];              /* for what this side sends: sealed, else authenticated */
    uint8_t key_receive[32];
};

struct cu_handshake {
    struct cu_handshake_config config;
    bool server;
    unsigned step;
    uint8_t transcript[CU_HELLO_BYTES + CU_CHALLENGE_BYTES]; /* both hellos, proof zeroed */
    uint8_t master[32];
    struct cu_handshake_result result;
};

struct sockaddr;

/* address and port out of a socket's; all zeros when it is of another family. */
void cu_handshake_set_address(struct cu_handshake_config *config, const struct sockaddr *address);

/* Client: out receives HELLO. */
void cu_handshake_client_start(struct cu_handshake *h, const struct cu_handshake_config *config,
                               uint8_t out[CU_HELLO_BYTES]);
void cu_handshake_server_start(struct cu_handshake *h, const struct cu_handshake_config *config);
/* How many bytes the next input must have; 0 when done or failed. */
size_t cu_handshake_expects(const struct cu_handshake *h);
/* Can these bytes, perhaps fewer than needed, be the beginning of a message of Copper? If not,
 * there is no need to wait for the rest.
 * */
bool cu_handshake_may_begin(const struct cu_handshake *h, const uint8_t *bytes, size_t size);
/* Feeds exactly that many bytes. out (CU_CHALLENGE_BYTES) receives *out_len bytes to send, also
 * when the return is an error (then send them and close). Returns 1 when done (result is valid; the
 * client still sends out), 0 when more is needed, or: -EBADMSG not Copper, or fed when nothing was
 * expected, -EPROTONOSUPPORT other protocol version, -EKEYREJECTED wrong key or proof, -EXDEV
 * another job, -ENOTSUP encryption wanted by one side only, -EADDRNOTAVAIL arrived at another
 * address than the client dialled. */
__attribute__((warn_unused_result)) int
cu_handshake_feed(struct cu_handshake *h, const uint8_t *bytes, uint8_t *out, size_t *out_len);
/* Words for people about an error of cu_handshake_feed; NULL: it is none. */
const char *cu_handshake_strerror(int error);
/* The same, of an error that is one, with the versions of both ends where they differ; returns
 * error. */
int cu_handshake_explain(const struct cu_handshake *h, int error, struct cu_error *err);
/* Wipes the keys. */
void cu_handshake_wipe(struct cu_handshake *h);

#endif
