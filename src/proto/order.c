/* SPDX-License-Identifier: BSD-3-Clause */
/* See order.h. A listing is divided by the hashes' first bits into buckets, each bucket by the next
 * ones into parts of a few entries, and these are sorted: several times as fast as sorting the
 * whole, for which a node's loop has to wait. Buckets are small enough for a processor's cache.
 *
 * Invariant: positions ascend by (hash, position), so names of one hash are in the order of names.
 */
#include "proto/order.h"

#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BITS      62u
#define BUCKETS_BITS   8u
#define BUCKETS        (1u << BUCKETS_BITS)
#define BUCKETS_FROM   4096u /* entries; fewer are one bucket */
#define PART           8u    /* entries in a part, on average */
#define PARTS_BITS_MAX 12u
#define INSERT_MAX     32u

struct hashed {
    uint64_t hash;
    uint32_t position;
};

static uint64_t hash_of(const struct cu_dirent *e)
{
    return cu_hash_bytes(e->name, e->name_len) >> (64 - HASH_BITS);
}

struct cu_dirent cu_order_entry(const struct cu_order *order, uint32_t i)
{
    return cu_dir_index_entry(order->index, order->positions[i]);
}

static uint64_t hash_at(const struct cu_order *order, uint32_t i)
{
    struct cu_dirent e = cu_order_entry(order, i);

    return hash_of(&e);
}

/* --- building --------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static void sort_part(struct hashed *part, size_t count)
{
    if (count > INSERT_MAX) {
        qsort(part, count, sizeof(*part), compare);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct hashed moved = part[i];
        size_t at = i;

        for (; at > 0 && compare(&part[at - 1], &moved) > 0; at--)
            part[at] = part[at - 1];
        part[at] = moved;
    }
}

/* Sorts from[0..count) into to. Their hashes have the bits from `shift` on in common. */
static void sort_into(const struct hashed *from, struct hashed *to, uint32_t count, unsigned shift)
{
    uint32_t ends[1u << PARTS_BITS_MAX], start = 0;
    unsigned bits = 0;

    while (bits < PARTS_BITS_MAX && (PART << bits) < count)
        bits++;
    shift -= bits;
    memset(ends, 0, (1u << bits) * sizeof(*ends));
    for (uint32_t i = 0; i < count; i++)
        ends[from[i].hash >> shift & ((1u << bits) - 1)]++;
    for (uint32_t i = 0; i < 1u << bits; i++) {
        uint32_t part = ends[i];

        ends[i] = start;
        start += part;
    }
    for (uint32_t i = 0; i < count; i++)
        to[ends[from[i].hash >> shift & ((1u << bits) - 1)]++] = from[i];
    start = 0;
    for (uint32_t i = 0; i < 1u << bits; start = ends[i++])
        sort_part(to + start, ends[i] - start);
}

/* Divides all into buckets, whose ends are told; the longest one's length. */
static uint32_t divide(const struct cu_dir_index *index, unsigned shift, struct hashed *entries,
                       uint32_t ends[BUCKETS])
{
    uint32_t start = 0, longest = 0;

    memset(ends, 0, BUCKETS * sizeof(*ends));
    for (uint32_t i = 0; i < index->count; i++) {
        struct cu_dirent e = cu_dir_index_entry(index, i);

        ends[hash_of(&e) >> shift]++;
    }
    for (uint32_t i = 0; i < BUCKETS; i++) {
        uint32_t count = ends[i];

        ends[i] = start;
        start += count;
        longest = count > longest ? count : longest;
    }
    for (uint32_t i = 0; i < index->count; i++) {
        struct cu_dirent e = cu_dir_index_entry(index, i);
        uint64_t hash = hash_of(&e);

        entries[ends[hash >> shift]++] = (struct hashed){.hash = hash, .position = i};
    }
    return longest;
}

int cu_order_build(struct cu_order *order, const struct cu_dir_index *index)
{
    unsigned shift = index->count > BUCKETS_FROM ? HASH_BITS - BUCKETS_BITS : HASH_BITS;
    struct hashed *entries = NULL, *sorted = NULL;
    uint32_t ends[BUCKETS], start = 0;
    int rc = -ENOMEM;

    *order = (struct cu_order){.index = index};
    if (index->count == 0)
        return 0;
    order->positions = cu_mem_take(index->count * sizeof(*order->positions));
    entries = malloc(index->count * sizeof(*entries));
    if (!order->positions || !entries)
        goto out;
    sorted = malloc(divide(index, shift, entries, ends) * sizeof(*sorted));
    if (!sorted)
        goto out;
    for (uint32_t i = 0; i < BUCKETS && start < index->count; start = ends[i++]) {
        sort_into(entries + start, sorted, ends[i] - start, shift);
        for (uint32_t k = start; k < ends[i]; k++)
            order->positions[k] = sorted[k - start].position;
    }
    rc = 0;
out:
    free(entries);
    free(sorted);
    if (rc < 0)
        cu_order_free(order);
    return rc;
}

void cu_order_free(struct cu_order *order)
{
    if (order->positions)
        cu_mem_give(order->positions, order->index->count * sizeof(*order->positions));
    *order = (struct cu_order){0};
}

/* --- searching -------------------------------------------------------------------------------- */

/* The first entry whose hash is at least this one; its number may be index->count. */
static uint32_t first_from(const struct cu_order *order, uint64_t hash)
{
    uint32_t low = 0, high = order->index->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (hash_at(order, middle) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct cu_order_at cu_order_after(const struct cu_order *order, uint64_t cursor)
{
    struct cu_order_at at = {.cursor = cursor};
    uint64_t last, hash;
    uint32_t first;

    if (cursor < CU_ORDER_FIRST)
        return (struct cu_order_at){.cursor = CU_ORDER_FIRST - 1};
    last = cursor - CU_ORDER_FIRST;
    at.next = first_from(order, last + 1);
    if (at.next == 0)
        return at;
    /* The cursor may be that of the first few of names with one hash. */
    hash = hash_at(order, at.next - 1);
    first = first_from(order, hash);
    if (last - hash + 1 < at.next - first)
        at.next = first + (uint32_t)(last - hash) + 1;
    return at;
}

struct cu_dirent cu_order_take(const struct cu_order *order, struct cu_order_at *at)
{
    struct cu_dirent e = cu_order_entry(order, at->next++);
    uint64_t cursor = CU_ORDER_FIRST + hash_of(&e);

    at->cursor = cursor > at->cursor ? cursor : at->cursor + 1;
    return e;
}

int64_t cu_order_find(const struct cu_order *order, const char *name, size_t name_len)
{
    struct cu_dirent wanted = {.name = name, .name_len = (uint16_t)name_len};
    uint64_t hash = hash_of(&wanted);
    int64_t position = cu_dir_index_find(order->index, name, name_len);
    uint32_t low, high;

    if (position < 0)
        return -1;
    low = first_from(order, hash);
    high = first_from(order, hash + 1);
    while (low < high) { /* of one hash: in the order of positions */
        uint32_t middle = low + (high - low) / 2;

        if (order->positions[middle] < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
