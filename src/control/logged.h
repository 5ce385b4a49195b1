/* SPDX-License-Identifier: BSD-3-Clause */
/* The logs of all nodes as one, page by page (proto/logpage.h): the member "page" of the results of
 * `log`, its bytes in base64. */
#ifndef CU_CONTROL_LOGGED_H
#define CU_CONTROL_LOGGED_H

#include "control/parts.h"
#include "control/task.h"
#include "proto/logpage.h"

/* Is "after" of the request, if it is there, a place in a log? */
bool cu_logged_check(const struct cu_task *task);
/* Begins; a job without a log, or that does not collect it unless it is asked to, is answered at
 * once. */
void cu_logged_begin(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);
/* This node's part into task->page. */
void cu_logged_own(struct cu_commands *commands, struct cu_task *task);
/* Adds the page of a child's result that speaks for these ranks; one that cannot be used leaves
 * them silent. */
void cu_logged_add(struct cu_task *task, const struct cu_idset *ranks, struct cu_parts *parts);
/* The page into task->parts, and, for the client, what it has to know of the job into the result.
 */
void cu_logged_put(const struct cu_commands *commands, struct cu_task *task, json_t *result);
/* New reference; NULL: out of memory, or too long for a result. */
json_t *cu_logged_json(const struct cu_logpage *page);
/* The page in text (borrowed; anything may stand in it), a new one; NULL: it is none, or out of
 * memory. */
struct cu_logpage *cu_logged_read(const json_t *text);

#endif
