/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for what there are very many of, or what is large: objects, names, inodes, buffers. What
 * is given back goes back to the kernel bit by bit, each time with a small bounded effort; malloc
 * collects it, and returns it in one go under a lock that every thread needs (malloc_trim). Any
 * thread.
 *
 * Where many small ones are given back in no order, nearly all of their memory becomes free with
 * the last of them. So a thread that must not take long has another one return it. */
#ifndef CU_BASE_MEM_H
#define CU_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* A chunk of a file (256 KiB) and the head of its buffer: a size without waste. */
#define CU_MEM_CHUNK_BYTES ((size_t)256 * 1024 + 64)

/* size bytes, aligned to 16; contents undefined. NULL: out of memory. */
__attribute__((malloc, warn_unused_result)) void *cu_mem_take(size_t size);
/* The same, all zero. */
__attribute__((malloc, warn_unused_result)) void *cu_mem_zero(size_t size);
/* size: the one that was asked for. NULL does nothing. */
void cu_mem_give(void *at, size_t size);
/* From now on cu_mem_give does not return memory to the kernel; cu_mem_return does. */
void cu_mem_return_later(void);
/* Is there memory to be returned? Cheap. */
bool cu_mem_owes(void);
/* Returns it, in small steps. */
void cu_mem_return(void);

#endif
