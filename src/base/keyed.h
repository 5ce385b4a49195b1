/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures by key, in the order of the keys, that are added up over many nodes: paths, names, bins
 * of time, nodes. Two lists are merged key by key, each number as a sum or as a maximum, which is
 * exact and has no order. Where there may be too many keys, a merged list is cut:
 *
 * - to its heaviest keys, as Misra and Gries do ("Finding repeated elements", 1982), whose lists
 *   can be merged (Agarwal and others, "Mergeable summaries", PODS 2012): what a key that is not
 *   listed may weigh (`error`) is at most total / (kept + 1), whatever was merged in which order;
 * - or to the keys with the smallest hashes: a uniform sample of all distinct keys, whose numbers
 *   are exact, since the list of each node that has such a key has it, too.
 *
 * Keys are any bytes. */
#ifndef CU_BASE_KEYED_H
#define CU_BASE_KEYED_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_KEYED_WIDTH_MAX 64u

/* What all lists of one kind have in common. */
struct cu_keyed_kind {
    uint32_t width;     /* numbers of a key, at most CU_KEYED_WIDTH_MAX */
    uint64_t maxima;    /* a bit for each number that is a maximum; others are sums */
    uint32_t key_max;   /* bytes */
    uint32_t count_max; /* keys of a list that comes from elsewhere */
};

struct cu_keyed_entry {
    unsigned char *key; /* owned; a NUL stands behind it */
    uint32_t key_len;
    uint64_t weight;   /* for cu_keyed_cut: at least the key's true weight - error */
    uint64_t *numbers; /* owned, kind->width of them */
};

/* All zero but kind: empty. */
struct cu_keyed {
    const struct cu_keyed_kind *kind; /* borrowed */
    struct cu_keyed_entry *entries;   /* owned, ascending by key (bytes, shorter first) */
    size_t count, capacity;
    uint64_t total; /* the weight of everything that was counted, listed or not */
    uint64_t error; /* a key weighs at most this more than its weight here, which is 0 if it is not
                       listed */
};

void cu_keyed_free(struct cu_keyed *list);
/* The entry with that key, made with zeros where there is none (total and error stay). NULL: out of
 * memory, or the key is too long. Borrowed until the list changes. Fast where keys come in order.
 */
struct cu_keyed_entry *cu_keyed_at(struct cu_keyed *list, const void *key, size_t key_len);
/* The same; NULL: there is none. */
const struct cu_keyed_entry *cu_keyed_find(const struct cu_keyed *list, const void *key,
                                           size_t key_len);
/* Adds all that is in from, of the same kind, which is empty then. 0, or -ENOMEM: both lists are as
 * they were. */
__attribute__((warn_unused_result)) int cu_keyed_merge(struct cu_keyed *list,
                                                       struct cu_keyed *from);
/* Leaves the heaviest keys: at most count_max, and at most bytes_max bytes of what is encoded. */
void cu_keyed_cut(struct cu_keyed *list, size_t count_max, size_t bytes_max);
/* Leaves the count_max keys with the smallest hashes (cu_keyed_hash). */
void cu_keyed_cut_sample(struct cu_keyed *list, size_t count_max);
/* Leaves the first keys: at most count_max, and at most bytes_max bytes of what is encoded. total
 * and error stay. */
void cu_keyed_cut_first(struct cu_keyed *list, size_t count_max, size_t bytes_max);
/* Ranks of a sample are independent of the hash tables' hashes. */
uint64_t cu_keyed_hash(const void *key, size_t key_len);

/* Appends the list to *buf. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_keyed_encode(const struct cu_keyed *list,
                                                        struct cu_buf **buf);
/* Reads a list of that kind from bytes[*at..size), which may be anything, and moves *at behind it.
 * 0, -EBADMSG or -ENOMEM; the list is empty then. */
__attribute__((warn_unused_result)) int cu_keyed_decode(struct cu_keyed *list,
                                                        const struct cu_keyed_kind *kind,
                                                        const unsigned char *bytes, size_t size,
                                                        size_t *at);

#endif
