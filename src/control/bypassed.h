/* SPDX-License-Identifier: BSD-3-Clause */
/* What nodes read past the trees because of -M, as a result's "bypassed": {"bytes": N, "largest":
 * N, "fits": N, "files": {PATH: BYTES}}; fits: the size of the largest that the cache has room for,
 * 0: of none. NULL stands for nothing. The files are the heaviest few of each node,
 * added up on the way to the root, so each figure is a lower bound; "bytes", "largest"
 * and "fits" are exact. */
#ifndef CU_CONTROL_BYPASSED_H
#define CU_CONTROL_BYPASSED_H

#include "core/core.h"

#include <jansson.h>

#define CU_BYPASSED_FILES_MAX 8u

/* What this node has read. New reference, or NULL: nothing. */
json_t *cu_bypassed_own(const struct cu_core *core);
/* Adds more (borrowed; a peer's, so anything may stand in it) to *sum, which it may create. */
void cu_bypassed_add(json_t **sum, const json_t *more);
/* "12.0 MB were read by nodes themselves, past the trees, as files above -M: PATH 12.0 MB; -M 4MB
 * would have avoided this", or that it would have for the files that the cache has room for, or
 * that there is none. Length; 0: nothing. The paths may be a peer's: anything. */
size_t cu_bypassed_text(const json_t *bypassed, char *out, size_t size);
/* Leaves the heaviest files. */
void cu_bypassed_cut(json_t *sum);

#endif
