/* SPDX-License-Identifier: BSD-3-Clause */
/* Reference-counted buffers for chunks, listings and encoded messages. A payload is received once
 * and passed to the cache, to several children and to the kernel without a copy. The count is
 * atomic: a buffer is filled by one thread and only read afterwards. */
#ifndef CU_BASE_BUF_H
#define CU_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct cu_buf {
    uint32_t refs;     /* atomic */
    uint16_t digested; /* digest is there */
    uint16_t hashed;   /* hash is there */
    size_t size;       /* bytes in use, may be set below capacity by the filler */
    size_t capacity;   /* as it was asked for */
    uint64_t hash;     /* of the bytes, as they were received: see cu_buf_hash */
    /* The transport's, of the bytes. Both are written by the filler, or on the transport's thread.
     */
    uint8_t digest[16];
    unsigned char data[];
};

/* New buffer with one reference, size = capacity, contents undefined; NULL when out of memory. */
struct cu_buf *cu_buf_new(size_t capacity);
/* New buffer holding a copy of size bytes; NULL when out of memory. */
struct cu_buf *cu_buf_copy(const void *bytes, size_t size);
/* Room for size more bytes behind those in use; *buf may be replaced by a larger one, and is not
 * shared. NULL: a new, empty one of at least start bytes. 0 or -ENOMEM: *buf is as it was. */
__attribute__((warn_unused_result)) int cu_buf_room(struct cu_buf **buf, size_t size, size_t start);
/* cu_hash_bytes of the bytes. Of a large payload it was made while that was received. */
uint64_t cu_buf_hash(const struct cu_buf *buf);
/* Adds a reference; returns buf. NULL is passed through. */
struct cu_buf *cu_buf_ref(struct cu_buf *buf);
/* Drops a reference; the last frees. NULL does nothing. */
void cu_buf_unref(struct cu_buf *buf);

#endif
