/* SPDX-License-Identifier: BSD-3-Clause */
/* A run's figures, as `name value unit` lines or as JSON. */
#ifndef CU_SIM_REPORT_H
#define CU_SIM_REPORT_H

#include "cusim.h"

#include <stdio.h>

/* Of many runs together. */
struct cu_sim_seeds {
    uint64_t from, count, failed, faults, longest_ns, storage_reads, errors_seen, events;
    uint64_t failed_first[16]; /* seeds, as far as there is room */
};
void cu_sim_seeds_add(struct cu_sim_seeds *sum, uint64_t seed, const struct cu_sim_result *result);
void cu_sim_report_seeds(FILE *out, const struct cu_sim_seeds *sum, bool json);

void cu_sim_report(FILE *out, const struct cu_sim_config *config,
                   const struct cu_sim_result *result, bool json);

#endif
