/* SPDX-License-Identifier: BSD-3-Clause */
/* What would have helped a job, best first. A wrong network comes first, as it slows down all else;
 * then by an estimate of the time that its processes would have waited less, all of them together:
 *
 * - files above -M: the time waited for reads that a node made on storage itself, as far as such
 *   files have the bytes, without the part that one node of all would still have waited;
 * - a search path: the lookups that it saves, each as long as lookups there took;
 * - a recipe: all that was waited for parents and storage, other than for files above -M. */
#ifndef CU_COPPER_ADVICE_H
#define CU_COPPER_ADVICE_H

#include <jansson.h>

/* answer: to a `stop`, or to `stats` of all; search: of the report (jobsearch.h), or NULL. Both may
 * be anything. A new array of {kind, saves, seconds, text}, as docs/report.schema.json says; empty:
 * there is nothing to say. */
json_t *cu_advice_make(const json_t *answer, const json_t *search);

#endif
