/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to the whole job: each node asks its children, does its own part, and combines the
 * results on the way up. */
#ifndef CU_CONTROL_GATHER_H
#define CU_CONTROL_GATHER_H

#include "control/parts.h"
#include "control/task.h"

/* Asks the children, does this node's part and waits. The task may be finished at once.
 */
void cu_gather_start(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);
void cu_gather_result(struct cu_commands *commands, struct cu_task *task, uint32_t rank,
                      struct cu_buf *text);
/* The result of a child, which was read aside: the task may have ended meanwhile. NULL: it is no
 * JSON. parts: those that were in it. Both are borrowed, but what is taken out of them. */
void cu_gather_read(struct cu_commands *commands, uint32_t rank, uint64_t id, json_t *result,
                    struct cu_parts *parts);
/* The same, of this task. */
void cu_gather_take(struct cu_commands *commands, struct cu_task *task, uint32_t rank,
                    json_t *result, struct cu_parts *parts);
void cu_gather_child_down(struct cu_commands *commands, struct cu_task *task, uint32_t rank);
/* The core's effects are drained: ends this node's part when it is done. True when it was. The task
 * may be finished. */
bool cu_gather_poll(struct cu_commands *commands, struct cu_task *task);
/* Ends the task with the results received so far. */
void cu_gather_finish(struct cu_commands *commands, struct cu_task *task);
/* The result of a `stop` (borrowed) is complete: this node ends. */
void cu_gather_stopped(struct cu_commands *commands, const struct cu_commands_origin *origin,
                       json_t *result);
/* The answer to a `stop` is passed on. This node ends after its parent has ended, so that the end
 * of its connection tells the client that nothing runs above this node either. */
void cu_gather_outlive(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);

#endif
