/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's side: whoever listens on the port that it dials answers. Input: a byte whose lowest
 * bit says whether it wants encryption, CHALLENGE. What is accepted must be what an honest server
 * of that rank would have sent, whose secret is the fixture's: nobody else's key can be accepted.
 */
#include "fuzz.h"

#include "handshake_fixture.h"

static void is_honest(const struct cu_handshake *client, const uint8_t *hello,
                      const uint8_t *challenge, const uint8_t *proof)
{
    struct cu_handshake_config config = fixture_config(true, client->config.encrypt);
    uint8_t out[CU_CHALLENGE_BYTES];
    struct cu_handshake server;
    size_t out_len;

    config.rank = client->result.peer_rank;
    cu_handshake_server_start(&server, &config);
    FUZZ_CHECK(cu_handshake_feed(&server, hello, out, &out_len) == 0);
    FUZZ_CHECK(memcmp(out, challenge, CU_CHALLENGE_BYTES) == 0);
    FUZZ_CHECK(cu_handshake_feed(&server, proof, out, &out_len) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t hello[CU_HELLO_BYTES], out[CU_CHALLENGE_BYTES];
    struct cu_handshake_config config;
    struct cu_handshake h;
    size_t out_len;
    int rc;

    if (size != 1 + CU_CHALLENGE_BYTES)
        return 0;
    config = fixture_config(false, data[0] & 1);
    cu_handshake_client_start(&h, &config, hello);
    rc = cu_handshake_feed(&h, data + 1, out, &out_len);
    FUZZ_CHECK(rc == 1 ? out_len == CU_PROOF_BYTES : rc < 0 && out_len == 0);
    FUZZ_CHECK(cu_handshake_expects(&h) == 0);
    if (rc == 1)
        is_honest(&h, hello, data + 1, out);
    cu_handshake_wipe(&h);
    return 0;
}
