/* SPDX-License-Identifier: BSD-3-Clause */
/* The default size of a daemon's cache. */
#ifndef CU_HOST_MEMORY_H
#define CU_HOST_MEMORY_H

#include <stdint.h>

#define CU_MEMORY_CACHE_MAX (8ull << 30)
#define CU_MEMORY_CACHE_MIN                                                                        \
    (32ull << 20) /* below it, a single import of a large package thrashes */

/* The memory this process can have: the node's, or less by its control group (version 1 or 2) or a
 * group above it. root is a prefix of /proc and /sys (tests; NULL: none). 0 when not known. */
uint64_t cu_memory_limit(const char *root);
/* A quarter of that, within the bounds above. */
uint64_t cu_memory_default_cache(const char *root);

#endif
