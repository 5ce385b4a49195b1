/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounds-checked little-endian cursor. Reading past the end, or writing past capacity, sets
 * `failed` and yields zeros: a decoder reads all its fields and checks once. Floats are not on the
 * wire. */
#ifndef CU_PROTO_WIRE_H
#define CU_PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_reader {
    const unsigned char *data; /* borrowed */
    size_t size;
    size_t at;
    bool failed;
};

struct cu_writer {
    unsigned char *data; /* borrowed */
    size_t capacity;
    size_t at;
    bool failed;
};

void cu_reader_init(struct cu_reader *r, const void *data, size_t size);
uint8_t cu_wire_get_u8(struct cu_reader *r);
uint16_t cu_wire_get_u16(struct cu_reader *r);
uint32_t cu_wire_get_u32(struct cu_reader *r);
uint64_t cu_wire_get_u64(struct cu_reader *r);
int64_t cu_wire_get_i64(struct cu_reader *r);
/* Pointer to size bytes inside the input (borrowed), or NULL with failed set. */
const void *cu_wire_get_bytes(struct cu_reader *r, size_t size);
/* True when nothing failed and every byte was read. */
bool cu_reader_done(const struct cu_reader *r);

void cu_writer_init(struct cu_writer *w, void *data, size_t capacity);
void cu_wire_put_u8(struct cu_writer *w, uint8_t v);
void cu_wire_put_u16(struct cu_writer *w, uint16_t v);
void cu_wire_put_u32(struct cu_writer *w, uint32_t v);
void cu_wire_put_u64(struct cu_writer *w, uint64_t v);
void cu_wire_put_i64(struct cu_writer *w, int64_t v);
void cu_wire_put_bytes(struct cu_writer *w, const void *data, size_t size);

#endif
