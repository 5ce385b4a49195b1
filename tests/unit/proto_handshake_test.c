/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake: two honest ends agree; whoever lacks the key, or repeats what he heard, is
 * refused. */
#include "proto/handshake.h"

#include "proto/msg.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PROOF_AT       (CU_CHALLENGE_BYTES - CU_PROOF_BYTES)
#define EPHEMERAL_AT   48 /* in HELLO */
#define INSTANCE_AT    80
#define HELLO_PROOF_AT 112

/* Both ends and all that went over the wire. */
struct talk {
    struct cu_handshake_config client_config, server_config;
    struct cu_handshake client, server;
    uint8_t hello[CU_HELLO_BYTES], challenge[CU_CHALLENGE_BYTES], proof[CU_CHALLENGE_BYTES];
    size_t hello_len, challenge_len, proof_len;
};

static void prepare(struct talk *t)
{
    memset(t, 0, sizeof(*t));
    memset(t->client_config.key, 0x11, CU_KEY_BYTES);
    memset(t->client_config.job_id, 0x22, CU_JOB_ID_BYTES);
    t->client_config.role = CU_ROLE_PEER;
    t->server_config = t->client_config;
    t->client_config.rank = 7;
    t->server_config.rank = 3;
    memset(t->client_config.secret, 0x33, CU_PUBLIC_BYTES);
    memset(t->client_config.instance, 0x55, CU_PUBLIC_BYTES);
    memset(t->server_config.secret, 0x44, CU_PUBLIC_BYTES);
}

static void begin(struct talk *t)
{
    cu_handshake_client_start(&t->client, &t->client_config, t->hello);
    cu_handshake_server_start(&t->server, &t->server_config);
}

static int feed_hello(struct talk *t)
{
    assert_int_equal(cu_handshake_expects(&t->server), CU_HELLO_BYTES);
    return cu_handshake_feed(&t->server, t->hello, t->challenge, &t->challenge_len);
}

static int feed_challenge(struct talk *t)
{
    assert_int_equal(cu_handshake_expects(&t->client), CU_CHALLENGE_BYTES);
    return cu_handshake_feed(&t->client, t->challenge, t->proof, &t->proof_len);
}

static int feed_proof(struct talk *t)
{
    uint8_t out[CU_CHALLENGE_BYTES];
    size_t out_len = 99;
    int rc;

    assert_int_equal(cu_handshake_expects(&t->server), CU_PROOF_BYTES);
    rc = cu_handshake_feed(&t->server, t->proof, out, &out_len);
    assert_int_equal(out_len, 0);
    return rc;
}

static void until_proof(struct talk *t)
{
    begin(t);
    assert_int_equal(feed_hello(t), 0);
    assert_int_equal(t->challenge_len, CU_CHALLENGE_BYTES);
    assert_int_equal(feed_challenge(t), 1);
    assert_int_equal(t->proof_len, CU_PROOF_BYTES);
}

/* A handshake that failed stays failed. */
static void is_dead(struct cu_handshake *h)
{
    uint8_t in[CU_CHALLENGE_BYTES] = {0}, out[CU_CHALLENGE_BYTES];
    size_t out_len = 99;

    assert_int_equal(cu_handshake_expects(h), 0);
    assert_int_equal(cu_handshake_feed(h, in, out, &out_len), -EBADMSG);
    assert_int_equal(out_len, 0);
}

static void both_ends_agree(void **state)
{
    struct talk t;

    (void)state;
    prepare(&t);
    t.client_config.encrypt = t.server_config.encrypt = true;
    until_proof(&t);
    assert_int_equal(feed_proof(&t), 1);
    assert_int_equal(t.client.result.peer_rank, 3);
    assert_int_equal(t.server.result.peer_rank, 7);
    assert_int_equal(t.client.result.role, CU_ROLE_PEER);
    assert_int_equal(t.server.result.role, CU_ROLE_PEER);
    assert_int_equal(t.client.result.peer_version, CU_PROTOCOL_VERSION);
    assert_true(t.client.result.encrypt);
    assert_true(t.server.result.encrypt);
    assert_memory_equal(t.client.result.key_send, t.server.result.key_receive, 32);
    assert_memory_equal(t.client.result.key_receive, t.server.result.key_send, 32);
    assert_memory_not_equal(t.client.result.key_send, t.client.result.key_receive, 32);
    assert_memory_equal(t.server.result.instance, t.hello + INSTANCE_AT, CU_PUBLIC_BYTES);
    is_dead(&t.client);
    is_dead(&t.server);
}

/* BLAKE2b keyed with key over the label, padded to 32 bytes, and text. */
static void keyed(const uint8_t key[32], const char *label, const uint8_t *text, size_t size,
                  uint8_t out[32])
{
    uint8_t all[32 + CU_HELLO_BYTES + CU_CHALLENGE_BYTES + 64] = {0};

    memcpy(all, label, strlen(label));
    if (size > 0)
        memcpy(all + 32, text, size);
    crypto_generichash(out, 32, all, 32 + size, key, 32);
}

static void hashes_are_as_documented(void **state)
{
    static const char *const labels[] = {"copper 2 server proof", "copper 2 client proof",
                                         "copper 2 key client to server",
                                         "copper 2 key server to client"};
    uint8_t text[CU_HELLO_BYTES + CU_CHALLENGE_BYTES + 64] = {0}, master[32], expected[4][32];
    uint8_t hello_proof[32];
    struct talk t;

    (void)state;
    prepare(&t);
    until_proof(&t);
    assert_int_equal(feed_proof(&t), 1);
    keyed(t.client_config.key, "copper 2 hello", t.hello, HELLO_PROOF_AT, hello_proof);
    assert_memory_equal(t.hello + HELLO_PROOF_AT, hello_proof, 32);
    memcpy(text, t.hello, CU_HELLO_BYTES);
    memcpy(text + CU_HELLO_BYTES, t.challenge, PROOF_AT);
    /* as the client has it: its two secrets and the server's public key */
    assert_int_equal(crypto_scalarmult(text + CU_HELLO_BYTES + CU_CHALLENGE_BYTES,
                                       t.client_config.secret, t.challenge + 16),
                     0);
    assert_int_equal(crypto_scalarmult(text + CU_HELLO_BYTES + CU_CHALLENGE_BYTES + 32,
                                       t.client_config.instance, t.challenge + 16),
                     0);
    keyed(t.client_config.key, "copper 2 master", text, sizeof(text), master);
    for (int i = 0; i < 4; i++)
        keyed(master, labels[i], NULL, 0, expected[i]);
    assert_memory_equal(t.challenge + PROOF_AT, expected[0], 32);
    assert_memory_equal(t.proof, expected[1], 32);
    assert_memory_equal(t.client.result.key_send, expected[2], 32);
    assert_memory_equal(t.client.result.key_receive, expected[3], 32);
}

static void bytes_are_as_drawn(void **state)
{
    static const uint8_t hello[] = {'C', 'P', 'R', '1', 5, 0, 1, 1, 7, 0, 0, 0, 0x39, 0x30, 0, 0};
    static const uint8_t challenge[] = {'C', 'P', 'R', '1', 5, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0};
    uint8_t public[32];
    struct talk t;

    (void)state;
    prepare(&t);
    t.client_config.encrypt = t.server_config.encrypt = true;
    t.client_config.port = 12345;
    memset(t.client_config.address, 0x66, CU_ADDRESS_BYTES);
    until_proof(&t);
    assert_memory_equal(t.hello, hello, sizeof(hello));
    assert_memory_equal(t.hello + 16, t.client_config.job_id, CU_JOB_ID_BYTES);
    assert_memory_equal(t.hello + 32, t.client_config.address, CU_ADDRESS_BYTES);
    crypto_scalarmult_base(public, t.client_config.secret);
    assert_memory_equal(t.hello + EPHEMERAL_AT, public, 32);
    crypto_scalarmult_base(public, t.client_config.instance);
    assert_memory_equal(t.hello + INSTANCE_AT, public, 32);
    assert_memory_equal(t.challenge, challenge, sizeof(challenge));
    crypto_scalarmult_base(public, t.server_config.secret);
    assert_memory_equal(t.challenge + 16, public, 32);
}

static void a_command_needs_no_rank(void **state)
{
    struct talk t;

    (void)state;
    prepare(&t);
    t.client_config.role = CU_ROLE_CLIENT;
    t.client_config.rank = CU_RANK_NONE;
    until_proof(&t);
    assert_int_equal(feed_proof(&t), 1);
    assert_int_equal(t.server.result.role, CU_ROLE_CLIENT);
    assert_true(t.server.result.peer_rank == CU_RANK_NONE);
}

/* One without the key is not worth a public-key operation. */
static void a_wrong_key_is_told(void **state)
{
    static const uint8_t zeros[CU_PUBLIC_BYTES + CU_PROOF_BYTES];
    struct talk t;

    (void)state;
    prepare(&t);
    t.server_config.key[31] ^= 1;
    begin(&t);
    assert_int_equal(feed_hello(&t), -EKEYREJECTED);
    is_dead(&t.server);
    assert_memory_equal(t.challenge + 16, zeros, sizeof(zeros));
    assert_int_equal(feed_challenge(&t), -EKEYREJECTED);
    assert_int_equal(t.proof_len, 0);
    is_dead(&t.client);
}

/* A server that answers although it has another key: here one that had the right one for HELLO. */
static void a_wrong_key_is_seen_by_the_client(void **state)
{
    struct talk t;

    (void)state;
    prepare(&t);
    begin(&t);
    t.client.config.key[3] ^= 1;
    assert_int_equal(feed_hello(&t), 0);
    assert_int_equal(feed_challenge(&t), -EKEYREJECTED);
    assert_int_equal(t.proof_len, 0);
    is_dead(&t.client);
}

/* A HELLO that was heard, from one who has neither the key nor the secrets behind it. */
static void a_wrong_key_is_seen_by_the_server(void **state)
{
    uint8_t master[32] = {0};
    struct talk t;

    (void)state;
    prepare(&t);
    begin(&t);
    assert_int_equal(feed_hello(&t), 0);
    keyed(master, "copper 2 client proof", NULL, 0, t.proof);
    assert_int_equal(feed_proof(&t), -EKEYREJECTED);
    is_dead(&t.server);
}

/* The job's key alone does not make an instance: the secret behind the public key is needed. */
static void an_instance_is_proven(void **state)
{
    struct talk t;

    (void)state;
    prepare(&t);
    begin(&t);
    /* a key holder who has heard somebody's instance names it as his */
    t.client.config.instance[0] ^= 8;
    assert_int_equal(feed_hello(&t), 0);
    assert_int_equal(feed_challenge(&t), -EKEYREJECTED);
}

/* Whoever learns the job's key afterwards, and heard all, has no session key. */
static void the_key_alone_opens_no_session(void **state)
{
    uint8_t text[CU_HELLO_BYTES + CU_CHALLENGE_BYTES + 64] = {0}, master[32], key[32];
    struct talk t;

    (void)state;
    prepare(&t);
    until_proof(&t);
    memcpy(text, t.hello, CU_HELLO_BYTES);
    memcpy(text + CU_HELLO_BYTES, t.challenge, PROOF_AT);
    keyed(t.client_config.key, "copper 2 master", text, sizeof(text), master);
    keyed(master, "copper 2 key client to server", NULL, 0, key);
    assert_memory_not_equal(key, t.client.result.key_send, 32);
}

/* Keys that have the same secret in common with everybody. */
static void a_weak_public_key_is_refused(void **state)
{
    struct talk t;

    (void)state;
    for (int at = EPHEMERAL_AT; at <= INSTANCE_AT; at += INSTANCE_AT - EPHEMERAL_AT) {
        prepare(&t);
        begin(&t);
        memset(t.hello + at, 0, 32);
        keyed(t.client_config.key, "copper 2 hello", t.hello, HELLO_PROOF_AT,
              t.hello + HELLO_PROOF_AT);
        assert_int_equal(feed_hello(&t), -EKEYREJECTED);
    }
    prepare(&t);
    begin(&t);
    assert_int_equal(feed_hello(&t), 0);
    memset(t.challenge + 16, 0, 32);
    assert_int_equal(feed_challenge(&t), -EKEYREJECTED);
}

/* Somebody listens where the client dials, and passes on what both say. */
static void a_relay_is_noticed(void **state)
{
    struct talk t;

    (void)state;
    prepare(&t);
    t.client_config.address[15] = 2;
    t.server_config.address[15] = 1;
    begin(&t);
    assert_int_equal(feed_hello(&t), -EADDRNOTAVAIL);
    assert_int_equal(feed_challenge(&t), -EADDRNOTAVAIL);
    prepare(&t);
    t.client_config.port = 2;
    t.server_config.port = 1;
    begin(&t);
    assert_int_equal(feed_hello(&t), -EADDRNOTAVAIL);
    /* who encrypts does not need to care: addresses may be translated */
    prepare(&t);
    t.client_config.port = 2;
    t.client_config.encrypt = t.server_config.encrypt = true;
    until_proof(&t);
    assert_int_equal(feed_proof(&t), 1);
}

static void addresses_of_both_families_are_one(void **state)
{
    static const uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 77, 0, 1};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(777)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(777)};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct cu_handshake_config config;

    (void)state;
    memcpy(&v4.sin_addr, mapped + 12, 4);
    memcpy(&v6.sin6_addr, mapped, 16);
    cu_handshake_set_address(&config, (struct sockaddr *)&v4);
    assert_memory_equal(config.address, mapped, 16);
    assert_int_equal(config.port, 777);
    memset(&config, 9, sizeof(config));
    cu_handshake_set_address(&config, (struct sockaddr *)&v6);
    assert_memory_equal(config.address, mapped, 16);
    assert_int_equal(config.port, 777);
    cu_handshake_set_address(&config, &other);
    assert_int_equal(config.address[10] + config.port, 0);
}

/* And shown no key. */
static void another_job_is_told(void **state)
{
    static const uint8_t zeros[CU_PUBLIC_BYTES + CU_PROOF_BYTES];
    struct talk t;

    (void)state;
    prepare(&t);
    t.server_config.job_id[0] ^= 1;
    begin(&t);
    assert_int_equal(feed_hello(&t), -EXDEV);
    is_dead(&t.server);
    assert_int_equal(t.challenge_len, CU_CHALLENGE_BYTES);
    assert_memory_equal(t.challenge + 16, zeros, sizeof(zeros));
    assert_int_equal(feed_challenge(&t), -EXDEV);
    assert_int_equal(t.proof_len, 0);
}

static void encryption_must_be_wanted_by_both(void **state)
{
    struct talk t;

    (void)state;
    for (int i = 0; i < 2; i++) {
        prepare(&t);
        t.client_config.encrypt = i == 0;
        t.server_config.encrypt = i == 1;
        begin(&t);
        assert_int_equal(feed_hello(&t), -ENOTSUP);
        assert_int_equal(t.challenge_len, CU_CHALLENGE_BYTES);
        assert_int_equal(feed_challenge(&t), -ENOTSUP);
    }
}

/* A man in the middle cannot take the client's wish out of HELLO. */
static void encryption_cannot_be_talked_away(void **state)
{
    struct talk t;

    (void)state;
    prepare(&t);
    t.client_config.encrypt = true;
    begin(&t);
    t.hello[7] = 0;
    assert_int_equal(feed_hello(&t), -EKEYREJECTED);
}

static void another_version_is_told_to_both(void **state)
{
    struct cu_error err;
    struct talk t;

    (void)state;
    prepare(&t);
    begin(&t);
    t.hello[4] = 9;
    /* whatever another version puts into the rest */
    memset(t.hello + 6, 0xff, CU_HELLO_BYTES - 6);
    assert_int_equal(feed_hello(&t), -EPROTONOSUPPORT);
    assert_int_equal(t.server.result.peer_version, 9);
    assert_int_equal(t.challenge_len, CU_CHALLENGE_BYTES);
    assert_int_equal(t.challenge[6], 1);
    assert_int_equal(cu_handshake_explain(&t.server, -EPROTONOSUPPORT, &err), -EPROTONOSUPPORT);
    assert_non_null(strstr(err.text, "other version of Copper's protocol: 9, here 5"));
    t.challenge[4] = 3;
    t.challenge[5] = 1;
    assert_int_equal(feed_challenge(&t), -EPROTONOSUPPORT);
    assert_int_equal(t.client.result.peer_version, 259);
}

/* Any bit of HELLO changed on the way: refused by one end or the other. */
static void a_changed_hello_is_noticed(void **state)
{
    struct talk t;

    (void)state;
    for (size_t bit = 0; bit < 8 * CU_HELLO_BYTES; bit++) {
        prepare(&t);
        begin(&t);
        t.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(feed_hello(&t) < 0);
        is_dead(&t.server);
    }
}

static void a_changed_challenge_is_noticed(void **state)
{
    struct talk t;
    int rc;

    (void)state;
    for (size_t bit = 0; bit < 8 * CU_CHALLENGE_BYTES; bit++) {
        prepare(&t);
        begin(&t);
        assert_int_equal(feed_hello(&t), 0);
        t.challenge[bit / 8] ^= (uint8_t)(1 << bit % 8);
        rc = feed_challenge(&t);
        assert_true(rc < 0);
        /* but for the bit of a public key that X25519 does not look at, it is in the transcript */
        if (bit >= 8 * 16)
            assert_int_equal(rc, -EKEYREJECTED);
        assert_int_equal(t.proof_len, 0);
        is_dead(&t.client);
    }
}

static void a_changed_proof_is_noticed(void **state)
{
    struct talk t;

    (void)state;
    for (size_t bit = 0; bit < 8 * CU_PROOF_BYTES; bit++) {
        prepare(&t);
        until_proof(&t);
        t.proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(feed_proof(&t), -EKEYREJECTED);
        is_dead(&t.server);
    }
}

/* Somebody listened to a whole handshake and sends the client's half again. */
static void a_replayed_client_is_refused(void **state)
{
    struct talk heard, t;

    (void)state;
    prepare(&heard);
    until_proof(&heard);
    prepare(&t);
    t.server_config.secret[0] ^= 8;
    begin(&t);
    memcpy(t.hello, heard.hello, CU_HELLO_BYTES);
    assert_int_equal(feed_hello(&t), 0);
    memcpy(t.proof, heard.proof, CU_PROOF_BYTES);
    assert_int_equal(feed_proof(&t), -EKEYREJECTED);
}

static void a_replayed_server_is_refused(void **state)
{
    struct talk heard, t;

    (void)state;
    prepare(&heard);
    until_proof(&heard);
    prepare(&t);
    t.client_config.secret[0] ^= 8;
    begin(&t);
    memcpy(t.challenge, heard.challenge, CU_CHALLENGE_BYTES);
    assert_int_equal(feed_challenge(&t), -EKEYREJECTED);
}

/* The server's own proof sent back to it as the client's, and a HELLO echoed as CHALLENGE. */
static void a_reflection_is_refused(void **state)
{
    struct talk t;

    (void)state;
    prepare(&t);
    begin(&t);
    assert_int_equal(feed_hello(&t), 0);
    memcpy(t.proof, t.challenge + PROOF_AT, CU_PROOF_BYTES);
    assert_int_equal(feed_proof(&t), -EKEYREJECTED);

    prepare(&t);
    begin(&t);
    memcpy(t.challenge, t.hello, sizeof(t.challenge));
    assert_true(feed_challenge(&t) < 0);
}

static void fresh_secrets_make_fresh_keys(void **state)
{
    struct talk a, b;

    (void)state;
    prepare(&a);
    until_proof(&a);
    prepare(&b);
    b.server_config.secret[31] ^= 1;
    until_proof(&b);
    assert_memory_not_equal(a.client.result.key_send, b.client.result.key_send, 32);
    assert_memory_not_equal(a.client.result.key_receive, b.client.result.key_receive, 32);
}

/* Bytes that never came do not pass as zeros: a cut input filled up with zeros is refused. */
static void a_truncated_step_is_refused(void **state)
{
    struct talk t;

    (void)state;
    for (size_t kept = 0; kept < CU_PROOF_BYTES - 2; kept++) {
        prepare(&t);
        until_proof(&t);
        memset(t.proof + kept, 0, CU_PROOF_BYTES - kept);
        assert_int_equal(feed_proof(&t), -EKEYREJECTED);
    }
    for (size_t kept = 0; kept < CU_CHALLENGE_BYTES - 2; kept++) {
        prepare(&t);
        begin(&t);
        assert_int_equal(feed_hello(&t), 0);
        memset(t.challenge + kept, 0, CU_CHALLENGE_BYTES - kept);
        assert_true(feed_challenge(&t) < 0);
    }
    for (size_t kept = 0; kept < CU_HELLO_BYTES; kept++) {
        prepare(&t);
        begin(&t);
        memset(t.hello + kept, 0, CU_HELLO_BYTES - kept);
        assert_true(feed_hello(&t) < 0);
    }
}

/* What is not Copper gets no byte back. */
static void strangers_get_no_answer(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 'G'}, {3, '2'}, {6, 0}, {6, 3}, {7, 2}, {10, 0xff}, {14, 1}, {15, 1}};
    struct talk t;

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        prepare(&t);
        begin(&t);
        t.hello[changes[i].at] = changes[i].value;
        assert_int_equal(feed_hello(&t), -EBADMSG);
        assert_int_equal(t.challenge_len, 0);
    }
    prepare(&t);
    t.client_config.rank = CU_RANK_NONE; /* a peer has a rank */
    begin(&t);
    assert_int_equal(feed_hello(&t), -EBADMSG);
}

static void wiping_leaves_no_key(void **state)
{
    static const struct cu_handshake zeros;
    struct talk t;

    (void)state;
    prepare(&t);
    until_proof(&t);
    cu_handshake_wipe(&t.client);
    assert_memory_equal(&t.client, &zeros, sizeof(zeros));
}

static void errors_have_words(void **state)
{
    static const int errors[] = {-EBADMSG, -EPROTONOSUPPORT, -EKEYREJECTED,
                                 -EXDEV,   -ENOTSUP,         -EADDRNOTAVAIL};
    struct cu_handshake h = {0};
    struct cu_error err;

    (void)state;
    assert_null(cu_handshake_strerror(-EIO));
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        assert_int_equal(cu_handshake_explain(&h, errors[i], &err), errors[i]);
        assert_memory_equal(err.text, cu_handshake_strerror(errors[i]),
                            strlen(cu_handshake_strerror(errors[i])));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(cu_handshake_strerror(errors[i]),
                                    cu_handshake_strerror(errors[j]));
    }
}

static int init_sodium(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_agree),
        cmocka_unit_test(hashes_are_as_documented),
        cmocka_unit_test(bytes_are_as_drawn),
        cmocka_unit_test(a_command_needs_no_rank),
        cmocka_unit_test(a_wrong_key_is_told),
        cmocka_unit_test(a_wrong_key_is_seen_by_the_client),
        cmocka_unit_test(a_wrong_key_is_seen_by_the_server),
        cmocka_unit_test(an_instance_is_proven),
        cmocka_unit_test(the_key_alone_opens_no_session),
        cmocka_unit_test(a_weak_public_key_is_refused),
        cmocka_unit_test(a_relay_is_noticed),
        cmocka_unit_test(addresses_of_both_families_are_one),
        cmocka_unit_test(another_job_is_told),
        cmocka_unit_test(encryption_must_be_wanted_by_both),
        cmocka_unit_test(encryption_cannot_be_talked_away),
        cmocka_unit_test(another_version_is_told_to_both),
        cmocka_unit_test(a_changed_hello_is_noticed),
        cmocka_unit_test(a_changed_challenge_is_noticed),
        cmocka_unit_test(a_changed_proof_is_noticed),
        cmocka_unit_test(a_replayed_client_is_refused),
        cmocka_unit_test(a_replayed_server_is_refused),
        cmocka_unit_test(a_reflection_is_refused),
        cmocka_unit_test(fresh_secrets_make_fresh_keys),
        cmocka_unit_test(a_truncated_step_is_refused),
        cmocka_unit_test(strangers_get_no_answer),
        cmocka_unit_test(wiping_leaves_no_key),
        cmocka_unit_test(errors_have_words),
    };

    return cmocka_run_group_tests(tests, init_sodium, NULL);
}
