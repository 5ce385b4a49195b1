/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table of proto/job one by one, for its text form and for who shows all of them. */
#ifndef CU_PROTO_JOB_OPTIONS_H
#define CU_PROTO_JOB_OPTIONS_H

#include "proto/job.h"

#define CU_JOB_VALUE_MAX 8192u /* longest value with its NUL: a core list with 1,024 entries */

unsigned cu_job_option_count(void); /* at most 64 */
const char *cu_job_option_name(unsigned i);
/* May people set it? Others are what one launch tells its daemons of itself. */
bool cu_job_option_is_setting(unsigned i);
/* Index of the option called name[0..len), or -1. */
int cu_job_option_find(const char *name, size_t len);
/* Value as text into out; false when the option is not given and has no text. */
bool cu_job_option_format(unsigned i, const struct cu_job *job, char out[CU_JOB_VALUE_MAX]);
/* Defaults that depend on nothing. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_job_set_constants(struct cu_job *job);

#endif
