/* SPDX-License-Identifier: BSD-3-Clause */
/* Why not one of libsodium's MACs over all bytes: at each end of each hop Poly1305 would cost as
 * much as TCP does. NH is a sum of products of 32-bit numbers, which vector units compute fast; the
 * instruction set is chosen at run time, and all variants give the same result.
 *
 * Invariants: a one-time key is used for one frame; a digest leaves this process only inside of a
 * one-time MAC, so the digest's key stays secret although it is used again and again. */
#include "proto/auth.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define UNIT        CU_AUTH_UNIT_BYTES
#define NH_BYTES    16u /* of one unit */
#define UNITS_MAX   64u /* hashed before their results are */
#define LABEL_BYTES 32

static const char label_digest[LABEL_BYTES] = "copper 2 digest";

typedef void (*nh_fn)(const struct cu_auth_job *job, const uint8_t *unit, uint64_t sums[2]);

static uint32_t load32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void store64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* Of a whole unit: the sum of (m[2i] + k[2i]) * (m[2i+1] + k[2i+1]) over its 32-bit numbers. */
__attribute__((unused)) static void nh_plain(const struct cu_auth_job *job, const uint8_t *unit,
                                             uint64_t sums[2])
{
    for (int pass = 0; pass < 2; pass++) {
        const uint8_t *key = job->nh[pass];
        uint64_t sum = 0;

        for (size_t i = 0; i < UNIT; i += 8) {
            uint32_t a = load32(unit + i) + load32(key + i);
            uint32_t b = load32(unit + i + 4) + load32(key + i + 4);

            sum += (uint64_t)a * b;
        }
        sums[pass] = sum;
    }
}

#if defined(__x86_64__)

static void nh_sse2(const struct cu_auth_job *job, const uint8_t *unit, uint64_t sums[2])
{
    __m128i s0 = _mm_setzero_si128(), s1 = s0;

    for (size_t i = 0; i < UNIT; i += 16) {
        __m128i m = _mm_loadu_si128((const __m128i *)(unit + i));
        __m128i a = _mm_add_epi32(m, _mm_loadu_si128((const __m128i *)(job->nh[0] + i)));
        __m128i b = _mm_add_epi32(m, _mm_loadu_si128((const __m128i *)(job->nh[1] + i)));

        s0 = _mm_add_epi64(s0, _mm_mul_epu32(a, _mm_shuffle_epi32(a, 0xf5)));
        s1 = _mm_add_epi64(s1, _mm_mul_epu32(b, _mm_shuffle_epi32(b, 0xf5)));
    }
    s0 = _mm_add_epi64(s0, _mm_unpackhi_epi64(s0, s0));
    s1 = _mm_add_epi64(s1, _mm_unpackhi_epi64(s1, s1));
    sums[0] = (uint64_t)_mm_cvtsi128_si64(s0);
    sums[1] = (uint64_t)_mm_cvtsi128_si64(s1);
}

__attribute__((target("avx2"))) static uint64_t sum_avx2(__m256i s)
{
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));

    return (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(half, _mm_unpackhi_epi64(half, half)));
}

__attribute__((target("avx2"))) static void nh_avx2(const struct cu_auth_job *job,
                                                    const uint8_t *unit, uint64_t sums[2])
{
    __m256i s0 = _mm256_setzero_si256(), s1 = s0;

    for (size_t i = 0; i < UNIT; i += 32) {
        __m256i m = _mm256_loadu_si256((const __m256i *)(unit + i));
        __m256i a = _mm256_add_epi32(m, _mm256_loadu_si256((const __m256i *)(job->nh[0] + i)));
        __m256i b = _mm256_add_epi32(m, _mm256_loadu_si256((const __m256i *)(job->nh[1] + i)));

        s0 = _mm256_add_epi64(s0, _mm256_mul_epu32(a, _mm256_shuffle_epi32(a, 0xf5)));
        s1 = _mm256_add_epi64(s1, _mm256_mul_epu32(b, _mm256_shuffle_epi32(b, 0xf5)));
    }
    sums[0] = sum_avx2(s0);
    sums[1] = sum_avx2(s1);
}

static nh_fn nh_best(void)
{
    return __builtin_cpu_supports("avx2") ? nh_avx2 : nh_sse2;
}

#else

static nh_fn nh_best(void)
{
    return nh_plain;
}

#endif

void cu_auth_job_init(struct cu_auth_job *job, const uint8_t key[32])
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    uint8_t seed[32];

    crypto_generichash(seed, sizeof(seed), (const uint8_t *)label_digest, LABEL_BYTES, key, 32);
    crypto_stream_chacha20((uint8_t *)job, sizeof(*job), nonce, seed);
    sodium_memzero(seed, sizeof(seed));
}

void cu_auth_sum_begin(struct cu_auth_sum *sum, const struct cu_auth_job *job)
{
    crypto_onetimeauth_init(&sum->state, job->poly);
}

void cu_auth_sum_add(struct cu_auth_sum *sum, const struct cu_auth_job *job, const void *bytes,
                     size_t size)
{
    uint8_t results[UNITS_MAX * NH_BYTES], last[UNIT];
    const uint8_t *at = bytes;
    nh_fn nh = nh_best();
    uint64_t sums[2];
    size_t n = 0;

    while (size > 0) {
        size_t part = size < UNIT ? size : UNIT;

        if (part < UNIT) { /* filled up with zeros; the length is in the frame's head */
            memset(last, 0, sizeof(last));
            memcpy(last, at, part);
            nh(job, last, sums);
        } else {
            nh(job, at, sums);
        }
        store64(results + n * NH_BYTES, sums[0]);
        store64(results + n * NH_BYTES + 8, sums[1]);
        at += part;
        size -= part;
        if (++n == UNITS_MAX || size == 0) {
            crypto_onetimeauth_update(&sum->state, results, n * NH_BYTES);
            n = 0;
        }
    }
}

void cu_auth_sum_end(struct cu_auth_sum *sum, uint8_t digest[CU_AUTH_DIGEST_BYTES])
{
    crypto_onetimeauth_final(&sum->state, digest);
    sodium_memzero(sum, sizeof(*sum));
}

void cu_auth_digest(const struct cu_auth_job *job, const void *bytes, size_t size,
                    uint8_t digest[CU_AUTH_DIGEST_BYTES])
{
    struct cu_auth_sum sum;

    cu_auth_sum_begin(&sum, job);
    cu_auth_sum_add(&sum, job, bytes, size);
    cu_auth_sum_end(&sum, digest);
}

void cu_auth_init(struct cu_auth *auth, const uint8_t key[32])
{
    memset(auth, 0, sizeof(*auth));
    memcpy(auth->key, key, sizeof(auth->key));
}

void cu_auth_tag(struct cu_auth *auth, const void *begin, size_t size, const uint8_t *digest,
                 uint8_t tag[CU_AUTH_TAG_BYTES])
{
    size_t i = auth->count % CU_AUTH_AHEAD;
    crypto_onetimeauth_state state;

    if (i == 0) {
        uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];

        store64(nonce, auth->count / CU_AUTH_AHEAD);
        crypto_stream_chacha20(&auth->ahead[0][0], sizeof(auth->ahead), nonce, auth->key);
    }
    auth->count++;
    crypto_onetimeauth_init(&state, auth->ahead[i]);
    crypto_onetimeauth_update(&state, begin, size);
    if (digest)
        crypto_onetimeauth_update(&state, digest, CU_AUTH_DIGEST_BYTES);
    crypto_onetimeauth_final(&state, tag);
}

int cu_auth_check(struct cu_auth *auth, const void *begin, size_t size, const uint8_t *digest,
                  const uint8_t tag[CU_AUTH_TAG_BYTES])
{
    uint8_t right[CU_AUTH_TAG_BYTES];

    cu_auth_tag(auth, begin, size, digest, right);
    return sodium_memcmp(right, tag, sizeof(right)) == 0 ? 0 : -EBADMSG;
}
