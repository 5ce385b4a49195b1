/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of parents and results of storage, as they come in: each is checked here against what was
 * asked, and becomes one event of its flight. */
#ifndef CU_CORE_ARRIVALS_H
#define CU_CORE_ARRIVALS_H

#include "proto/msg.h"

#include <stdint.h>

struct cu_core;

/* An ANSWER from a parent. Anything may stand in it. */
void cu_arrival_answer(struct cu_core *core, uint32_t rank, uint64_t id,
                       const struct cu_msg_answer *answer);
/* A want that did not leave. */
void cu_arrival_unsent(struct cu_core *core, uint32_t rank, uint64_t id);
/* A CHECKED from a parent. Anything may stand in it. */
void cu_arrival_checked(struct cu_core *core, uint32_t rank, const struct cu_buf *answers);
/* A CHECK that did not leave. */
void cu_arrival_unasked(struct cu_core *core, uint32_t rank, const struct cu_buf *questions);
/* The result of a storage operation. */
void cu_arrival_stored(struct cu_core *core, uint64_t id, const struct cu_value *value);

#endif
