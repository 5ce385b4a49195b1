/* SPDX-License-Identifier: BSD-3-Clause */
#include "proto/varint.h"

void cu_varint_put(struct cu_writer *w, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        cu_wire_put_u8(w, (uint8_t)(v | 128));
    cu_wire_put_u8(w, (uint8_t)v);
}

uint64_t cu_varint_get(struct cu_reader *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; !r->failed; shift += 7) {
        uint8_t byte = cu_wire_get_u8(r);

        if (shift > 63 || (shift == 63 && byte > 1) || (shift > 0 && byte == 0))
            break;
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return v;
    }
    r->failed = true;
    return 0;
}

size_t cu_varint_bytes(uint64_t v)
{
    size_t n = 1;

    for (; v >= 128; v >>= 7)
        n++;
    return n;
}
