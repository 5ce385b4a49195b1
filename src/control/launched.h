/* SPDX-License-Identifier: BSD-3-Clause */
/* Daemons that were started by a launcher that was killed end by themselves. */
#ifndef CU_CONTROL_LAUNCHED_H
#define CU_CONTROL_LAUNCHED_H

#include "control/task.h"

/* Waits for the launcher's report that the launch succeeded, unless the job's launcher sends none.
 * 0 or -ENOMEM. */
int cu_launched_expect(struct cu_commands *commands, uint64_t now_ns);
/* The time of the launch is over: asks up the tree whether it succeeded, unless this node knows. */
void cu_launched_ask(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);
/* The answer, NULL: there is none. May stop this node. */
void cu_launched_confirm(struct cu_commands *commands, const json_t *result);

#endif
