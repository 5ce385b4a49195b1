/* SPDX-License-Identifier: BSD-3-Clause */
/* Encoded, numbers are in LEB128; of a key only what differs from the key before it is
 * there, and of its numbers those that are not zero:
 *
 *   total, error, count; for each key: bytes that it shares with the one before, other bytes,
 * these, weight, a bit for each number that follows, numbers
 *
 * A list has one such form: keys ascend, so none is there twice. */
#include "base/keyed.h"

#include "base/grow.h"
#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 10u /* of the largest number */
#define SAMPLE_SEED  UINT64_C(0x636f70706572)

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    int order = len > 0 ? memcmp(a, b, len) : 0;

    if (order != 0)
        return order;
    return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_entries(const void *a, const void *b)
{
    const struct cu_keyed_entry *x = a, *y = b;

    return compare(x->key, x->key_len, y->key, y->key_len);
}

static void entry_free(struct cu_keyed_entry *entry)
{
    free(entry->key);
    free(entry->numbers);
}

void cu_keyed_free(struct cu_keyed *list)
{
    for (size_t i = 0; i < list->count; i++)
        entry_free(&list->entries[i]);
    free(list->entries);
    *list = (struct cu_keyed){.kind = list->kind};
}

/* The place of the key, or where it would be; *there: is it there? */
static size_t place_of(const struct cu_keyed *list, const void *key, size_t len, bool *there)
{
    size_t low = 0, high = list->count;

    *there = false;
    while (low < high) {
        size_t middle = high == list->count && low == 0 ? high - 1 : low + (high - low) / 2;
        const struct cu_keyed_entry *entry = &list->entries[middle];
        int order = compare(key, len, entry->key, entry->key_len);

        if (order == 0) {
            *there = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

const struct cu_keyed_entry *cu_keyed_find(const struct cu_keyed *list, const void *key,
                                           size_t key_len)
{
    bool there;
    size_t at = place_of(list, key, key_len, &there);

    return there ? &list->entries[at] : NULL;
}

static int make_entry(const struct cu_keyed_kind *kind, const void *key, size_t len,
                      struct cu_keyed_entry *entry)
{
    *entry = (struct cu_keyed_entry){
        .key = malloc(len + 1),
        .key_len = (uint32_t)len,
        .numbers = calloc(kind->width, sizeof(uint64_t)),
    };
    if (!entry->key || !entry->numbers) {
        entry_free(entry);
        return -ENOMEM;
    }
    if (len > 0)
        memcpy(entry->key, key, len);
    entry->key[len] = '\0';
    return 0;
}

static int make_room(struct cu_keyed *list, size_t needed)
{
    void *grown;

    if (needed <= list->capacity)
        return 0;
    grown = cu_grow(list->entries, &list->capacity, needed, 16, sizeof(*list->entries));
    if (!grown)
        return -ENOMEM;
    list->entries = grown;
    return 0;
}

struct cu_keyed_entry *cu_keyed_at(struct cu_keyed *list, const void *key, size_t key_len)
{
    struct cu_keyed_entry entry;
    bool there;
    size_t at = place_of(list, key, key_len, &there);

    if (there)
        return &list->entries[at];
    if (key_len > list->kind->key_max || make_room(list, list->count + 1) != 0 ||
        make_entry(list->kind, key, key_len, &entry) != 0)
        return NULL;
    memmove(&list->entries[at + 1], &list->entries[at], (list->count - at) * sizeof(entry));
    list->entries[at] = entry;
    list->count++;
    return &list->entries[at];
}

/* --- merging ---------------------------------------------------------------------------------- */

static void add_entry(const struct cu_keyed_kind *kind, struct cu_keyed_entry *entry,
                      const struct cu_keyed_entry *from)
{
    entry->weight = sum_of(entry->weight, from->weight);
    for (uint32_t i = 0; i < kind->width; i++) {
        if ((kind->maxima >> i & 1) == 0)
            entry->numbers[i] = sum_of(entry->numbers[i], from->numbers[i]);
        else if (from->numbers[i] > entry->numbers[i])
            entry->numbers[i] = from->numbers[i];
    }
}

int cu_keyed_merge(struct cu_keyed *list, struct cu_keyed *from)
{
    size_t room = list->count + from->count, a = 0, b = 0, count = 0;
    struct cu_keyed_entry *all = malloc((room + 1) * sizeof(*all));

    if (!all)
        return -ENOMEM;
    while (a < list->count || b < from->count) {
        int order = a == list->count   ? 1
                    : b == from->count ? -1
                                       : compare_entries(&list->entries[a], &from->entries[b]);

        if (order <= 0)
            all[count++] = list->entries[a++];
        if (order == 0)
            add_entry(list->kind, &all[count - 1], &from->entries[b]);
        if (order > 0)
            all[count++] = from->entries[b];
        else if (order == 0)
            entry_free(&from->entries[b]);
        if (order >= 0)
            b++;
    }
    free(list->entries);
    free(from->entries);
    list->entries = all;
    list->count = count;
    list->capacity = room;
    list->total = sum_of(list->total, from->total);
    list->error = sum_of(list->error, from->error);
    *from = (struct cu_keyed){.kind = from->kind};
    return 0;
}

/* --- cutting ---------------------------------------------------------------------------------- */

uint64_t cu_keyed_hash(const void *key, size_t key_len)
{
    return cu_hash_seeded(key, key_len, SAMPLE_SEED);
}

static int smallest_hash_first(const void *a, const void *b)
{
    const struct cu_keyed_entry *x = a, *y = b;
    uint64_t x_hash = cu_keyed_hash(x->key, x->key_len);
    uint64_t y_hash = cu_keyed_hash(y->key, y->key_len);

    if (x_hash != y_hash)
        return x_hash < y_hash ? -1 : 1;
    return compare_entries(a, b);
}

/* Leaves the first count entries of the order at hand. */
static void keep(struct cu_keyed *list, size_t count)
{
    for (size_t i = count; i < list->count; i++)
        entry_free(&list->entries[i]);
    list->count = count;
    if (count > 0)
        qsort(list->entries, count, sizeof(*list->entries), compare_entries);
}

static size_t entry_bytes(const struct cu_keyed *list, const struct cu_keyed_entry *entry)
{
    size_t bytes = entry->key_len + 4 * NUMBER_BYTES;

    for (uint32_t i = 0; i < list->kind->width; i++)
        bytes += entry->numbers[i] == 0 ? 0 : NUMBER_BYTES;
    return bytes;
}

/* Do the entries that weigh more than cut fit? */
static bool fits(const struct cu_keyed *list, uint64_t cut, size_t count_max, size_t bytes_max)
{
    size_t count = 0, bytes = 0;

    for (size_t i = 0; i < list->count; i++)
        count += list->entries[i].weight > cut;
    if (count > count_max)
        return false;
    for (size_t i = 0; i < list->count; i++)
        bytes += list->entries[i].weight > cut ? entry_bytes(list, &list->entries[i]) : 0;
    return bytes <= bytes_max;
}

/* By halves, and not by sorting: entries stay in the order of their keys. */
void cu_keyed_cut(struct cu_keyed *list, size_t count_max, size_t bytes_max)
{
    uint64_t cut = 0, most = 0;
    size_t count = 0, bytes = 0;

    for (size_t i = 0; i < list->count; i++) {
        bytes += entry_bytes(list, &list->entries[i]);
        if (list->entries[i].weight > most)
            most = list->entries[i].weight;
    }
    if (list->count <= count_max && bytes <= bytes_max)
        return;
    while (cut < most) {
        uint64_t half = cut + (most - cut) / 2;

        if (fits(list, half, count_max, bytes_max))
            most = half;
        else
            cut = half + 1;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct cu_keyed_entry entry = list->entries[i];

        if (entry.weight > cut) {
            entry.weight -= cut;
            list->entries[count++] = entry;
        } else {
            entry_free(&entry);
        }
    }
    list->count = count;
    list->error = sum_of(list->error, cut);
}

void cu_keyed_cut_sample(struct cu_keyed *list, size_t count_max)
{
    if (list->count <= count_max)
        return;
    qsort(list->entries, list->count, sizeof(*list->entries), smallest_hash_first);
    keep(list, count_max);
}

void cu_keyed_cut_first(struct cu_keyed *list, size_t count_max, size_t bytes_max)
{
    size_t count = 0, bytes = 0;

    while (count < list->count && count < count_max) {
        bytes += entry_bytes(list, &list->entries[count]);
        if (bytes > bytes_max)
            break;
        count++;
    }
    for (size_t i = count; i < list->count; i++)
        entry_free(&list->entries[i]);
    list->count = count;
}

/* --- encoded ---------------------------------------------------------------------------------- */

static size_t put_number(unsigned char *out, uint64_t n)
{
    size_t len = 0;

    for (; n >= 0x80; n >>= 7)
        out[len++] = (unsigned char)(n | 0x80);
    out[len++] = (unsigned char)n;
    return len;
}

static size_t shared_of(const struct cu_keyed_entry *before, const struct cu_keyed_entry *entry)
{
    size_t len = 0;

    while (before && len < before->key_len && len < entry->key_len &&
           before->key[len] == entry->key[len])
        len++;
    return len;
}

static int put_entry(const struct cu_keyed *list, size_t at, struct cu_buf **buf)
{
    const struct cu_keyed_entry *entry = &list->entries[at];
    size_t shared = shared_of(at > 0 ? entry - 1 : NULL, entry);
    uint64_t bits = 0;
    unsigned char *out;

    if (cu_buf_room(buf, entry_bytes(list, entry), 4096) != 0)
        return -ENOMEM;
    out = (*buf)->data + (*buf)->size;
    out += put_number(out, shared);
    out += put_number(out, entry->key_len - shared);
    memcpy(out, entry->key + shared, entry->key_len - shared);
    out += entry->key_len - shared;
    out += put_number(out, entry->weight);
    for (uint32_t i = 0; i < list->kind->width; i++)
        bits |= entry->numbers[i] != 0 ? UINT64_C(1) << i : 0;
    out += put_number(out, bits);
    for (uint32_t i = 0; i < list->kind->width; i++)
        if (entry->numbers[i] != 0)
            out += put_number(out, entry->numbers[i]);
    (*buf)->size = (size_t)(out - (*buf)->data);
    return 0;
}

int cu_keyed_encode(const struct cu_keyed *list, struct cu_buf **buf)
{
    unsigned char *out;

    if (cu_buf_room(buf, (size_t)3 * NUMBER_BYTES, 4096) != 0)
        return -ENOMEM;
    out = (*buf)->data + (*buf)->size;
    out += put_number(out, list->total);
    out += put_number(out, list->error);
    out += put_number(out, list->count);
    (*buf)->size = (size_t)(out - (*buf)->data);
    for (size_t i = 0; i < list->count; i++)
        if (put_entry(list, i, buf) != 0)
            return -ENOMEM;
    return 0;
}

struct reader {
    const unsigned char *bytes;
    size_t size, at;
};

/* At most max; there is one form of each number. */
static int take_number(struct reader *r, uint64_t max, uint64_t *n)
{
    unsigned char byte = 0;

    *n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at == r->size)
            return -EBADMSG;
        byte = r->bytes[r->at++];
        if (shift == 63 && byte > 1)
            return -EBADMSG;
        *n |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return *n > max || (byte == 0 && shift > 0) ? -EBADMSG : 0;
    }
    return -EBADMSG;
}

/* The key into entry, which has room for it. */
static int take_key(struct reader *r, const struct cu_keyed *list, struct cu_keyed_entry *entry)
{
    const struct cu_keyed_entry *before = list->count > 0 ? entry - 1 : NULL;
    uint64_t shared, rest;
    unsigned char *key;

    if (take_number(r, before ? before->key_len : 0, &shared) != 0 ||
        take_number(r, list->kind->key_max - shared, &rest) != 0 || rest > r->size - r->at)
        return -EBADMSG;
    key = malloc((size_t)(shared + rest) + 1);
    if (!key)
        return -ENOMEM;
    entry->key = key;
    entry->key_len = (uint32_t)(shared + rest);
    if (before && shared > 0)
        memcpy(key, before->key, (size_t)shared);
    memcpy(key + shared, r->bytes + r->at, (size_t)rest);
    key[entry->key_len] = '\0';
    r->at += (size_t)rest;
    /* All that it shares, and ascending. */
    if (before && (shared_of(before, entry) != shared || compare_entries(before, entry) >= 0))
        return -EBADMSG;
    return 0;
}

static int take_numbers(struct reader *r, const struct cu_keyed_kind *kind,
                        struct cu_keyed_entry *entry)
{
    uint64_t bits, all = kind->width == 64 ? UINT64_MAX : (UINT64_C(1) << kind->width) - 1;

    entry->numbers = calloc(kind->width, sizeof(uint64_t));
    if (!entry->numbers)
        return -ENOMEM;
    if (take_number(r, INT64_MAX, &entry->weight) != 0 || take_number(r, all, &bits) != 0)
        return -EBADMSG;
    for (uint32_t i = 0; i < kind->width; i++)
        if ((bits >> i & 1) != 0 &&
            (take_number(r, INT64_MAX, &entry->numbers[i]) != 0 || entry->numbers[i] == 0))
            return -EBADMSG;
    return 0;
}

int cu_keyed_decode(struct cu_keyed *list, const struct cu_keyed_kind *kind,
                    const unsigned char *bytes, size_t size, size_t *at)
{
    struct reader r = {.bytes = bytes, .size = size, .at = *at};
    uint64_t count;
    int rc = -EBADMSG;

    *list = (struct cu_keyed){.kind = kind};
    if (take_number(&r, INT64_MAX, &list->total) != 0 ||
        take_number(&r, INT64_MAX, &list->error) != 0 ||
        take_number(&r, kind->count_max, &count) != 0)
        goto out;
    while (list->count < count) {
        struct cu_keyed_entry *entry;

        rc = make_room(list, list->count + 1);
        if (rc != 0)
            goto out;
        entry = &list->entries[list->count];
        *entry = (struct cu_keyed_entry){0};
        rc = take_key(&r, list, entry);
        if (rc == 0)
            rc = take_numbers(&r, kind, entry);
        if (rc != 0) {
            entry_free(entry);
            goto out;
        }
        list->count++;
    }
    *at = r.at;
    return 0;
out:
    cu_keyed_free(list);
    return rc;
}
