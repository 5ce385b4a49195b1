/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a job in three lines: nodes and time; what was saved; and what would have helped it
 * most (advice.h). */
#ifndef CU_COPPER_SUMMARY_H
#define CU_COPPER_SUMMARY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define CU_SUMMARY_MAX 1024u

/* All take the answer to a `stop`, which may be anything. Length of the text; 0: there is nothing
 * to say. */
/* " after 12 min 3 s" */
size_t cu_summary_time(const json_t *answer, char out[CU_SUMMARY_MAX]);
size_t cu_summary_saved(const json_t *answer, char out[CU_SUMMARY_MAX]);
/* What programs got; 0: so little that the job was a try-out, or it has not stopped. */
uint64_t cu_summary_objects(const json_t *answer);
/* "1,234,567" into out, which is returned. */
const char *cu_summary_grouped(uint64_t value, char out[32]);

#endif
