/* Who does not know the job's key gets no further than these 176 bytes: no byte of his is parsed as
 * a message, none of ours tells him more than the version, the rank and the job's public id.
 *
 * Invariants: every input has a fixed size, so that nothing is allocated. Both proofs and both
 * session keys are keyed hashes over the same transcript (HELLO and CHALLENGE, its proof zeroed)
 * under labels that differ, so none of them can stand for another one. A step that failed cannot be
 * taken again. */
#include "proto/handshake.h"

#include "base/parse.h"
#include "proto/msg.h"
#include "proto/wire.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define FLAG_ENCRYPT 1u
#define LABEL_BYTES  32

static const char magic[4] = {'C', 'P', 'R', '1'};

/* Padded with zeros to one length, so that label and transcript cannot run into each other. */
static const char label_server[LABEL_BYTES] = "copper 1 server proof";
static const char label_client[LABEL_BYTES] = "copper 1 client proof";
static const char label_to_server[LABEL_BYTES] = "copper 1 key client to server";
static const char label_to_client[LABEL_BYTES] = "copper 1 key server to client";

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
};

struct hello {
    uint8_t magic[4];
    uint16_t version;
    uint8_t role;
    uint8_t flags;
    uint32_t rank;
    uint32_t reserved;
    uint8_t job_id[CU_JOB_ID_BYTES];
};

struct challenge {
    uint8_t magic[4];
    uint16_t version;
    uint16_t status;
    uint32_t rank;
    uint32_t reserved;
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

static void put_hello(const struct cu_handshake_config *config, uint8_t out[CU_HELLO_BYTES])
{
    struct cu_writer w;

    cu_writer_init(&w, out, CU_HELLO_BYTES);
    cu_wire_put_bytes(&w, magic, sizeof(magic));
    cu_wire_put_u16(&w, CU_PROTOCOL_VERSION);
    cu_wire_put_u8(&w, (uint8_t)config->role);
    cu_wire_put_u8(&w, config->encrypt ? FLAG_ENCRYPT : 0);
    cu_wire_put_u32(&w, config->rank);
    cu_wire_put_u32(&w, 0);
    cu_wire_put_bytes(&w, config->job_id, CU_JOB_ID_BYTES);
    cu_wire_put_bytes(&w, config->nonce, CU_NONCE_BYTES);
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
    hello->reserved = cu_wire_get_u32(&r);
    memcpy(hello->job_id, cu_wire_get_bytes(&r, CU_JOB_ID_BYTES), CU_JOB_ID_BYTES);
}

/* Writes CHALLENGE with its proof zeroed. A refusal shows no nonce. */
static void put_challenge(const struct cu_handshake_config *config, enum status status,
                          uint8_t out[CU_CHALLENGE_BYTES])
{
    static const uint8_t zeros[CU_NONCE_BYTES + CU_PROOF_BYTES];
    struct cu_writer w;

    cu_writer_init(&w, out, CU_CHALLENGE_BYTES);
    cu_wire_put_bytes(&w, magic, sizeof(magic));
    cu_wire_put_u16(&w, CU_PROTOCOL_VERSION);
    cu_wire_put_u16(&w, (uint16_t)status);
    cu_wire_put_u32(&w, config->rank);
    cu_wire_put_u32(&w, 0);
    cu_wire_put_bytes(&w, status == STATUS_OK ? config->nonce : zeros, CU_NONCE_BYTES);
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
    memcpy(challenge->proof, bytes + CU_CHALLENGE_BYTES - CU_PROOF_BYTES, CU_PROOF_BYTES);
}

static bool rank_is_valid(uint32_t rank)
{
    return rank < CU_HOSTS_MAX || rank == CU_RANK_NONE;
}

/* BLAKE2b-256 keyed with the job's key over label and transcript. */
static void derive(const struct cu_handshake *h, const char label[LABEL_BYTES], uint8_t out[32])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, h->config.key, CU_KEY_BYTES, 32);
    crypto_generichash_update(&state, (const uint8_t *)label, LABEL_BYTES);
    crypto_generichash_update(&state, h->transcript, sizeof(h->transcript));
    crypto_generichash_final(&state, out, 32);
    sodium_memzero(&state, sizeof(state));
}

static bool proof_is_right(const struct cu_handshake *h, const char label[LABEL_BYTES],
                           const uint8_t proof[CU_PROOF_BYTES])
{
    uint8_t expected[CU_PROOF_BYTES];
    bool right;

    derive(h, label, expected);
    right = sodium_memcmp(expected, proof, CU_PROOF_BYTES) == 0;
    sodium_memzero(expected, sizeof(expected));
    return right;
}

static int finish(struct cu_handshake *h)
{
    derive(h, label_to_server, h->server ? h->result.key_receive : h->result.key_send);
    derive(h, label_to_client, h->server ? h->result.key_send : h->result.key_receive);
    h->result.encrypt = h->config.encrypt;
    h->step = STEP_DONE;
    return 1;
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

static int refuse(struct cu_handshake *h, enum status status, int error, uint8_t *out,
                  size_t *out_len)
{
    put_challenge(&h->config, status, out);
    *out_len = CU_CHALLENGE_BYTES;
    return error;
}

static int feed_hello(struct cu_handshake *h, const uint8_t *bytes, uint8_t *out, size_t *out_len)
{
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
    if ((hello.flags & FLAG_ENCRYPT) != (h->config.encrypt ? FLAG_ENCRYPT : 0))
        return refuse(h, STATUS_ENCRYPTION, -ENOTSUP, out, out_len);
    h->result.role = (enum cu_role)hello.role;
    h->result.peer_rank = hello.rank;
    memcpy(hello_of(h), bytes, CU_HELLO_BYTES);
    put_challenge(&h->config, STATUS_OK, challenge_of(h));
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
    switch (challenge->status) {
    case STATUS_OK:
        break;
    case STATUS_JOB:
        return -EXDEV;
    case STATUS_ENCRYPTION:
        return -ENOTSUP;
    default: /* STATUS_VERSION, too: we have the same */
        return -EBADMSG;
    }
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
    if (!proof_is_right(h, label_server, challenge.proof))
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
