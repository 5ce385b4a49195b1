/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow control: the wants of a child are worked on within a window of answers on their way, in each
 * tree. Further wants are parked, or refused. */
#ifndef CU_CORE_FLOW_H
#define CU_CORE_FLOW_H

#include "core/flowpath.h"
#include "proto/msg.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOW_BUCKETS 32u
/* In service, with what hangs; the last window is only for what does not. */
#define FLOW_WINDOWS_MAX 4u
#define FLOW_WANTS_MAX   2048u

struct cu_core;
struct neighbor;
struct waiter;

/* A child's want: worked on, parked or refused. -ENOMEM, -ENOBUFS: not even an answer is possible.
 */
int cu_flow_want(struct cu_core *core, struct neighbor *neighbor, uint64_t id,
                 const struct cu_msg_want *want);
/* Somebody below the child waits now for what it wanted with CU_WANT_LATER: that overtakes others
 * where it is parked, and where it is in service. Does nothing when it was answered. As above. */
int cu_flow_now(struct cu_core *core, struct neighbor *neighbor, uint64_t id,
                const struct cu_msg_want *want);
/* An answer did not leave: the child is told EBUSY instead. -ENOMEM. */
int cu_flow_unsent(struct cu_core *core, struct neighbor *neighbor, uint64_t id,
                   const struct cu_msg_answer *answer);
/* An answer to the child is about to be sent. */
void cu_flow_answered(struct cu_core *core, const struct waiter *waiter);
/* So many bytes wait on the child's connection. */
void cu_flow_queued(struct cu_core *core, struct neighbor *neighbor, uint64_t bytes);
/* Goes on with parked wants where there is room. True when there were any. */
bool cu_flow_pump(struct cu_core *core);
/* When there may be room for parked wants although nothing is answered; UINT64_MAX: never. */
uint64_t cu_flow_deadline(const struct cu_core *core);
/* How many bytes of answers to one child may be on their way in a tree, before more wants are
 * served. */
uint64_t cu_flow_window(const struct cu_core *core, uint32_t tree);
/* Does the child not even read what it was sent beyond its windows? */
bool cu_flow_is_deaf(const struct cu_core *core, const struct neighbor *neighbor);
/* Forgets what the child wanted. */
void cu_flow_child_lost(struct cu_core *core, struct neighbor *neighbor);

#endif
