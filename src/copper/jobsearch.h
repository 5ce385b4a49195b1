/* SPDX-License-Identifier: BSD-3-Clause */
/* What was searched in vain, by search path, and the order of its entries that would have cost
 * less. docs/report.schema.json describes it. */
#ifndef CU_COPPER_JOBSEARCH_H
#define CU_COPPER_JOBSEARCH_H

#include "proto/survey.h"

#include <jansson.h>

/* The values of search paths that processes had, and then directories that were searched one after
 * the other and are in none of these. mount: the mount directory. New reference. */
json_t *cu_jobsearch_make(const struct cu_survey *survey, const char *mount);
/* The change that would have saved most time, in words, into out; the lookups that it saves to
 * *saves, and for how long processes waited for as many there, in microseconds, to *us. search: a
 * report's, which may be anything. Length of the text; 0: none saves enough. */
size_t cu_jobsearch_advice(const json_t *search, char *out, size_t size, uint64_t *saves,
                           uint64_t *us);

#endif
