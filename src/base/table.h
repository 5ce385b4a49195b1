/* SPDX-License-Identifier: BSD-3-Clause */
/* Intrusive hash table that grows by one bucket at a time (linear hashing), so that no call ever
 * moves more than one chain: a table of millions doubles without a pause. Buckets lie in segments
 * that are never moved. Elements carry their link; their hash is asked of the owner. One thread. */
#ifndef CU_BASE_TABLE_H
#define CU_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct cu_table_link {
    struct cu_table_link *next;
};

struct cu_table {
    struct cu_table_link ***segments; /* of CU_TABLE_SEGMENT buckets each */
    size_t segment_count;
    size_t low;   /* buckets when this round of splitting began: a power of two */
    size_t split; /* the next bucket to be split; below low */
    size_t count; /* elements */
    uint64_t (*hash)(const struct cu_table_link *link);
};

#define CU_TABLE_SEGMENT 512u /* buckets: a page */

/* 0 or -ENOMEM. hash: of an element; must not change while it is in the table. */
__attribute__((warn_unused_result)) int
cu_table_init(struct cu_table *t, uint64_t (*hash)(const struct cu_table_link *link));
/* The buckets only: elements are the owner's. One that was never made does nothing. */
void cu_table_free(struct cu_table *t);

static inline size_t cu_table_bucket_of(const struct cu_table *t, uint64_t hash)
{
    size_t i = (size_t)hash & (t->low - 1);

    return i < t->split ? (size_t)hash & (2 * t->low - 1) : i;
}

static inline struct cu_table_link **cu_table_bucket(const struct cu_table *t, size_t i)
{
    return &t->segments[i / CU_TABLE_SEGMENT][i % CU_TABLE_SEGMENT];
}

static inline size_t cu_table_bucket_count(const struct cu_table *t)
{
    return t->low + t->split;
}

/* First of the elements among which one with this hash is; NULL: none. */
static inline struct cu_table_link *cu_table_chain(const struct cu_table *t, uint64_t hash)
{
    return *cu_table_bucket(t, cu_table_bucket_of(t, hash));
}

/* At the head of its chain. Cannot fail: without memory for more buckets chains grow longer. */
void cu_table_add(struct cu_table *t, struct cu_table_link *link);
/* link is in the table. */
void cu_table_remove(struct cu_table *t, struct cu_table_link *link);

#endif
