/* SPDX-License-Identifier: BSD-3-Clause */
/* `top` requests: what the job did in the last second (sample.h). However many ask, the nodes are
 * asked about once a second: who comes while the answers are gathered waits for these, and who
 * comes within CU_SAMPLED_SHARED_MS after that gathering began gets the same answer again. This
 * one answer is all that is kept. */
#ifndef CU_CONTROL_SAMPLED_H
#define CU_CONTROL_SAMPLED_H

#include "control/task.h"

#define CU_SAMPLED_SHARED_MS  900u
#define CU_SAMPLED_RANKS_MAX  1024u /* bytes of a list of ranks in an answer; more are left out */
#define CU_SAMPLED_TIMEOUT_MS 900u  /* for a request that says nothing of it */

/* At the root: answers at once, begins to gather, or waits for who did. */
void cu_sampled_begin(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);
/* This node's part, into task->sample. */
void cu_sampled_own(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);
/* Takes the part of a child, which speaks for ranks. */
void cu_sampled_add(struct cu_commands *commands, struct cu_task *task,
                    const struct cu_idset *ranks, uint32_t child, const json_t *result);
/* Adds the sample to the result of this node and those below it. */
void cu_sampled_finish(struct cu_commands *commands, struct cu_task *task, json_t *result);
/* The root's result for the client, into which the nodes that are not in it come. All who wait for
 * it are answered. */
void cu_sampled_answer(struct cu_commands *commands, struct cu_task *task, json_t *result);
/* Of a task that ends. */
void cu_sampled_free(struct cu_sample *sample);

#endif
