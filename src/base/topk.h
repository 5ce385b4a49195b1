/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys that weigh most in a stream, in bounded memory: the space-saving algorithm (Metwally,
 * Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT
 * 2005). A table with room for `capacity` keys is exact as long as no more come. After that a new
 * key takes the place, and the count, of the lightest: counts may then be too high, each by its
 * `over` at most, and no key that weighs more than total / capacity is missed. One thread. */
#ifndef CU_BASE_TOPK_H
#define CU_BASE_TOPK_H

#include <stddef.h>
#include <stdint.h>

#define CU_TOPK_KEY_MAX 512u /* of a longer key the end counts: two of the same end are one */
#define CU_TOPK_DETAILS 10u

struct cu_topk;

struct cu_topk_entry {
    uint64_t count; /* weight of the key, and up to `over` more */
    uint64_t over;
    uint64_t details[CU_TOPK_DETAILS]; /* the caller's, 0 at first: since the key is in the table */
    const char *key;                   /* owned by the table, NUL-terminated */
    size_t key_len;
};

/* capacity >= 1. NULL: out of memory. */
struct cu_topk *cu_topk_create(uint32_t capacity);
/* What is in it now, for cu_topk_best, _capacity and _count alone: a copy that any one thread may
 * have. No more than memory is copied, in two blocks. NULL: out of memory. */
struct cu_topk *cu_topk_copy(const struct cu_topk *t);
/* NULL does nothing. */
void cu_topk_destroy(struct cu_topk *t);
/* Counts weight for key (any bytes). Borrowed until the next call; NULL when out of memory: then
 * nothing was counted. */
struct cu_topk_entry *cu_topk_add(struct cu_topk *t, const char *key, size_t len, uint64_t weight);
/* The heaviest, heaviest first, equal ones by key; returns how many written (<= max). Borrowed
 * until the next cu_topk_add. */
uint32_t cu_topk_best(const struct cu_topk *t, const struct cu_topk_entry **best, uint32_t max);
/* Room for keys. As many are in the table: keys that are not may have come, too. */
uint32_t cu_topk_capacity(const struct cu_topk *t);
uint32_t cu_topk_count(const struct cu_topk *t);

#endif
