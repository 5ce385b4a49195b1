/* SPDX-License-Identifier: BSD-3-Clause */
/* Latencies in a result (control/latencies.h): as a table for people, and as JSON with quantiles.
 */
#ifndef CU_COPPER_LATENCIES_H
#define CU_COPPER_LATENCIES_H

#include <jansson.h>

/* Both take what is in the result; it may be anything, or NULL. */
void cu_latencies_print(const json_t *latency);
/* A list of objects, as copper-stats(1) describes them; a new reference. NULL: out of memory. */
json_t *cu_latencies_expand(const json_t *latency);

#endif
