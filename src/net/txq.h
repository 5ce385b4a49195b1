/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers that wait to be written to a stream, by reference, in order. */
#ifndef CU_NET_TXQ_H
#define CU_NET_TXQ_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct cu_txq {
    struct cu_buf **ring; /* capacity is a power of two */
    uint32_t first;
    uint32_t count;
    uint32_t capacity;
    size_t offset;  /* bytes of the first buffer that were written already */
    uint64_t bytes; /* all that wait */
};

/* Takes the references of both, or of none (-ENOMEM). Drops those to buffers of size 0; NULL is
 * allowed. */
__attribute__((warn_unused_result)) int cu_txq_push(struct cu_txq *q, struct cu_buf *a,
                                                    struct cu_buf *b);
/* Room for two: 0 or -ENOMEM. Then the push cannot fail. */
__attribute__((warn_unused_result)) int cu_txq_reserve(struct cu_txq *q);
void cu_txq_push_reserved(struct cu_txq *q, struct cu_buf *a, struct cu_buf *b);
/* Names up to iov_max pieces from the front, of together at most bytes_max (over 0). Returns how
 * many; *total their bytes. They stay valid until advanced over. */
unsigned cu_txq_peek(const struct cu_txq *q, uv_buf_t *iov, unsigned iov_max, uint64_t bytes_max,
                     uint64_t *total);
/* Copies up to size bytes from the front, which stay. Returns how many. */
size_t cu_txq_copy(const struct cu_txq *q, void *to, size_t size);
/* The first size bytes are gone. */
void cu_txq_advance(struct cu_txq *q, uint64_t size);
void cu_txq_clear(struct cu_txq *q);

#endif
