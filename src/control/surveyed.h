/* SPDX-License-Identifier: BSD-3-Clause */
/* The survey of a job (-P; proto/survey.h) on its way through the tree: the member "survey" of the
 * results of a `stop`, and of `stats` where it was asked for, its bytes in base64, which each node
 * merges with its own. */
#ifndef CU_CONTROL_SURVEYED_H
#define CU_CONTROL_SURVEYED_H

#include "control/parts.h"
#include "control/task.h"
#include "proto/survey.h"

/* This node's part into task->parts, where the job has one. */
void cu_surveyed_own(struct cu_commands *commands, struct cu_task *task);
/* Adds the survey of a child's result that speaks for these ranks. What cannot be used is left out,
 * as if its nodes were silent. */
void cu_surveyed_add(struct cu_commands *commands, struct cu_task *task,
                     const struct cu_idset *ranks, const json_t *result, struct cu_parts *parts);
/* What the client has to know of the job into the result. */
void cu_surveyed_put(const struct cu_commands *commands, const struct cu_task *task,
                     json_t *result);
/* Of this job. */
struct cu_survey_limits cu_surveyed_limits(const struct cu_commands *commands);
/* New reference; NULL: out of memory, or too long for a result. */
json_t *cu_surveyed_json(const struct cu_survey *survey);
/* The survey in text (borrowed; anything may stand in it), a new one; NULL: it is none, or out of
 * memory. */
struct cu_survey *cu_surveyed_read(const json_t *text, const struct cu_survey_limits *limits);

#endif
