/* SPDX-License-Identifier: BSD-3-Clause */
/* What a launcher that was killed has started ends by itself. */
#ifndef CU_CONTROL_LAUNCHED_H
#define CU_CONTROL_LAUNCHED_H

#include "control/task.h"

/* Waits for the launcher's word, unless the job has none. 0 or -ENOMEM. */
int cu_launched_expect(struct cu_commands *commands, uint64_t now_ns);
/* The launch should be over: asks whether it is known up the tree, unless it is here. */
void cu_launched_ask(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);
/* The answer, NULL: there is none. May stop this node. */
void cu_launched_confirm(struct cu_commands *commands, const json_t *result);

#endif
