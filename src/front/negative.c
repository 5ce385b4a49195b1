/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariant: the records of [first, end) lie end to end in the ring, at their place modulo its
 * size; one may go across the ring's end. */
#include "front/negative.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct head {
    uint64_t dir;
    uint64_t until_ns;
    uint8_t name_len;
} __attribute__((packed));

static void get(const struct cu_negatives *n, uint64_t at, void *out, size_t size)
{
    size_t start = (size_t)(at % CU_NEGATIVE_BYTES), end = CU_NEGATIVE_BYTES - start;
    size_t now = size < end ? size : end;

    memcpy(out, n->ring + start, now);
    memcpy((char *)out + now, n->ring, size - now);
}

static void put(struct cu_negatives *n, uint64_t at, const void *bytes, size_t size)
{
    size_t start = (size_t)(at % CU_NEGATIVE_BYTES), end = CU_NEGATIVE_BYTES - start;
    size_t now = size < end ? size : end;

    memcpy(n->ring + start, bytes, now);
    memcpy(n->ring, (const char *)bytes + now, size - now);
}

static void lose(struct cu_negatives *n, uint64_t until_ns)
{
    if (until_ns > n->lost_ns)
        n->lost_ns = until_ns;
}

static void drop_oldest(struct cu_negatives *n)
{
    struct head head;

    get(n, n->first, &head, sizeof(head));
    lose(n, head.until_ns);
    n->first += sizeof(head) + head.name_len;
    assert(n->first <= n->end);
}

void cu_negatives_add(struct cu_negatives *n, uint64_t dir, const char *name, size_t name_len,
                      uint64_t until_ns)
{
    struct head head = {.dir = dir, .until_ns = until_ns, .name_len = (uint8_t)name_len};
    size_t size = sizeof(head) + name_len;

    if (!n->ring)
        n->ring = malloc(CU_NEGATIVE_BYTES);
    if (!n->ring || name_len > UINT8_MAX) {
        lose(n, until_ns);
        return;
    }
    while (n->end + size - n->first > CU_NEGATIVE_BYTES)
        drop_oldest(n);
    put(n, n->end, &head, sizeof(head));
    put(n, n->end + sizeof(head), name, name_len);
    n->end += size;
    assert(n->end - n->first <= CU_NEGATIVE_BYTES);
}

int cu_negatives_next(const struct cu_negatives *n, uint64_t *at, struct cu_negative *out)
{
    static _Thread_local char name[UINT8_MAX];
    struct head head;

    if (*at < n->first)
        *at = n->first;
    if (*at >= n->end)
        return 0;
    get(n, *at, &head, sizeof(head));
    get(n, *at + sizeof(head), name, head.name_len);
    *at += sizeof(head) + head.name_len;
    *out = (struct cu_negative){head.dir, head.until_ns, name, head.name_len};
    return 1;
}

void cu_negatives_free(struct cu_negatives *n)
{
    free(n->ring);
    *n = (struct cu_negatives){0};
}
