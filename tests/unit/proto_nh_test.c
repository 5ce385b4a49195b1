/* SPDX-License-Identifier: BSD-3-Clause */
/* NH is Copper's own code, so it is held against what others have published: RFC 4418 has vectors
 * of UMAC tags, so UMAC-64 is made here from its definitions, with Copper's NH where they say NH.
 * Poly1305 is libsodium's: it is held against RFC 8439. The code is included, because each of its
 * versions of NH is called, whatever this processor would choose. */
#include "proto/auth.c" // NOLINT(bugprone-suspicious-include)

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* --- AES-128, which UMAC makes its keys with (FIPS 197) ----------------------------------------
 */

static uint8_t times2(uint8_t x)
{
    return (uint8_t)(x << 1 ^ (x >> 7) * 0x1b);
}

static uint8_t sbox[256];

static void make_sbox(void)
{
    uint8_t p = 1, q = 1;

    do { /* p runs through all powers of 3, q is its inverse */
        p = (uint8_t)(p ^ times2(p));
        q = (uint8_t)(q ^ q << 1);
        q = (uint8_t)(q ^ q << 2);
        q = (uint8_t)(q ^ q << 4);
        q = (uint8_t)(q ^ (q >> 7) * 0x09);
        sbox[p] = (uint8_t)(q ^ (uint8_t)(q << 1 | q >> 7) ^ (uint8_t)(q << 2 | q >> 6) ^
                            (uint8_t)(q << 3 | q >> 5) ^ (uint8_t)(q << 4 | q >> 4) ^ 0x63);
    } while (p != 1);
    sbox[0] = 0x63;
}

static void expand(const uint8_t key[16], uint8_t round_keys[176])
{
    uint8_t constant = 1;

    memcpy(round_keys, key, 16);
    for (int i = 16; i < 176; i += 4) {
        const uint8_t *last = round_keys + i - 4;
        uint8_t word[4] = {last[0], last[1], last[2], last[3]};

        if (i % 16 == 0) {
            for (int j = 0; j < 4; j++)
                word[j] = sbox[last[(j + 1) % 4]];
            word[0] ^= constant;
            constant = times2(constant);
        }
        for (int j = 0; j < 4; j++)
            round_keys[i + j] = round_keys[i - 16 + j] ^ word[j];
    }
}

static void aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    uint8_t keys[176], state[16], moved[16];

    expand(key, keys);
    for (int i = 0; i < 16; i++)
        state[i] = in[i] ^ keys[i];
    for (int round = 1; round <= 10; round++) {
        for (int i = 0; i < 16; i++)
            moved[i] = sbox[state[(i + 4 * (i % 4)) % 16]];
        for (int i = 0; i < 16; i++) {
            const uint8_t *c = moved + i / 4 * 4;
            uint8_t all = c[0] ^ c[1] ^ c[2] ^ c[3];

            state[i] = moved[i] ^ keys[round * 16 + i];
            if (round < 10)
                state[i] ^= (uint8_t)(all ^ times2(c[i % 4] ^ c[(i + 1) % 4]));
        }
    }
    memcpy(out, state, 16);
}

static void aes_is_aes(void **state)
{
    /* FIPS 197, C.1 */
    static const uint8_t expected[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                         0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
    uint8_t key[16], text[16], out[16];

    (void)state;
    for (int i = 0; i < 16; i++) {
        key[i] = (uint8_t)i;
        text[i] = (uint8_t)(i * 0x11);
    }
    aes128(key, text, out);
    assert_memory_equal(out, expected, 16);
}

/* --- UMAC-64 (RFC 4418) ------------------------------------------------------------------------
 */

#define PRIME36 ((UINT64_C(1) << 36) - 5)
#define PRIME64 (UINT64_MAX - 58)

static uint64_t big(const uint8_t *at, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* 3.2.1 */
static void derive(const uint8_t key[16], uint8_t index, uint8_t *out, size_t size)
{
    uint8_t block[16] = {0}, made[16];

    block[7] = index;
    for (size_t at = 0; at < size; at += 16) {
        size_t part = size - at < 16 ? size - at : 16;

        block[15]++;
        block[14] = (uint8_t)(block[14] + (block[15] == 0));
        aes128(key, block, made);
        memcpy(out + at, made, part);
    }
}

/* One block, at most 1,024 bytes, filled up to a multiple of 32 (5.2.2): both passes. UMAC
 * multiplies words that are four apart, Copper neighbours, so both are put in another order. Where
 * UMAC's block ends the key is zero: there Copper adds nothing either. */
static void nh_of(nh_fn nh, const uint8_t *key, const uint8_t *bytes, size_t size, uint64_t sums[2])
{
    size_t padded = size > 0 ? (size + 31) / 32 * 32 : 32;
    uint8_t whole[UNIT] = {0}, unit[UNIT] = {0};
    static struct cu_auth_job job;

    memset(&job, 0, sizeof(job));
    if (size > 0)
        memcpy(whole, bytes, size);
    for (size_t i = 0; i < padded; i += 4) {
        size_t j = i / 4 % 8, to = i / 32 * 32 + (j % 4 * 2 + j / 4) * 4;

        memcpy(unit + to, whole + i, 4);
        for (size_t pass = 0; pass < 2; pass++) /* the second key is 16 bytes further on */
            for (size_t k = 0; k < 4; k++)
                job.nh[pass][to + k] = key[pass * 16 + i + 3 - k];
    }
    nh(&job, unit, sums);
}

/* 5.3.2, of up to 2^17 bytes */
static uint64_t poly64(uint64_t key, const uint64_t *words, size_t count)
{
    unsigned __int128 y = 1;

    key &= UINT64_C(0x01ffffff01ffffff);
    for (size_t i = 0; i < count; i++) {
        if (words[i] >= UINT64_C(0xffffffff00000000)) {
            y = (y * key + PRIME64 - 1) % PRIME64;
            y = (y * key + (words[i] - 59)) % PRIME64;
        } else {
            y = (y * key + words[i]) % PRIME64;
        }
    }
    return (uint64_t)y;
}

/* 5.4 */
static uint32_t third(const uint8_t *key1, const uint8_t *key2, uint64_t word)
{
    uint64_t y = 0;

    for (int i = 4; i < 8; i++) /* the upper half of the 16 bytes is zero here */
        y = (y + (word >> (16 * (7 - i)) & 0xffff) * (big(key1 + i * 8, 8) % PRIME36)) % PRIME36;
    return (uint32_t)y ^ (uint32_t)big(key2, 4);
}

static uint64_t umac64(nh_fn nh, const uint8_t *bytes, size_t size)
{
    static const uint8_t key[] = "abcdefghijklmnop";
    uint8_t first[UNIT + 16], second[48], third1[128], third2[8], pad_key[16],
        nonce[16] = {'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i' & 0xfe};
    uint64_t words[2][128], tag = 0;
    size_t blocks = size > 0 ? (size + UNIT - 1) / UNIT : 1;

    assert_true(blocks <= 128);
    derive(key, 1, first, sizeof(first));
    derive(key, 2, second, sizeof(second));
    derive(key, 3, third1, sizeof(third1));
    derive(key, 4, third2, sizeof(third2));
    derive(key, 0, pad_key, sizeof(pad_key));
    aes128(pad_key, nonce, nonce);
    for (size_t i = 0; i < blocks; i++) {
        size_t part = size - i * UNIT < UNIT ? size - i * UNIT : UNIT;
        uint64_t sums[2];

        nh_of(nh, first, bytes + i * UNIT, part, sums);
        words[0][i] = sums[0] + part * 8;
        words[1][i] = sums[1] + part * 8;
    }
    for (int pass = 0; pass < 2; pass++) {
        uint64_t word =
            blocks == 1 ? words[pass][0] : poly64(big(second + pass * 24, 8), words[pass], blocks);

        tag = tag << 32 | third(third1 + pass * 64, third2 + pass * 4, word);
    }
    return tag ^ big(nonce + 8, 8) /* the nonce is odd: the second half */;
}

/* All that there are here. */
static const struct {
    const char *name;
    nh_fn nh;
} versions[] = {
    {"plain", nh_plain},
#if defined(__x86_64__)
    {"sse2", nh_sse2},
    {"avx2", nh_avx2},
#endif
};

#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

static bool runs_here(size_t i)
{
#if defined(__x86_64__)
    return versions[i].nh != nh_avx2 || __builtin_cpu_supports("avx2");
#else
    return i < VERSIONS;
#endif
}

static void tags_of_umac_are_those_of_its_rfc(void **state)
{
    /* RFC 4418, appendix: 64-bit tags. */
    static const struct {
        const char *text;
        size_t count;
        uint64_t tag;
    } vectors[] = {
        {"", 1, UINT64_C(0x6e155fad26900be1)},        {"a", 3, UINT64_C(0x44b5cb542f220104)},
        {"a", 1 << 10, UINT64_C(0x26bf2f5d60118bd9)}, {"a", 1 << 15, UINT64_C(0x27f8ef643b0d118d)},
        {"abc", 1, UINT64_C(0xd4d7b9f6bd4fbfcf)},     {"abc", 500, UINT64_C(0xd4cf26ddefd5c01a)},
    };
    uint8_t *bytes = malloc(1 << 15);

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        size_t len = strlen(vectors[i].text), size = len * vectors[i].count;

        for (size_t at = 0; at < size; at++)
            bytes[at] = (uint8_t)vectors[i].text[at % len];
        for (size_t v = 0; v < VERSIONS; v++)
            if (runs_here(v))
                assert_int_equal(umac64(versions[v].nh, bytes, size), vectors[i].tag);
    }
    free(bytes);
}

/* Random keys and data, at all alignments, with numbers that carry out of 32 and 64 bits. */
static void all_versions_give_the_same(void **state)
{
    static struct cu_auth_job job;
    uint8_t bytes[UNIT + 64], seed[32] = {5};

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        const uint8_t *unit = bytes + round % 64;
        uint64_t expected[2], sums[2];

        memcpy(seed, &round, sizeof(round));
        randombytes_buf_deterministic(bytes, sizeof(bytes), seed);
        seed[31] ^= 1;
        randombytes_buf_deterministic(&job, sizeof(job), seed);
        if (round % 5 == 0)
            memset(bytes, 0xff, sizeof(bytes));
        if (round % 7 == 0)
            memset(&job, round % 2 ? 0xff : 0, sizeof(job));
        nh_plain(&job, unit, expected);
        for (size_t v = 0; v < VERSIONS; v++) {
            if (!runs_here(v))
                continue;
            versions[v].nh(&job, unit, sums);
            assert_memory_equal(sums, expected, sizeof(sums));
        }
    }
}

/* A payload of any length, anywhere in memory: nothing beyond it counts, or is read. */
static void a_digest_is_of_all_bytes_and_no_others(void **state)
{
    uint8_t key[32] = {1}, expected[16], digest[16], filled[3 * UNIT] = {0};
    struct cu_auth_job job;

    (void)state;
    cu_auth_job_init(&job, key);
    for (size_t size = 1; size <= 2 * UNIT + 1; size++) {
        uint8_t *exact = malloc(size); /* a sanitizer sees what is read beyond */

        assert_non_null(exact);
        randombytes_buf_deterministic(exact, size, key);
        memset(filled, 0, sizeof(filled));
        memcpy(filled, exact, size);
        cu_auth_digest(&job, exact, size, digest);
        /* zeros up to the end of the unit are what it is filled up with */
        cu_auth_digest(&job, filled, (size + UNIT - 1) / UNIT * UNIT, expected);
        assert_memory_equal(digest, expected, 16);
        free(exact);
    }
}

static void poly1305_is_that_of_its_rfc(void **state)
{
    /* RFC 8439, 2.5.2, and the appendix's vector 7: a sum of 2^130 - 5 and more */
    static const uint8_t key[32] = {0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33,
                                    0x7f, 0x44, 0x52, 0xfe, 0x42, 0xd5, 0x06, 0xa8,
                                    0x01, 0x03, 0x80, 0x8a, 0xfb, 0x0d, 0xb2, 0xfd,
                                    0x4a, 0xbf, 0xf6, 0xaf, 0x41, 0x49, 0xf5, 0x1b};
    static const uint8_t expected[16] = {0xa8, 0x06, 0x1d, 0xc1, 0x30, 0x51, 0x36, 0xc6,
                                         0xc2, 0x2b, 0x8b, 0xaf, 0x0c, 0x01, 0x27, 0xa9};
    static const char text[] = "Cryptographic Forum Research Group";
    uint8_t carry[48], one[32] = {1}, five[16] = {5}, tag[16];

    (void)state;
    crypto_onetimeauth(tag, (const uint8_t *)text, sizeof(text) - 1, key);
    assert_memory_equal(tag, expected, 16);
    memset(carry, 0xff, sizeof(carry));
    carry[16] = 0xf0;
    memset(carry + 32, 0, 16);
    carry[32] = 0x11;
    crypto_onetimeauth(tag, carry, sizeof(carry), one);
    assert_memory_equal(tag, five, 16);
}

static int set_up(void **state)
{
    (void)state;
    make_sbox();
    return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aes_is_aes),
        cmocka_unit_test(tags_of_umac_are_those_of_its_rfc),
        cmocka_unit_test(all_versions_give_the_same),
        cmocka_unit_test(a_digest_is_of_all_bytes_and_no_others),
        cmocka_unit_test(poly1305_is_that_of_its_rfc),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
