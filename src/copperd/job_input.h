/* SPDX-License-Identifier: BSD-3-Clause */
/* The job description that a daemon is started with (proto/job.h). */
#ifndef CU_COPPERD_JOB_INPUT_H
#define CU_COPPERD_JOB_INPUT_H

#include "base/error.h"
#include "proto/job.h"

/* Reads it from the file path, NULL: from standard input, which is then silenced. Enters the job's
 * group, for which the program may be executed again with argv; group_note tells why that was not
 * possible. 0, or -errno with err: nothing is owned then. */
__attribute__((warn_unused_result)) int cu_job_input(const char *path, char **argv,
                                                     struct cu_job *job,
                                                     struct cu_error *group_note,
                                                     struct cu_error *err);

#endif
