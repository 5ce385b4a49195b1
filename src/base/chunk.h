/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for chunks of files: blocks of one size, from huge pages where the kernel has them. Any
 * thread. For buf.c; others use cu_buf_new. */
#ifndef CU_BASE_CHUNK_H
#define CU_BASE_CHUNK_H

#include <stddef.h>

#define CU_CHUNK_SLOT_BYTES ((size_t)256 * 1024 + 64)

/* A block of CU_CHUNK_SLOT_BYTES, aligned to 64; NULL: out of memory. */
void *cu_chunk_take(void);
void cu_chunk_give(void *chunk);
/* Gives unused memory back to the system. */
void cu_chunk_trim(void);

#endif
