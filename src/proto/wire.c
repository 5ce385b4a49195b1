/* SPDX-License-Identifier: BSD-3-Clause */
/* Cursors over untrusted bytes. All fields of messages are read and written here, so that a missing
 * length check elsewhere cannot lead to a read outside of the input.
 *
 * Invariants: at <= size (capacity). `failed` stays set once it is, and then nothing moves any
 * more. */
#include "proto/wire.h"

#include <assert.h>
#include <string.h>

static const unsigned char *take(struct cu_reader *r, size_t size)
{
    const unsigned char *p;

    assert(r->at <= r->size);
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return NULL;
    }
    p = r->data + r->at;
    r->at += size;
    return p;
}

static unsigned char *reserve(struct cu_writer *w, size_t size)
{
    unsigned char *p;

    assert(w->at <= w->capacity);
    if (w->failed || size > w->capacity - w->at) {
        w->failed = true;
        return NULL;
    }
    p = w->data + w->at;
    w->at += size;
    return p;
}

static uint64_t get(struct cu_reader *r, size_t size)
{
    const unsigned char *p = take(r, size);
    uint64_t v = 0;

    if (!p)
        return 0;
    for (size_t i = 0; i < size; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void put(struct cu_writer *w, uint64_t v, size_t size)
{
    unsigned char *p = reserve(w, size);

    if (!p)
        return;
    for (size_t i = 0; i < size; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

void cu_reader_init(struct cu_reader *r, const void *data, size_t size)
{
    static const unsigned char nothing[1];

    /* Arithmetic on NULL is undefined, even by 0 bytes. */
    *r = (struct cu_reader){.data = data ? data : nothing, .size = data ? size : 0};
}

uint8_t cu_wire_get_u8(struct cu_reader *r)
{
    return (uint8_t)get(r, 1);
}

uint16_t cu_wire_get_u16(struct cu_reader *r)
{
    return (uint16_t)get(r, 2);
}

uint32_t cu_wire_get_u32(struct cu_reader *r)
{
    return (uint32_t)get(r, 4);
}

uint64_t cu_wire_get_u64(struct cu_reader *r)
{
    return get(r, 8);
}

int64_t cu_wire_get_i64(struct cu_reader *r)
{
    return (int64_t)get(r, 8);
}

const void *cu_wire_get_bytes(struct cu_reader *r, size_t size)
{
    return take(r, size);
}

bool cu_reader_done(const struct cu_reader *r)
{
    return !r->failed && r->at == r->size;
}

void cu_writer_init(struct cu_writer *w, void *data, size_t capacity)
{
    *w = (struct cu_writer){.data = data, .capacity = data ? capacity : 0};
}

void cu_wire_put_u8(struct cu_writer *w, uint8_t v)
{
    put(w, v, 1);
}

void cu_wire_put_u16(struct cu_writer *w, uint16_t v)
{
    put(w, v, 2);
}

void cu_wire_put_u32(struct cu_writer *w, uint32_t v)
{
    put(w, v, 4);
}

void cu_wire_put_u64(struct cu_writer *w, uint64_t v)
{
    put(w, v, 8);
}

void cu_wire_put_i64(struct cu_writer *w, int64_t v)
{
    put(w, (uint64_t)v, 8);
}

void cu_wire_put_bytes(struct cu_writer *w, const void *data, size_t size)
{
    unsigned char *p;

    if (size == 0)
        return;
    p = reserve(w, size);
    if (p)
        memcpy(p, data, size);
}
