/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes that still run in a namespace of copper run when the job is stopped, as a result's
 * "in_use": {"processes": N, "first": "node2: python3 (pid 4711)"}. NULL stands for none. */
#ifndef CU_CONTROL_INUSE_H
#define CU_CONTROL_INUSE_H

#include "control/spaces.h"

#include <jansson.h>

/* Those of this node, which is called host. New reference, or NULL: none. */
json_t *cu_inuse_own(const struct cu_spaces *spaces, const char *host);
/* Adds more (borrowed; a peer's, so anything may stand in it) to *sum, which it may create. */
void cu_inuse_add(json_t **sum, const json_t *more);

#endif
