/* SPDX-License-Identifier: BSD-3-Clause */
/* The size of a daemon's cache: the default, and what fits. */
#ifndef CU_HOST_MEMORY_H
#define CU_HOST_MEMORY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define CU_MEMORY_CACHE_MAX (8ull << 30)
#define CU_MEMORY_CACHE_MIN                                                                        \
    (32ull << 20) /* below it, a single import of a large package thrashes */

/* The memory this process can have: the node's, or less by its control group (version 1 or 2) or a
 * group above it. root is a prefix of /proc and /sys (tests; NULL: none). 0 when not known.
 * *of_group (NULL: not asked): is it the control group's? */
uint64_t cu_memory_limit(const char *root, bool *of_group);
/* A quarter of that, within the bounds above. */
uint64_t cu_memory_default_cache(const char *root);
/* The cache that a daemon can have here without being killed for it, into *bytes: wish (0: the
 * default), at most three quarters of the limit. 0; 1: it is less than wish, and note says why;
 * -ENOMEM with note: not even a daemon with the smallest cache fits. */
__attribute__((warn_unused_result)) int cu_memory_cache(uint64_t wish, const char *root,
                                                        uint64_t *bytes, struct cu_error *note);

#endif
