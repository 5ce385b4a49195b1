/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job with -P did, as JSON: docs/report.schema.json describes it. */
#ifndef CU_COPPER_JOBREPORT_H
#define CU_COPPER_JOBREPORT_H

#include <jansson.h>

#define CU_JOBREPORT_VERSION 1
#define CU_JOBREPORT_ROWS    100u /* of a list of paths; -N, if that is more */

/* From the answer to a `stop`, or to `stats` with a survey, which may be anything. New reference;
 * NULL: there is no survey in it, or out of memory. */
json_t *cu_jobreport_make(const json_t *answer);

#endif
