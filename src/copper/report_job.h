/* SPDX-License-Identifier: BSD-3-Clause */
/* A job's figures, as the stop of a job with -P writes them (job.json), or as much of that as can
 * be asked of a job that runs. */
#ifndef CU_COPPER_REPORT_JOB_H
#define CU_COPPER_REPORT_JOB_H

#include "base/error.h"

#include <jansson.h>

/* More is not read: a job of 10,624 nodes takes a few MB. */
#define CU_REPORT_BYTES_MAX (UINT64_C(256) << 20)
#define CU_REPORT_FORMAT    1 /* member "report"; one that is higher is not known here */

/* Reads a file, or job.json in a directory. New reference; NULL with *err. */
json_t *cu_report_job_read(const char *path, struct cu_error *err);
/* Is it one that the page understands? 0, or -EINVAL with *err. What is not checked here, members
 * of other types for example, the page leaves out. */
__attribute__((warn_unused_result)) int cu_report_job_check(const json_t *job,
                                                            struct cu_error *err);
/* From the answers of the daemons to stats (of all and of each, with latencies) and to status,
 * which may be anything. New reference; NULL: out of memory. */
json_t *cu_report_job_make(const json_t *stats, const json_t *status);

#endif
