/* SPDX-License-Identifier: BSD-3-Clause */
/* -P with -I: by how much this node's counters grow in each interval since the launch, for the
 * job's survey (proto/survey.h). The sum over all intervals is exact; an interval's figure is as
 * exact as the timer. One thread, the loop's. */
#ifndef CU_COPPERD_INTERVALS_H
#define CU_COPPERD_INTERVALS_H

#include "core/counters.h"
#include "proto/survey.h"

#include <uv.h>

struct cu_intervals;

struct cu_intervals_config {
    uv_loop_t *loop;
    const uint64_t *counters; /* borrowed */
    struct cu_keyed *list;    /* CU_SURVEY_INTERVALS of a survey; borrowed */
    uint32_t seconds;         /* of an interval; 1 or more */
    uint64_t past_ms;         /* since the launch */
};

/* NULL: out of memory. Lives as long as the process. */
struct cu_intervals *cu_intervals_create(const struct cu_intervals_config *config);
/* Counts up to now. NULL does nothing. */
void cu_intervals_take(struct cu_intervals *intervals);

#endif
