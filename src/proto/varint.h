/* SPDX-License-Identifier: BSD-3-Clause */
/* Integers in as few bytes as they need: seven bits a byte, lowest first, all but the last with the
 * eighth bit set. */
#ifndef CU_PROTO_VARINT_H
#define CU_PROTO_VARINT_H

#include "proto/wire.h"

void cu_varint_put(struct cu_writer *w, uint64_t v);
/* A value that needs more than 64 bits, or ends in a byte of zeros, sets `failed`. */
uint64_t cu_varint_get(struct cu_reader *r);
/* What cu_varint_put writes. */
size_t cu_varint_bytes(uint64_t v);

#endif
