/* SPDX-License-Identifier: BSD-3-Clause */
/* The data of a report's figures as CSV (RFC 4180), for sim/plot and other programs that draw. */
#ifndef CU_COPPER_REPORT_CSV_H
#define CU_COPPER_REPORT_CSV_H

#include "base/error.h"

#include <jansson.h>

/* Writes into the directory, which is made if it is not there: for sim/plot answers.csv,
 * start.csv and where.csv; counters.csv; and nodes.csv and paths.csv as a stop writes them; of what
 * was not recorded at most the first line. job: as report_job.h has it, its texts and values may be
 * anything. 0, or -errno with *err. */
__attribute__((warn_unused_result)) int cu_report_csv(const json_t *job, const char *dir,
                                                      struct cu_error *err);

#endif
