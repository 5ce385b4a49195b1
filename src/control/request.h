/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks requests. */
#ifndef CU_CONTROL_REQUEST_H
#define CU_CONTROL_REQUEST_H

#include "control/task.h"

/* The op of the request; false: there is none of that name. */
bool cu_request_op(const json_t *request, enum cu_task_op *op);
/* Into reduced: what a task keeps of a request, a new object of numbers, texts and truth values
 * that op uses. A waiting request takes no more memory than these, whatever else its text had.
 * NULL, or what is wrong. *reduced is NULL then, or when out of memory. */
const char *cu_request_reduce(const json_t *request, enum cu_task_op op, json_t **reduced);
/* Brings the fields of a request into the form that all nodes expect. NULL, or what is wrong. */
const char *cu_request_check(struct cu_commands *commands, struct cu_task *task);

#endif
