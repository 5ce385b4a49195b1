/* See order.h. The listing is divided by the hashes' first bits, then each small part is sorted:
 * that is several times as fast as sorting the whole, of which the loop of a node has to wait.
 *
 * Invariant: positions ascend by (hash, position), so names of one hash are in the order of names.
 */
#include "proto/order.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PART       8u /* entries in a part, on average */
#define INSERT_MAX 32u

struct place {
    uint64_t hash;
    uint32_t position;
};

static uint64_t hash_of(const struct cu_dirent *e)
{
    return cu_hash_bytes(e->name, e->name_len) >> 2;
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
    const struct place *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static void sort_part(struct place *part, size_t count)
{
    if (count > INSERT_MAX) {
        qsort(part, count, sizeof(*part), compare);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct place moved = part[i];
        size_t at = i;

        for (; at > 0 && compare(&part[at - 1], &moved) > 0; at--)
            part[at] = part[at - 1];
        part[at] = moved;
    }
}

/* How far to shift a hash for the number of its part; *parts is a power of two. */
static unsigned divide(uint32_t count, uint32_t *parts)
{
    unsigned bits = 0;

    while ((uint64_t)PART << bits < count)
        bits++;
    *parts = 1u << bits;
    return 62 - bits;
}

int cu_order_build(struct cu_order *order, const struct cu_dir_index *index)
{
    uint32_t parts, *ends = NULL, start = 0;
    unsigned shift = divide(index->count, &parts);
    struct place *places = NULL;
    int rc = -ENOMEM;

    *order = (struct cu_order){.index = index};
    if (index->count == 0)
        return 0;
    order->positions = malloc(index->count * sizeof(*order->positions));
    places = malloc(index->count * sizeof(*places));
    ends = calloc((size_t)parts + 1, sizeof(*ends));
    if (!order->positions || !places || !ends)
        goto out;
    for (uint32_t i = 0; i < index->count; i++) {
        struct cu_dirent e = cu_dir_index_entry(index, i);

        ends[hash_of(&e) >> shift]++;
    }
    for (uint32_t i = 0, before = 0; i < parts; i++) {
        uint32_t count = ends[i];

        ends[i] = before;
        before += count;
    }
    for (uint32_t i = 0; i < index->count; i++) {
        struct cu_dirent e = cu_dir_index_entry(index, i);
        uint64_t hash = hash_of(&e);

        places[ends[hash >> shift]++] = (struct place){.hash = hash, .position = i};
    }
    for (uint32_t i = 0; i < parts; start = ends[i++])
        sort_part(places + start, ends[i] - start);
    for (uint32_t i = 0; i < index->count; i++)
        order->positions[i] = places[i].position;
    rc = 0;
out:
    free(places);
    free(ends);
    if (rc < 0)
        cu_order_free(order);
    return rc;
}

void cu_order_free(struct cu_order *order)
{
    free(order->positions);
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
