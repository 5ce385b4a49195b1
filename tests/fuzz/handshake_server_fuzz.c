/* SPDX-License-Identifier: BSD-3-Clause */
/* The server's side, before anything is proven. Input: a byte whose lowest bit says whether it
 * wants encryption, HELLO, PROOF. Who gets through must be who an honest client would have been,
 * with the fixture's secrets. */
#include "fuzz.h"

#include "handshake_fixture.h"

/* Replays the HELLO as a client with the key, and compares what it would have sent. */
static void is_honest(const struct cu_handshake *server, const uint8_t *hello,
                      const uint8_t *challenge, const uint8_t *proof)
{
    struct cu_handshake_config config = fixture_config(false, server->config.encrypt);
    uint8_t out[CU_HELLO_BYTES];
    struct cu_handshake client;
    size_t out_len;

    config.role = server->result.role;
    config.rank = server->result.peer_rank;
    cu_handshake_client_start(&client, &config, out);
    FUZZ_CHECK(memcmp(out, hello, CU_HELLO_BYTES) == 0);
    FUZZ_CHECK(cu_handshake_feed(&client, challenge, out, &out_len) == 1);
    FUZZ_CHECK(out_len == CU_PROOF_BYTES && memcmp(out, proof, CU_PROOF_BYTES) == 0);
    FUZZ_CHECK(memcmp(client.result.key_send, server->result.key_receive, 32) == 0);
    FUZZ_CHECK(memcmp(client.result.key_receive, server->result.key_send, 32) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t challenge[CU_CHALLENGE_BYTES], out[CU_CHALLENGE_BYTES];
    const uint8_t *hello, *proof;
    struct cu_handshake_config config;
    struct cu_handshake h;
    size_t out_len;
    int rc;

    if (size != 1 + CU_HELLO_BYTES + CU_PROOF_BYTES)
        return 0;
    hello = data + 1;
    proof = hello + CU_HELLO_BYTES;
    config = fixture_config(true, data[0] & 1);
    cu_handshake_server_start(&h, &config);
    rc = cu_handshake_feed(&h, hello, challenge, &out_len);
    FUZZ_CHECK(rc <= 0 && (out_len == CU_CHALLENGE_BYTES || (rc < 0 && out_len == 0)));
    FUZZ_CHECK(cu_handshake_expects(&h) == (rc ? 0 : CU_PROOF_BYTES));
    if (rc == 0) {
        rc = cu_handshake_feed(&h, proof, out, &out_len);
        FUZZ_CHECK(rc != 0 && out_len == 0 && cu_handshake_expects(&h) == 0);
        if (rc == 1)
            is_honest(&h, hello, challenge, proof);
    }
    cu_handshake_wipe(&h);
    return 0;
}
