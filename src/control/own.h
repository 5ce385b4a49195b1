/* SPDX-License-Identifier: BSD-3-Clause */
/* A node's own part of a request to the whole job, to which its children's results are added. */
#ifndef CU_CONTROL_OWN_H
#define CU_CONTROL_OWN_H

#include "control/task.h"

/* LEARN: notes the recipe's name, if it is the first, and finishes the task. */
void cu_own_learn(struct cu_commands *commands, struct cu_task *task);
/* DOCTOR: finishes the task, or has it wait until the driver knows; late: not any longer. True: it
 * is finished. */
bool cu_own_doctor(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns, bool late);
/* Begins this node's part of the task; when it is done at once, task->own_open is false. */
void cu_own_part(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);

#endif
