/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of a watched process. */
#ifndef CU_HOST_WATCH_MEMORY_H
#define CU_HOST_WATCH_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 0, or -errno; -EFAULT: not all of it is there. */
__attribute__((warn_unused_result)) int cu_watch_read(pid_t pid, uint64_t at, void *to,
                                                      size_t size);
/* A string with its NUL. Its length or -errno; -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int cu_watch_read_text(pid_t pid, uint64_t at, char *to,
                                                           size_t size);

#define CU_WATCH_WORDS_MAX 65536u /* of arguments, and of environment; more is left out */

struct cu_watch_words {
    char *bytes; /* owned; strings with their NULs */
    size_t size, arguments_size, capacity;
};

/* The strings of two vectors that a NULL ends: arguments, environment. As far as they can be read.
 */
void cu_watch_read_words(pid_t pid, uint64_t arguments, uint64_t environment,
                         struct cu_watch_words *words);

#endif
