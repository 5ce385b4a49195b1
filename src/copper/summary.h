/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job has saved, in a line, and the one piece of advice that would have helped it most. */
#ifndef CU_COPPER_SUMMARY_H
#define CU_COPPER_SUMMARY_H

#include <jansson.h>
#include <stddef.h>

#define CU_SUMMARY_MAX 1024u

/* Both take the answer to a `stop`, which may be anything. Length of the text; 0: there is nothing
 * to say. */
size_t cu_summary_saved(const json_t *answer, char out[CU_SUMMARY_MAX]);
/* Not about files above -M: bypassed.h has that. */
size_t cu_summary_advice(const json_t *answer, char out[CU_SUMMARY_MAX]);

#endif
