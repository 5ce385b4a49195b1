/* SPDX-License-Identifier: BSD-3-Clause */
/* copper stats --watch: what has changed in each interval, a line each. */
#ifndef CU_COPPER_WATCH_H
#define CU_COPPER_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct cu_watch;

/* NULL: out of memory. */
struct cu_watch *cu_watch_create(bool json);
void cu_watch_destroy(struct cu_watch *watch);
/* Takes counters and latencies (control/latencies.h) as they are at now_ns (monotonic), and prints
 * how they differ from the last ones; with the first ones the heading. False: nobody reads the
 * output any more. */
bool cu_watch_take(struct cu_watch *watch, const json_t *counters, const json_t *latency,
                   uint64_t now_ns);

#endif
