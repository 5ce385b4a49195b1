/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulator's random number generator: xoshiro256** seeded by splitmix64 (Blackman and Vigna,
 * https://prng.di.unimi.it/), so that a seed means the same run on every machine. */
#ifndef CU_SIM_RNG_H
#define CU_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct cu_sim_rng {
    uint64_t s[4];
};

/* One well mixed number out of another: also a hash of small keys. */
static inline uint64_t cu_sim_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

static inline void cu_sim_rng_seed(struct cu_sim_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rng->s[i] = cu_sim_mix(seed + (uint64_t)i * 0x9e3779b97f4a7c15ull);
}

static inline uint64_t cu_sim_rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t cu_sim_rng_next(struct cu_sim_rng *rng)
{
    uint64_t *s = rng->s, result = cu_sim_rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = cu_sim_rotl(s[3], 45);
    return result;
}

/* 0..bound-1; bound >= 1. The bias of the remainder does not matter here. */
static inline uint64_t cu_sim_rng_below(struct cu_sim_rng *rng, uint64_t bound)
{
    return cu_sim_rng_next(rng) % bound;
}

static inline uint64_t cu_sim_rng_range(struct cu_sim_rng *rng, uint64_t from, uint64_t to)
{
    return from + cu_sim_rng_below(rng, to - from + 1);
}

/* True `ppm` times in a million. */
static inline bool cu_sim_rng_chance(struct cu_sim_rng *rng, uint32_t ppm)
{
    return ppm > 0 && cu_sim_rng_below(rng, 1000000) < ppm;
}

#endif
