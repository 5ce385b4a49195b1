/* SPDX-License-Identifier: BSD-3-Clause */
/* Latencies (core/latency.h) as JSON, on their way through the tree: an object with a member "OP
 * WHERE" for each row that is not empty, whose value is a string: the number of errors, a blank,
 * and the histogram's text (base/histogram.h). Its size does not depend on the number of nodes. */
#ifndef CU_CONTROL_LATENCIES_H
#define CU_CONTROL_LATENCIES_H

#include "core/latency.h"

#include <jansson.h>

/* A new reference; NULL: out of memory. */
json_t *cu_latencies_json(const struct cu_latency *latency);
/* Adds what json says. It may be anything: a row that is not of that form is left out. */
void cu_latencies_add(struct cu_latency *latency, const json_t *json);

#endif
