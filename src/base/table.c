/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariants: the buckets are [0, low + split); an element is in the bucket of its hash's low bits,
 * one bit more for buckets that were split in this round. A bucket beyond these was never written.
 */
#include "base/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static int add_segment(struct cu_table *t)
{
    struct cu_table_link ***segments =
        realloc(t->segments, (t->segment_count + 1) * sizeof(*segments));

    if (!segments)
        return -ENOMEM;
    t->segments = segments;
    segments[t->segment_count] = calloc(CU_TABLE_SEGMENT, sizeof(**segments));
    if (!segments[t->segment_count])
        return -ENOMEM;
    t->segment_count++;
    return 0;
}

int cu_table_init(struct cu_table *t, uint64_t (*hash)(const struct cu_table_link *link))
{
    *t = (struct cu_table){.low = CU_TABLE_SEGMENT, .hash = hash};
    if (add_segment(t) == 0)
        return 0;
    cu_table_free(t);
    return -ENOMEM;
}

void cu_table_free(struct cu_table *t)
{
    for (size_t i = 0; i < t->segment_count; i++)
        free(t->segments[i]);
    free(t->segments);
    *t = (struct cu_table){0};
}

static void split_one(struct cu_table *t)
{
    size_t into = t->low + t->split;
    struct cu_table_link *link, **from, **to;

    if (into / CU_TABLE_SEGMENT >= t->segment_count && add_segment(t) < 0)
        return;
    from = cu_table_bucket(t, t->split);
    to = cu_table_bucket(t, into);
    link = *from;
    *from = NULL;
    while (link) {
        struct cu_table_link *next = link->next;
        struct cu_table_link **at = (t->hash(link) & t->low) != 0 ? to : from;

        link->next = *at;
        *at = link;
        link = next;
    }
    if (++t->split == t->low) {
        t->low *= 2;
        t->split = 0;
    }
}

void cu_table_add(struct cu_table *t, struct cu_table_link *link)
{
    struct cu_table_link **bucket;

    if (t->count >= cu_table_bucket_count(t))
        split_one(t);
    bucket = cu_table_bucket(t, cu_table_bucket_of(t, t->hash(link)));
    link->next = *bucket;
    *bucket = link;
    t->count++;
}

void cu_table_remove(struct cu_table *t, struct cu_table_link *link)
{
    struct cu_table_link **at = cu_table_bucket(t, cu_table_bucket_of(t, t->hash(link)));

    while (*at != link) {
        assert(*at); /* else: its hash has changed, or it was not in the table */
        at = &(*at)->next;
    }
    *at = link->next;
    assert(t->count > 0);
    t->count--;
}
