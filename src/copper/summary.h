/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a job in three lines: nodes and time; what was saved; and the one piece of advice that
 * would have helped it most, or none. */
#ifndef CU_COPPER_SUMMARY_H
#define CU_COPPER_SUMMARY_H

#include <jansson.h>
#include <stddef.h>

#define CU_SUMMARY_MAX 1024u

/* All take the answer to a `stop`, which may be anything. Length of the text; 0: there is nothing
 * to say. */
/* " after 12 min 3 s" */
size_t cu_summary_time(const json_t *answer, char out[CU_SUMMARY_MAX]);
size_t cu_summary_saved(const json_t *answer, char out[CU_SUMMARY_MAX]);
/* What the advice is about: "network", "search_path", "recipe"; files above -M: bypassed.h has
 * that, and tells more. */
size_t cu_summary_advice(const json_t *answer, const char **kind, char out[CU_SUMMARY_MAX]);

#endif
