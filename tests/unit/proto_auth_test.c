/* SPDX-License-Identifier: BSD-3-Clause */
/* Tags of frames: as docs/protocol.md draws them, whatever instructions make them, and right for
 * one frame at one place only. */
#include "proto/auth.h"

#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t le(const uint8_t *at, int bytes)
{
    uint64_t value = 0;

    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

/* The digest, step by step as it is documented. */
static void digest_as_drawn(const uint8_t job_key[32], const uint8_t *bytes, size_t size,
                            uint8_t digest[16])
{
    uint8_t label[32] = "copper 2 digest", seed[32], keys[2 * 1024 + 32];
    size_t units = (size + 1023) / 1024;
    uint8_t *padded = calloc(units + 1, 1024), *sums = calloc(units + 1, 16);
    static const uint8_t nonce[8];

    assert_non_null(padded);
    assert_non_null(sums);
    if (size > 0)
        memcpy(padded, bytes, size);
    crypto_generichash(seed, 32, label, 32, job_key, 32);
    crypto_stream_chacha20(keys, sizeof(keys), nonce, seed);
    for (size_t unit = 0; unit < units; unit++) {
        for (int pass = 0; pass < 2; pass++) {
            uint64_t sum = 0;

            for (int i = 0; i < 1024; i += 8) {
                const uint8_t *m = padded + unit * 1024 + i, *k = keys + pass * 1024 + i;

                sum += (uint64_t)(uint32_t)(le(m, 4) + le(k, 4)) *
                       (uint32_t)(le(m + 4, 4) + le(k + 4, 4));
            }
            for (int i = 0; i < 8; i++)
                sums[unit * 16 + pass * 8 + i] = (uint8_t)(sum >> (8 * i));
        }
    }
    crypto_onetimeauth(digest, sums, units * 16, keys + 2048);
    free(padded);
    free(sums);
}

static void digests_are_as_documented(void **state)
{
    static const size_t sizes[] = {0,    1,    7,     8,     1023,  1024,   1025,
                                   2047, 4096, 65535, 65536, 65537, 262144, 300001};
    uint8_t key[32], digest[16], expected[16];
    uint8_t *bytes = malloc(300002);
    struct cu_auth_job job;

    (void)state;
    memset(key, 0x5a, sizeof(key));
    assert_non_null(bytes);
    randombytes_buf_deterministic(bytes, 300002, key);
    cu_auth_job_init(&job, key);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        /* not aligned, as a payload in the middle of a buffer */
        cu_auth_digest(&job, bytes + 1, sizes[i], digest);
        digest_as_drawn(key, bytes + 1, sizes[i], expected);
        assert_memory_equal(digest, expected, 16);
    }
    free(bytes);
}

static void any_changed_byte_changes_the_digest(void **state)
{
    uint8_t key[32] = {9}, before[16], after[16];
    static uint8_t bytes[5000];
    struct cu_auth_job job;

    (void)state;
    cu_auth_job_init(&job, key);
    cu_auth_digest(&job, bytes, sizeof(bytes), before);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);
        cu_auth_digest(&job, bytes, sizeof(bytes), after);
        assert_memory_not_equal(before, after, 16);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    /* the same numbers in another order, within a unit and of whole units */
    memset(bytes, 1, 8);
    cu_auth_digest(&job, bytes, sizeof(bytes), before);
    memset(bytes, 0, 8);
    memset(bytes + 1024, 1, 8);
    cu_auth_digest(&job, bytes, sizeof(bytes), after);
    assert_memory_not_equal(before, after, 16);
    key[0]++;
    cu_auth_job_init(&job, key);
    cu_auth_digest(&job, bytes, sizeof(bytes), before);
    assert_memory_not_equal(before, after, 16);
}

static void tags_are_as_documented(void **state)
{
    uint8_t key[32] = {7}, stream[512], tag[16], expected[16], digest[16] = {3}, text[5 + 16];
    struct cu_auth auth;

    (void)state;
    cu_auth_init(&auth, key);
    for (uint64_t n = 0; n < 40; n++) {
        uint8_t nonce[8] = {(uint8_t)(n / 16)};

        crypto_stream_chacha20(stream, sizeof(stream), nonce, key);
        memcpy(text, "frame", 5);
        memcpy(text + 5, digest, 16);
        crypto_onetimeauth(expected, text, n % 2 ? 21 : 5, stream + n % 16 * 32);
        cu_auth_tag(&auth, "frame", 5, n % 2 ? digest : NULL, tag);
        assert_memory_equal(tag, expected, 16);
    }
}

static void a_tag_is_right_at_its_place_only(void **state)
{
    uint8_t key[32] = {7}, other[32] = {8}, tags[3][16], digest[16] = {3}, wrong[16] = {4};
    struct cu_auth from, to;

    (void)state;
    cu_auth_init(&from, key);
    for (int i = 0; i < 3; i++)
        cu_auth_tag(&from, "frame", 5, digest, tags[i]);
    cu_auth_init(&to, key);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cu_auth_check(&to, "frame", 5, digest, tags[i]), 0);
    cu_auth_init(&to, key); /* repeated */
    assert_int_equal(cu_auth_check(&to, "frame", 5, digest, tags[0]), 0);
    assert_int_equal(cu_auth_check(&to, "frame", 5, digest, tags[0]), -EBADMSG);
    cu_auth_init(&to, key); /* left out */
    assert_int_equal(cu_auth_check(&to, "frame", 5, digest, tags[1]), -EBADMSG);
    cu_auth_init(&to, key); /* changed */
    assert_int_equal(cu_auth_check(&to, "Frame", 5, digest, tags[0]), -EBADMSG);
    cu_auth_init(&to, key); /* another payload, or none */
    assert_int_equal(cu_auth_check(&to, "frame", 5, wrong, tags[0]), -EBADMSG);
    cu_auth_init(&to, key);
    assert_int_equal(cu_auth_check(&to, "frame", 5, NULL, tags[0]), -EBADMSG);
    cu_auth_init(&to, other); /* of the other direction, or of another session */
    assert_int_equal(cu_auth_check(&to, "frame", 5, digest, tags[0]), -EBADMSG);
}

static int init_sodium(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_as_documented),
        cmocka_unit_test(any_changed_byte_changes_the_digest),
        cmocka_unit_test(tags_are_as_documented),
        cmocka_unit_test(a_tag_is_right_at_its_place_only),
    };

    return cmocka_run_group_tests(tests, init_sodium, NULL);
}
