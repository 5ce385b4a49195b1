/* SPDX-License-Identifier: BSD-3-Clause */
/* A job's report (jobreport.h) as tables for other programs (CSV, quoted as in RFC 4180), and as a
 * summary that a person reads (Markdown). All take the report; errors are the stream's. */
#ifndef CU_COPPER_JOBTABLES_H
#define CU_COPPER_JOBTABLES_H

#include <jansson.h>
#include <stdio.h>

void cu_jobtables_nodes(FILE *out, const json_t *report);
void cu_jobtables_timeline(FILE *out, const json_t *report);
/* The counters by interval (-I), where there are some. */
void cu_jobtables_intervals(FILE *out, const json_t *report);
/* All lists of paths; the first column tells which. */
void cu_jobtables_paths(FILE *out, const json_t *report);
/* Entries of search paths, in their order. */
void cu_jobtables_search(FILE *out, const json_t *report);
void cu_jobtables_latency(FILE *out, const json_t *report);
void cu_jobtables_summary(FILE *out, const json_t *report);

#endif
