/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer without the job's key gets no further than HELLO: none of its bytes is parsed as a
 * message, it learns no more than the version, the rank and the job's public id, and no public-key
 * operation is done for it (a replayed HELLO costs three).
 *
 * Invariants: every input has a fixed size, so that nothing is allocated. Both proofs and both
 * session keys are hashes of labels that differ, keyed with one secret, so none of them can stand
 * for another one; that secret is a keyed hash over the whole transcript (HELLO and CHALLENGE, its
 * proof zeroed) and what the X25519 keys have in common. A step that failed cannot be taken again.
 * */
#include "proto/handshake.h"

#include "base/parse.h"
#include "proto/msg.h"
#include "proto/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <string.h>

#define FLAG_ENCRYPT 1u
#define LABEL_BYTES  32
#define HELLO_PROOF  (CU_HELLO_BYTES - CU_PROOF_BYTES) /* where it begins */

static const char magic[4] = {'C', 'P', 'R', '1'};

/* Padded with zeros to one length, so that label and transcript cannot run into each other. */
static const char label_hello[LABEL_BYTES] = "copper 2 hello";
static const char label_master[LABEL_BYTES] = "copper 2 master";
static const char label_server[LABEL_BYTES] = "copper 2 server proof";
static const char label_client[LABEL_BYTES] = "copper 2 client proof";
static const char label_to_server[LABEL_BYTES] = "copper 2 key client to server";
static const char label_to_client[LABEL_BYTES] = "copper 2 key server to client";

enum step {
    STEP_HELLO,     /* server: waits for HELLO */
    STEP_CHALLENGE, /* client: waits for CHALLENGE */
    STEP_PROOF,     /* server: waits for PROOF */
    STEP_DONE,
    STEP_FAILED,
};

enum status {
    STATUS_OK = 0,
    STATUS_VERSION = 1,
    STATUS_JOB = 2,
    STATUS_ENCRYPTION = 3,
    STATUS_KEY = 4,
    STATUS_ADDRESS = 5,
};

struct hello {
    uint8_t magic[4];
    uint16_t version;
    uint8_t role;
    uint8_t flags;
    uint32_t rank;
    uint16_t port;
    uint16_t reserved;
    uint8_t job_id[CU_JOB_ID_BYTES];
    uint8_t address[CU_ADDRESS_BYTES];
    uint8_t ephemeral[CU_PUBLIC_BYTES];
    uint8_t instance[CU_PUBLIC_BYTES];
    uint8_t proof[CU_PROOF_BYTES];
};

struct challenge {
    uint8_t magic[4];
    uint16_t version;
    uint16_t status;
    uint32_t rank;
    uint32_t reserved;
    uint8_t ephemeral[CU_PUBLIC_BYTES];
    uint8_t proof[CU_PROOF_BYTES];
};

static uint8_t *hello_of(struct cu_handshake *h)
{
    return h->transcript;
}

static uint8_t *challenge_of(struct cu_handshake *h)
{
    return h->transcript + CU_HELLO_BYTES;
}

/* BLAKE2b-256 keyed over a label and bytes. */
static void keyed(const uint8_t key[32], const char label[LABEL_BYTES], const uint8_t *bytes,
                  size_t size, uint8_t out[32])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, key, 32, 32);
    crypto_generichash_update(&state, (const uint8_t *)label, LABEL_BYTES);
    crypto_generichash_update(&state, bytes, size);
    crypto_generichash_final(&state, out, 32);
    sodium_memzero(&state, sizeof(state));
}

/* The public half of an X25519 key; fails for no input. */
static void put_public(struct cu_writer *w, const uint8_t secret[CU_PUBLIC_BYTES])
{
    uint8_t public[CU_PUBLIC_BYTES];

    (void)crypto_scalarmult_base(public, secret);
    cu_wire_put_bytes(w, public, sizeof(public));
}

static void put_hello(const struct cu_handshake_config *config, uint8_t out[CU_HELLO_BYTES])
{
    struct cu_writer w;

    cu_writer_init(&w, out, CU_HELLO_BYTES);
    cu_wire_put_bytes(&w, magic, sizeof(magic));
    cu_wire_put_u16(&w, CU_PROTOCOL_VERSION);
    cu_wire_put_u8(&w, (uint8_t)config->role);
    cu_wire_put_u8(&w, config->encrypt ? FLAG_ENCRYPT : 0);
    cu_wire_put_u32(&w, config->rank);
    cu_wire_put_u16(&w, config->port);
    cu_wire_put_u16(&w, 0);
    cu_wire_put_bytes(&w, config->job_id, CU_JOB_ID_BYTES);
    cu_wire_put_bytes(&w, config->address, CU_ADDRESS_BYTES);
    put_public(&w, config->secret);
    put_public(&w, config->instance);
    keyed(config->key, label_hello, out, HELLO_PROOF, out + HELLO_PROOF);
}

static void get_hello(const uint8_t *bytes, struct hello *hello)
{
    struct cu_reader r;

    cu_reader_init(&r, bytes, CU_HELLO_BYTES);
    memcpy(hello->magic, cu_wire_get_bytes(&r, sizeof(magic)), sizeof(magic));
    hello->version = cu_wire_get_u16(&r);
    hello->role = cu_wire_get_u8(&r);
    hello->flags = cu_wire_get_u8(&r);
    hello->rank = cu_wire_get_u32(&r);
    hello->port = cu_wire_get_u16(&r);
    hello->reserved = cu_wire_get_u16(&r);
    memcpy(hello->job_id, cu_wire_get_bytes(&r, CU_JOB_ID_BYTES), CU_JOB_ID_BYTES);
    memcpy(hello->address, cu_wire_get_bytes(&r, CU_ADDRESS_BYTES), CU_ADDRESS_BYTES);
    memcpy(hello->ephemeral, cu_wire_get_bytes(&r, CU_PUBLIC_BYTES), CU_PUBLIC_BYTES);
    memcpy(hello->instance, cu_wire_get_bytes(&r, CU_PUBLIC_BYTES), CU_PUBLIC_BYTES);
    memcpy(hello->proof, cu_wire_get_bytes(&r, CU_PROOF_BYTES), CU_PROOF_BYTES);
}

/* Writes CHALLENGE with its proof zeroed. A refusal shows no key. */
static void put_challenge(const struct cu_handshake_config *config, enum status status,
                          uint8_t out[CU_CHALLENGE_BYTES])
{
    static const uint8_t zeros[CU_PUBLIC_BYTES + CU_PROOF_BYTES];
    struct cu_writer w;

    cu_writer_init(&w, out, CU_CHALLENGE_BYTES);
    cu_wire_put_bytes(&w, magic, sizeof(magic));
    cu_wire_put_u16(&w, CU_PROTOCOL_VERSION);
    cu_wire_put_u16(&w, (uint16_t)status);
    cu_wire_put_u32(&w, config->rank);
    cu_wire_put_u32(&w, 0);
    if (status == STATUS_OK)
        put_public(&w, config->secret);
    else
        cu_wire_put_bytes(&w, zeros, CU_PUBLIC_BYTES);
    cu_wire_put_bytes(&w, zeros, CU_PROOF_BYTES);
}

static void get_challenge(const uint8_t *bytes, struct challenge *challenge)
{
    struct cu_reader r;

    cu_reader_init(&r, bytes, CU_CHALLENGE_BYTES);
    memcpy(challenge->magic, cu_wire_get_bytes(&r, sizeof(magic)), sizeof(magic));
    challenge->version = cu_wire_get_u16(&r);
    challenge->status = cu_wire_get_u16(&r);
    challenge->rank = cu_wire_get_u32(&r);
    challenge->reserved = cu_wire_get_u32(&r);
    memcpy(challenge->ephemeral, cu_wire_get_bytes(&r, CU_PUBLIC_BYTES), CU_PUBLIC_BYTES);
    memcpy(challenge->proof, cu_wire_get_bytes(&r, CU_PROOF_BYTES), CU_PROOF_BYTES);
}

static bool rank_is_valid(uint32_t rank)
{
    return rank < CU_HOSTS_MAX || rank == CU_RANK_NONE;
}

/* The common secret. From the other end's key for this connection, and, at the server, the client's
 * instance; at the client NULL: its own. False: a key that has no secret in common with anybody. */
static bool agree(struct cu_handshake *h, const uint8_t ephemeral[CU_PUBLIC_BYTES],
                  const uint8_t *instance)
{
    uint8_t text[sizeof(h->transcript) + 2 * crypto_scalarmult_BYTES];
    uint8_t *common = text + sizeof(h->transcript);
    bool good;

    memcpy(text, h->transcript, sizeof(h->transcript));
    good = crypto_scalarmult(common, h->config.secret, ephemeral) == 0 &&
           crypto_scalarmult(common + crypto_scalarmult_BYTES,
                             instance ? h->config.secret : h->config.instance,
                             instance ? instance : ephemeral) == 0;
    keyed(h->config.key, label_master, text, sizeof(text), h->master);
    sodium_memzero(text, sizeof(text));
    sodium_memzero(h->config.secret, sizeof(h->config.secret));
    return good;
}

static void derive(const struct cu_handshake *h, const char label[LABEL_BYTES], uint8_t out[32])
{
    keyed(h->master, label, NULL, 0, out);
}

static bool is_same(const uint8_t right[32], const uint8_t proof[CU_PROOF_BYTES])
{
    return sodium_memcmp(right, proof, CU_PROOF_BYTES) == 0;
}

static bool proof_is_right(const struct cu_handshake *h, const char label[LABEL_BYTES],
                           const uint8_t proof[CU_PROOF_BYTES])
{
    uint8_t expected[CU_PROOF_BYTES];

    derive(h, label, expected);
    return is_same(expected, proof);
}

static int finish(struct cu_handshake *h)
{
    derive(h, label_to_server, h->server ? h->result.key_receive : h->result.key_send);
    derive(h, label_to_client, h->server ? h->result.key_send : h->result.key_receive);
    sodium_memzero(h->master, sizeof(h->master));
    h->result.encrypt = h->config.encrypt;
    h->step = STEP_DONE;
    return 1;
}

void cu_handshake_set_address(struct cu_handshake_config *config, const struct sockaddr *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    memset(config->address, 0, sizeof(config->address));
    config->port = 0;
    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof(v6));
        memcpy(config->address, &v6.sin6_addr, sizeof(config->address));
        config->port = ntohs(v6.sin6_port);
    } else if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof(v4));
        memcpy(config->address, mapped, sizeof(mapped));
        memcpy(config->address + sizeof(mapped), &v4.sin_addr, sizeof(v4.sin_addr));
        config->port = ntohs(v4.sin_port);
    }
}

static void start(struct cu_handshake *h, const struct cu_handshake_config *config, bool server)
{
    memset(h, 0, sizeof(*h));
    h->config = *config;
    h->server = server;
    h->step = server ? STEP_HELLO : STEP_CHALLENGE;
}

void cu_handshake_client_start(struct cu_handshake *h, const struct cu_handshake_config *config,
                               uint8_t out[CU_HELLO_BYTES])
{
    start(h, config, false);
    put_hello(config, hello_of(h));
    memcpy(out, hello_of(h), CU_HELLO_BYTES);
}

void cu_handshake_server_start(struct cu_handshake *h, const struct cu_handshake_config *config)
{
    start(h, config, true);
}

size_t cu_handshake_expects(const struct cu_handshake *h)
{
    switch ((enum step)h->step) {
    case STEP_HELLO:
        return CU_HELLO_BYTES;
    case STEP_CHALLENGE:
        return CU_CHALLENGE_BYTES;
    case STEP_PROOF:
        return CU_PROOF_BYTES;
    case STEP_DONE:
    case STEP_FAILED:
        return 0;
    }
    return 0;
}

bool cu_handshake_may_begin(const struct cu_handshake *h, const uint8_t *bytes, size_t size)
{
    return h->step == STEP_PROOF ||
           memcmp(bytes, magic, size < sizeof(magic) ? size : sizeof(magic)) == 0;
}

static int refuse(struct cu_handshake *h, enum status status, int error, uint8_t *out,
                  size_t *out_len)
{
    put_challenge(&h->config, status, out);
    *out_len = CU_CHALLENGE_BYTES;
    return error;
}

/* The options of a client that has the key. */
static enum status look_at_wishes(const struct cu_handshake *h, const struct hello *hello)
{
    if ((hello->flags & FLAG_ENCRYPT) != (h->config.encrypt ? FLAG_ENCRYPT : 0))
        return STATUS_ENCRYPTION;
    /* A relay between the ends could read an unencrypted connection without the right to capture
     * packets, so a translated address is refused then. With encryption it is harmless. */
    if (!h->config.encrypt && (memcmp(hello->address, h->config.address, CU_ADDRESS_BYTES) != 0 ||
                               hello->port != h->config.port))
        return STATUS_ADDRESS;
    return STATUS_OK;
}

static int error_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return 0;
    case STATUS_JOB:
        return -EXDEV;
    case STATUS_ENCRYPTION:
        return -ENOTSUP;
    case STATUS_KEY:
        return -EKEYREJECTED;
    case STATUS_ADDRESS:
        return -EADDRNOTAVAIL;
    case STATUS_VERSION: /* from one that has ours */
        break;
    }
    return -EBADMSG;
}

static int feed_hello(struct cu_handshake *h, const uint8_t *bytes, uint8_t *out, size_t *out_len)
{
    uint8_t right[CU_PROOF_BYTES];
    enum status status;
    struct hello hello;

    get_hello(bytes, &hello);
    if (memcmp(hello.magic, magic, sizeof(magic)) != 0)
        return -EBADMSG;
    h->result.peer_version = hello.version;
    if (hello.version != CU_PROTOCOL_VERSION)
        return refuse(h, STATUS_VERSION, -EPROTONOSUPPORT, out, out_len);
    if ((hello.role != CU_ROLE_PEER && hello.role != CU_ROLE_CLIENT) ||
        hello.flags & ~FLAG_ENCRYPT || hello.reserved != 0 || !rank_is_valid(hello.rank) ||
        (hello.role == CU_ROLE_PEER && hello.rank == CU_RANK_NONE))
        return -EBADMSG;
    if (memcmp(hello.job_id, h->config.job_id, CU_JOB_ID_BYTES) != 0)
        return refuse(h, STATUS_JOB, -EXDEV, out, out_len);
    keyed(h->config.key, label_hello, bytes, HELLO_PROOF, right);
    status = is_same(right, hello.proof) ? look_at_wishes(h, &hello) : STATUS_KEY;
    if (status != STATUS_OK)
        return refuse(h, status, error_of(status), out, out_len);
    h->result.role = (enum cu_role)hello.role;
    h->result.peer_rank = hello.rank;
    memcpy(h->result.instance, hello.instance, CU_PUBLIC_BYTES);
    memcpy(hello_of(h), bytes, CU_HELLO_BYTES);
    put_challenge(&h->config, STATUS_OK, challenge_of(h));
    if (!agree(h, hello.ephemeral, hello.instance))
        return -EKEYREJECTED;
    memcpy(out, challenge_of(h), CU_CHALLENGE_BYTES);
    derive(h, label_server, out + CU_CHALLENGE_BYTES - CU_PROOF_BYTES);
    *out_len = CU_CHALLENGE_BYTES;
    h->step = STEP_PROOF;
    return 0;
}

static int challenge_error(const struct challenge *challenge)
{
    if (challenge->version != CU_PROTOCOL_VERSION)
        return -EPROTONOSUPPORT;
    if (challenge->status != STATUS_OK)
        return challenge->status <= STATUS_ADDRESS ? error_of((enum status)challenge->status)
                                                   : -EBADMSG;
    return challenge->reserved == 0 && rank_is_valid(challenge->rank) ? 0 : -EBADMSG;
}

static int feed_challenge(struct cu_handshake *h, const uint8_t *bytes, uint8_t *out,
                          size_t *out_len)
{
    struct challenge challenge;
    int rc;

    get_challenge(bytes, &challenge);
    if (memcmp(challenge.magic, magic, sizeof(magic)) != 0)
        return -EBADMSG;
    h->result.peer_version = challenge.version;
    rc = challenge_error(&challenge);
    if (rc)
        return rc;
    memcpy(challenge_of(h), bytes, CU_CHALLENGE_BYTES - CU_PROOF_BYTES);
    if (!agree(h, challenge.ephemeral, NULL) || !proof_is_right(h, label_server, challenge.proof))
        return -EKEYREJECTED;
    h->result.role = h->config.role;
    h->result.peer_rank = challenge.rank;
    derive(h, label_client, out);
    *out_len = CU_PROOF_BYTES;
    return finish(h);
}

static int feed_proof(struct cu_handshake *h, const uint8_t *bytes)
{
    return proof_is_right(h, label_client, bytes) ? finish(h) : -EKEYREJECTED;
}

int cu_handshake_feed(struct cu_handshake *h, const uint8_t *bytes, uint8_t *out, size_t *out_len)
{
    int rc = -EBADMSG;

    *out_len = 0;
    switch ((enum step)h->step) {
    case STEP_HELLO:
        rc = feed_hello(h, bytes, out, out_len);
        break;
    case STEP_CHALLENGE:
        rc = feed_challenge(h, bytes, out, out_len);
        break;
    case STEP_PROOF:
        rc = feed_proof(h, bytes);
        break;
    case STEP_DONE:
    case STEP_FAILED:
        break;
    }
    if (rc < 0)
        h->step = STEP_FAILED;
    return rc;
}

const char *cu_handshake_strerror(int error)
{
    switch (error) {
    case -EBADMSG:
        return "the other end does not speak Copper's protocol";
    case -EPROTONOSUPPORT:
        return "the other end has another version of Copper's protocol";
    case -EKEYREJECTED:
        return "the other end does not have this job's key";
    case -EXDEV:
        return "the other end belongs to another job";
    case -ENOTSUP:
        return "one end wants encryption and the other does not";
    case -EADDRNOTAVAIL:
        return "the connection arrived at another address than was dialled: somebody relays it, or "
               "addresses are translated (then --encrypt)";
    default:
        return NULL;
    }
}

int cu_handshake_explain(const struct cu_handshake *h, int error, struct cu_error *err)
{
    if (error == -EPROTONOSUPPORT)
        return cu_error_set(err, error, "%s: %u, here %u", cu_handshake_strerror(error),
                            h->result.peer_version, CU_PROTOCOL_VERSION);
    return cu_error_set(err, error, "%s", cu_handshake_strerror(error));
}

void cu_handshake_wipe(struct cu_handshake *h)
{
    sodium_memzero(h, sizeof(*h));
}
