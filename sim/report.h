/* A run's figures, as `name value unit` lines or as JSON. */
#ifndef CU_SIM_REPORT_H
#define CU_SIM_REPORT_H

#include "cusim.h"

#include <stdio.h>

void cu_sim_report(FILE *out, const struct cu_sim_config *config,
                   const struct cu_sim_result *result, bool json);

#endif
