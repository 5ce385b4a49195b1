/* SPDX-License-Identifier: BSD-3-Clause */
/* Readiness, counted up tree 0: the set of ready ranks of each child and of this node itself. */
#ifndef CU_CORE_READY_H
#define CU_CORE_READY_H

#include <stdint.h>

struct cu_core;
struct neighbor;

/* 0 or -ENOMEM. */
int cu_ready_init(struct cu_core *core);
/* The mount stands, or a tree is joined: this node may be ready now. */
void cu_ready_check_self(struct cu_core *core);
/* The set of ready ranks at and below a child, whole. */
void cu_ready_hear(struct cu_core *core, struct neighbor *child, uint32_t first, uint32_t count,
                   const uint8_t *bits);
/* A child has told in which trees this node is its parent. */
void cu_ready_joined(struct cu_core *core);
/* The child's connection has ended: its set is dropped. */
void cu_ready_forget(struct cu_core *core, struct neighbor *child);
/* The parent in tree 0 is new: the whole set must be sent to it. */
void cu_ready_resend(struct cu_core *core);
void cu_ready_tick(struct cu_core *core);
/* The READY message could not be made: try again a little later. */
void cu_ready_later(struct cu_core *core);

#endif
