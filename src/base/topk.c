/* SPDX-License-Identifier: BSD-3-Clause */
/* A hash table to find a key, and a heap with the lightest on top to find whom to replace. Both
 * hold places of the array of nodes, which never moves.
 *
 * Invariant: each node in use is in one chain and at one place of the heap. */
#include "base/topk.h"

#include "base/hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct node {
    struct cu_topk_entry entry;
    char *key; /* entry.key; owned, or in the copy's block */
    uint64_t hash;
    uint32_t next;    /* in its chain */
    uint32_t heap_at; /* where in the heap */
};

struct cu_topk {
    uint32_t capacity;
    uint32_t count;
    uint32_t bucket_count; /* power of two */
    uint32_t *buckets;
    uint32_t *heap;
    struct node *nodes;
    size_t key_bytes; /* of all keys, with their NULs */
    char *keys;       /* owned; of a copy: all keys; NULL: each node has its own */
};

struct cu_topk *cu_topk_create(uint32_t capacity)
{
    struct cu_topk *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->capacity = capacity;
    t->bucket_count = 16;
    while (t->bucket_count < capacity && t->bucket_count < 1u << 30)
        t->bucket_count *= 2;
    t->buckets = malloc(t->bucket_count * sizeof(*t->buckets));
    t->heap = calloc(capacity, sizeof(*t->heap));
    t->nodes = calloc(capacity, sizeof(*t->nodes));
    if (!t->buckets || !t->heap || !t->nodes) {
        cu_topk_destroy(t);
        return NULL;
    }
    for (uint32_t i = 0; i < t->bucket_count; i++)
        t->buckets[i] = NONE;
    return t;
}

struct cu_topk *cu_topk_copy(const struct cu_topk *t)
{
    struct cu_topk *copy = calloc(1, sizeof(*copy));
    char *at;

    if (!copy)
        return NULL;
    copy->capacity = t->capacity;
    copy->nodes = malloc(((size_t)t->count + 1) * sizeof(*copy->nodes));
    copy->keys = at = malloc(t->key_bytes + 1);
    if (!copy->nodes || !copy->keys) {
        cu_topk_destroy(copy);
        return NULL;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        struct node *node = &copy->nodes[i];

        *node = t->nodes[i];
        memcpy(at, node->key, node->entry.key_len + 1);
        node->entry.key = node->key = at;
        at += node->entry.key_len + 1;
    }
    copy->count = t->count;
    return copy;
}

void cu_topk_destroy(struct cu_topk *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; !t->keys && i < t->count; i++)
        free(t->nodes[i].key);
    free(t->keys);
    free(t->nodes);
    free(t->heap);
    free(t->buckets);
    free(t);
}

static uint32_t *bucket_of(const struct cu_topk *t, uint64_t hash)
{
    return &t->buckets[hash & (t->bucket_count - 1)];
}

static uint32_t find(const struct cu_topk *t, const char *key, size_t len, uint64_t hash)
{
    uint32_t at = *bucket_of(t, hash);

    while (at != NONE) {
        const struct node *node = &t->nodes[at];

        if (node->hash == hash && node->entry.key_len == len && memcmp(node->key, key, len) == 0)
            return at;
        at = node->next;
    }
    return NONE;
}

static void unchain(struct cu_topk *t, uint32_t gone)
{
    uint32_t *at = bucket_of(t, t->nodes[gone].hash);

    while (*at != gone)
        at = &t->nodes[*at].next;
    *at = t->nodes[gone].next;
}

static void put(struct cu_topk *t, uint32_t place, uint32_t node)
{
    t->heap[place] = node;
    t->nodes[node].heap_at = place;
}

static bool lighter(const struct cu_topk *t, uint32_t a, uint32_t b)
{
    return t->nodes[t->heap[a]].entry.count < t->nodes[t->heap[b]].entry.count;
}

static void swap(struct cu_topk *t, uint32_t a, uint32_t b)
{
    uint32_t node = t->heap[a];

    put(t, a, t->heap[b]);
    put(t, b, node);
}

static void sink(struct cu_topk *t, uint32_t place)
{
    for (;;) {
        uint32_t least = place, child = 2 * place + 1;

        if (child < t->count && lighter(t, child, least))
            least = child;
        if (child + 1 < t->count && lighter(t, child + 1, least))
            least = child + 1;
        if (least == place)
            return;
        swap(t, place, least);
        place = least;
    }
}

static void rise(struct cu_topk *t, uint32_t place)
{
    while (place > 0 && lighter(t, place, (place - 1) / 2)) {
        swap(t, place, (place - 1) / 2);
        place = (place - 1) / 2;
    }
}

/* A place for a new key: a free one, or the lightest's. */
static uint32_t take_node(struct cu_topk *t, const char *key, size_t len, uint64_t hash)
{
    char *copy = malloc(len + 1);
    struct node *node;
    uint64_t count = 0;
    uint32_t at;

    if (!copy)
        return NONE;
    memcpy(copy, key, len);
    copy[len] = '\0';
    if (t->count < t->capacity) {
        at = t->count++;
        put(t, at, at);
    } else {
        at = t->heap[0];
        unchain(t, at);
        t->key_bytes -= t->nodes[at].entry.key_len + 1;
        free(t->nodes[at].key);
        count = t->nodes[at].entry.count;
    }
    t->key_bytes += len + 1;
    node = &t->nodes[at];
    node->key = copy;
    node->hash = hash;
    node->entry = (struct cu_topk_entry){
        .count = count,
        .over = count,
        .key = copy,
        .key_len = len,
    };
    node->next = *bucket_of(t, hash);
    *bucket_of(t, hash) = at;
    rise(t, node->heap_at);
    return at;
}

struct cu_topk_entry *cu_topk_add(struct cu_topk *t, const char *key, size_t len, uint64_t weight)
{
    uint64_t hash;
    uint32_t at;

    if (len > CU_TOPK_KEY_MAX) {
        key += len - CU_TOPK_KEY_MAX;
        len = CU_TOPK_KEY_MAX;
    }
    hash = cu_hash_bytes(key, len);
    at = find(t, key, len, hash);
    if (at == NONE)
        at = take_node(t, key, len, hash);
    if (at == NONE)
        return NULL;
    t->nodes[at].entry.count += weight;
    sink(t, t->nodes[at].heap_at);
    return &t->nodes[at].entry;
}

static int heaviest_first(const void *a, const void *b)
{
    const struct cu_topk_entry *x = *(const struct cu_topk_entry *const *)a;
    const struct cu_topk_entry *y = *(const struct cu_topk_entry *const *)b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->key, y->key);
}

uint32_t cu_topk_best(const struct cu_topk *t, const struct cu_topk_entry **best, uint32_t max)
{
    const struct cu_topk_entry **all;
    uint32_t count = t->count < max ? t->count : max;

    if (count == 0)
        return 0;
    all = malloc(t->count * sizeof(struct cu_topk_entry *));
    if (!all)
        return 0;
    for (uint32_t i = 0; i < t->count; i++)
        all[i] = &t->nodes[i].entry;
    qsort(all, t->count, sizeof(struct cu_topk_entry *), heaviest_first);
    memcpy(best, all, count * sizeof(struct cu_topk_entry *));
    free(all);
    return count;
}

uint32_t cu_topk_capacity(const struct cu_topk *t)
{
    return t->capacity;
}

uint32_t cu_topk_count(const struct cu_topk *t)
{
    return t->count;
}
