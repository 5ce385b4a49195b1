/* SPDX-License-Identifier: BSD-3-Clause */
/* A key is where the line stands, highest byte first, and then its text: so the order of the keys
 * is that of the lines. The lists' numbers and weights are not used. */
#include "proto/logpage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VERSION     1u
#define ENTRY_BYTES 40u /* of a line, beside its key, at most */

static void put(unsigned char *out, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (unsigned char)(n >> (8 * (bytes - 1 - i)));
}

static uint64_t take(const unsigned char *in, unsigned bytes)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | in[i];
    return n;
}

static void put_at(const struct cu_logpage_at *at, unsigned char out[CU_LOGPAGE_AT_BYTES])
{
    put(out, at->us, 8);
    put(out + 8, at->rank, 4);
    put(out + 12, at->number, 4);
}

static void take_at(const unsigned char in[CU_LOGPAGE_AT_BYTES], struct cu_logpage_at *at)
{
    at->us = take(in, 8);
    at->rank = (uint32_t)take(in + 8, 4);
    at->number = (uint32_t)take(in + 12, 4);
}

int cu_logpage_compare(const struct cu_logpage_at *a, const struct cu_logpage_at *b)
{
    unsigned char x[CU_LOGPAGE_AT_BYTES], y[CU_LOGPAGE_AT_BYTES];

    put_at(a, x);
    put_at(b, y);
    return memcmp(x, y, sizeof(x));
}

void cu_logpage_at_text(const struct cu_logpage_at *at, char out[CU_LOGPAGE_AT_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[CU_LOGPAGE_AT_BYTES];

    put_at(at, bytes);
    for (size_t i = 0; i < CU_LOGPAGE_AT_TEXT; i++)
        out[i] = digits[bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
    out[CU_LOGPAGE_AT_TEXT] = '\0';
}

bool cu_logpage_at_read(const char *text, struct cu_logpage_at *at)
{
    unsigned char bytes[CU_LOGPAGE_AT_BYTES] = {0};

    if (strlen(text) != CU_LOGPAGE_AT_TEXT)
        return false;
    for (size_t i = 0; i < CU_LOGPAGE_AT_TEXT; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return false;
        bytes[i / 2] = (unsigned char)(bytes[i / 2] << 4 | digit);
    }
    take_at(bytes, at);
    return true;
}

struct cu_logpage *cu_logpage_new(void)
{
    struct cu_logpage *page = calloc(1, sizeof(*page));

    if (!page)
        return NULL;
    page->kind = (struct cu_keyed_kind){
        .width = 1,
        .key_max = CU_LOGPAGE_AT_BYTES + CU_LOGPAGE_LINE_MAX,
        .count_max = CU_LOGPAGE_LINES,
    };
    page->lines.kind = &page->kind;
    return page;
}

void cu_logpage_free(struct cu_logpage *page)
{
    if (!page)
        return;
    cu_keyed_free(&page->lines);
    free(page);
}

static void cut(struct cu_logpage *page)
{
    cu_keyed_cut_first(&page->lines, CU_LOGPAGE_LINES, CU_LOGPAGE_BYTES);
}

int cu_logpage_add(struct cu_logpage *page, const struct cu_logpage_at *at, const char *line,
                   size_t len)
{
    unsigned char key[CU_LOGPAGE_AT_BYTES + CU_LOGPAGE_LINE_MAX];
    uint64_t left = cu_logpage_left(page);

    if (len > CU_LOGPAGE_LINE_MAX)
        len = CU_LOGPAGE_LINE_MAX;
    put_at(at, key);
    memcpy(key + CU_LOGPAGE_AT_BYTES, line, len);
    if (left == 0 && !cu_keyed_at(&page->lines, key, CU_LOGPAGE_AT_BYTES + len))
        return -ENOMEM;
    page->lines.total++;
    page->bytes += CU_LOGPAGE_AT_BYTES + len + ENTRY_BYTES;
    if (left == 0 && (page->lines.count > CU_LOGPAGE_LINES || page->bytes > CU_LOGPAGE_BYTES))
        cut(page);
    return 0;
}

/* Where the lines of a page end that has not all; false: it has. */
static bool end_of(const struct cu_logpage *page, struct cu_logpage_at *end)
{
    size_t len;

    if (page->lines.count == 0 || cu_logpage_left(page) == 0)
        return false;
    (void)cu_logpage_line(page, page->lines.count - 1, end, &len);
    return true;
}

/* Behind an end there are lines that are not here, so what is here of others comes too early. */
static void cut_behind(struct cu_logpage *page, const struct cu_logpage_at *end)
{
    size_t count = page->lines.count;
    struct cu_logpage_at at;
    size_t len;

    while (count > 0) {
        (void)cu_logpage_line(page, count - 1, &at, &len);
        if (cu_logpage_compare(&at, end) <= 0)
            break;
        count--;
    }
    cu_keyed_cut_first(&page->lines, count, SIZE_MAX);
}

int cu_logpage_merge(struct cu_logpage *page, struct cu_logpage *from)
{
    struct cu_logpage_at ends[2];
    bool ended[2] = {end_of(page, &ends[0]), end_of(from, &ends[1])};
    int rc = cu_keyed_merge(&page->lines, &from->lines);

    if (rc != 0)
        return rc;
    for (int i = 0; i < 2; i++)
        if (ended[i])
            cut_behind(page, &ends[i]);
    cut(page);
    return 0;
}

size_t cu_logpage_count(const struct cu_logpage *page)
{
    return page->lines.count;
}

uint64_t cu_logpage_left(const struct cu_logpage *page)
{
    return page->lines.total - page->lines.count;
}

const char *cu_logpage_line(const struct cu_logpage *page, size_t i, struct cu_logpage_at *at,
                            size_t *len)
{
    const struct cu_keyed_entry *entry = &page->lines.entries[i];

    take_at(entry->key, at);
    *len = entry->key_len - CU_LOGPAGE_AT_BYTES;
    return (const char *)entry->key + CU_LOGPAGE_AT_BYTES;
}

struct cu_buf *cu_logpage_encode(const struct cu_logpage *page)
{
    struct cu_buf *buf = NULL;

    if (cu_buf_room(&buf, 1, 65536) != 0)
        return NULL;
    buf->data[buf->size++] = VERSION;
    if (cu_keyed_encode(&page->lines, &buf) != 0) {
        cu_buf_unref(buf);
        return NULL;
    }
    return buf;
}

/* Two lines are never at one place, and there are not fewer than are here. */
static bool is_sound(const struct cu_logpage *page)
{
    const struct cu_keyed *lines = &page->lines;

    if (lines->total < lines->count)
        return false;
    for (size_t i = 0; i < lines->count; i++) {
        const struct cu_keyed_entry *entry = &lines->entries[i];

        if (entry->key_len < CU_LOGPAGE_AT_BYTES || entry->weight != 0 || entry->numbers[0] != 0 ||
            (i > 0 && memcmp(entry[-1].key, entry->key, CU_LOGPAGE_AT_BYTES) == 0))
            return false;
    }
    return lines->error == 0;
}

int cu_logpage_decode(const void *bytes, size_t size, struct cu_logpage **page)
{
    const unsigned char *data = bytes;
    struct cu_logpage *p;
    size_t at = 1;
    int rc;

    *page = NULL;
    if (size == 0)
        return -EBADMSG;
    if (data[0] != VERSION)
        return -ENOTSUP;
    p = cu_logpage_new();
    if (!p)
        return -ENOMEM;
    rc = cu_keyed_decode(&p->lines, &p->kind, data, size, &at);
    if (rc == 0 && (at != size || !is_sound(p)))
        rc = -EBADMSG;
    if (rc != 0) {
        cu_logpage_free(p);
        return rc;
    }
    *page = p;
    return 0;
}
