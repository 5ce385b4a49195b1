/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks requests. */
#ifndef CU_CONTROL_REQUEST_H
#define CU_CONTROL_REQUEST_H

#include "control/task.h"

/* The op of the request; false: there is none of that name. */
bool cu_request_op(const json_t *request, enum cu_task_op *op);
/* Brings the fields of a request into the form that all nodes expect. NULL, or what is wrong. */
const char *cu_request_check(struct cu_commands *commands, struct cu_task *task);

#endif
