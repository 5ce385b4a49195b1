/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of a job's report (jobreport.h), from its survey. New references. */
#ifndef CU_COPPER_JOBREPORT_PARTS_H
#define CU_COPPER_JOBREPORT_PARTS_H

#include "base/parse.h"
#include "proto/survey.h"

#include <jansson.h>

json_t *cu_jobreport_classes(const struct cu_survey *survey);
json_t *cu_jobreport_timeline(const struct cu_survey *survey);
/* By how much each counter has grown in each interval of so many seconds (-I). */
json_t *cu_jobreport_intervals(const struct cu_survey *survey, uint64_t seconds);
/* All nodes of the job. left_out: names of those that the launch went on without (borrowed). Those
 * that neither this nor the survey has go into missing and left, as {rank, host}. */
json_t *cu_jobreport_nodes(const struct cu_survey *survey, const struct cu_hosts *hosts,
                           const json_t *left_out, json_t *missing, json_t *left);
json_t *cu_jobreport_paths(const struct cu_survey *survey, size_t rows);
json_t *cu_jobreport_distinct(const struct cu_survey *survey, const struct cu_hosts *hosts);

#endif
