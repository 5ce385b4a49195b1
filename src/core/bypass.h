/* SPDX-License-Identifier: BSD-3-Clause */
/* What this node reads from storage itself, past the trees, only because the file is larger than
 * max_cacheable_bytes. What the root of a tree reads is not counted: it would read that anyway. The
 * largest that would fit into three quarters of the cache is known for advice: a larger
 * max_cacheable_bytes helps such files. The size counts, as it does for the limit: a sparse file
 * may be far larger than what it takes on storage. */
#ifndef CU_CORE_BYPASS_H
#define CU_CORE_BYPASS_H

#include <stdbool.h>
#include <stddef.h>

struct cu_core;
struct object;

/* Is the object of a file that is too large for the trees? */
bool cu_bypass_applies(const struct cu_core *core, const struct object *object);
/* Storage gave so many bytes of a DATA object past the trees. */
void cu_bypass_count(struct cu_core *core, const struct object *object, size_t bytes);
void cu_bypass_free(struct cu_core *core);

#endif
