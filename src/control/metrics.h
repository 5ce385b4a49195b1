/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters and latencies in Prometheus' text format. */
#ifndef CU_CONTROL_METRICS_H
#define CU_CONTROL_METRICS_H

#include "base/buf.h"
#include "core/latency.h"

#include <jansson.h>

/* nodes: a list of {"host", "counters"}, as in the result of `stats`; without "host" the figures
 * have no label of that name. latency (NULL: none) is of the host, or of all when that is NULL. A
 * new reference; NULL: out of memory. */
struct cu_buf *cu_metrics_text(const json_t *nodes, const struct cu_latency *latency,
                               const char *host);

#endif
