/* SPDX-License-Identifier: BSD-3-Clause */
/* Results of this node. New references, NULL when out of memory. */
#ifndef CU_CONTROL_RESULTS_H
#define CU_CONTROL_RESULTS_H

#include "control/task.h"

json_t *cu_results_status(struct cu_commands *commands, uint64_t now_ns);
/* Adds the network that data takes, what is wrong with it, and why the cache is less than -m, as
 * members of a result. */
void cu_results_add_notes(struct cu_commands *commands, json_t *object);
/* Adds counters (borrowed; a peer's, so anything may stand in it) to sum, each as its kind wants.
 */
void cu_results_add_counters(json_t *sum, const json_t *counters);
json_t *cu_results_node_stats(struct cu_commands *commands);
json_t *cu_results_doctor(struct cu_commands *commands, bool hosts, uint64_t now_ns);
/* Of a `wait` at the root whose time is over. */
json_t *cu_results_not_ready(struct cu_commands *commands);
/* The number of ranks that are not in bits, not counting those that were left out. */
uint32_t cu_results_count_missing(const struct cu_commands *commands, const uint8_t *bits);
/* Adds the first names of these as array `name`, and their number as NAME_count; the same of those
 * left out as `left_out`, where there are any. Returns the number of the former. */
uint32_t cu_results_add_missing(struct cu_commands *commands, json_t *result, const char *name,
                                const uint8_t *bits);

#endif
