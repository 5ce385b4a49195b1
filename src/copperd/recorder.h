/* SPDX-License-Identifier: BSD-3-Clause */
/* Records what this node's kernel asks for, as a recipe (proto/recipe.h). What the kernel answers
 * from its own caches was asked for before. One thread.
 *
 * Memory is bounded: after CU_RECORDER_PATHS paths no further ones are recorded. */
#ifndef CU_COPPERD_RECORDER_H
#define CU_COPPERD_RECORDER_H

#include "front/front.h"
#include "proto/recipe.h"

#define CU_RECORDER_PATHS 65536u

struct cu_recorder;

/* inline_bytes: a file up to this size is read as a whole, with its attributes. max_bytes: a larger
 * one does not travel through the trees, and its content is not recorded. NULL: out of memory. */
struct cu_recorder *cu_recorder_create(uint64_t inline_bytes, uint64_t max_bytes);
/* NULL does nothing. */
void cu_recorder_destroy(struct cu_recorder *recorder);
void cu_recorder_asked(struct cu_recorder *recorder, const struct cu_front_asked *asked);
/* A listing gives the kernel this name with its attributes. Whether a process uses it is not seen
 * here, so it counts as used. */
void cu_recorder_given(struct cu_recorder *recorder, const char *path, size_t path_len);
/* What was recorded so far. It does not change until it has been returned as often as it was lent,
 * so that another thread may read it. NULL: out of memory; then there is nothing to return. */
const struct cu_recipe *cu_recorder_lend(struct cu_recorder *recorder);
void cu_recorder_return(struct cu_recorder *recorder);

#endif
