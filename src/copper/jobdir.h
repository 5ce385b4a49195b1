/* SPDX-License-Identifier: BSD-3-Clause */
/* The directory in which the report of a job with -P is kept: copper-JOB, JOB the first 8 digits of
 * the job's id, in the directory given with -d, else where the job was launched. */
#ifndef CU_COPPER_JOBDIR_H
#define CU_COPPER_JOBDIR_H

#include "base/path.h"
#include "proto/job.h"

#include <jansson.h>

/* Sets when the job is launched, now, and where its report goes: where its logs go, if that was
 * chosen, else the working directory. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_jobdir_note(struct cu_job *job);
/* Opens that directory of a job (its id in hex digits) below parent (absolute; NULL: the working
 * directory), which is made, and says which it is. It is never another user's. 0; -errno with err.
 */
struct cu_trust_dir;
__attribute__((warn_unused_result)) int cu_jobdir_open(const char *parent, const char *job,
                                                       char path[CU_PATH_MAX],
                                                       struct cu_trust_dir *dir,
                                                       struct cu_error *err);
/* Writes the report that is in the answer to a `stop` (which may be anything) below parent
 * (absolute; NULL: the working directory), as far as there is one, and prints where, or why not. A
 * new reference to the report's advice; NULL: there is no report. */
json_t *cu_jobdir_keep(const char *parent, const json_t *answer);

#endif
