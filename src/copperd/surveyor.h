/* SPDX-License-Identifier: BSD-3-Clause */
/* -P: what this node's part of the job's survey (proto/survey.h) is made of: what is counted by
 * time, by class of path and in the sample of paths here, the lists of paths in profile.h, what is
 * searched in searches.h and environs.h. One
 * thread, the loop's. Time is that of the wall clock since the launch, so that all nodes have the
 * same bins; it is read once, and then goes on as the monotonic clock does. */
#ifndef CU_COPPERD_SURVEYOR_H
#define CU_COPPERD_SURVEYOR_H

#include "control/commands.h"
#include "copperd/profile.h"
#include "core/core.h"
#include "core/latency.h"

#include <stdint.h>
#include <uv.h>

struct cu_surveyor;

struct cu_surveyor_config {
    uv_loop_t *loop;
    struct cu_core *core;             /* borrowed, its counters */
    const struct cu_profile *profile; /* borrowed */
    const struct cu_latency *latency; /* borrowed */
    const char *mount;                /* borrowed: the mount directory */
    struct cu_survey_limits limits;
    uint32_t rank;
    uint32_t restarts;
    uint64_t begin_ms;   /* of the launch, since 1970; 0: now */
    uint32_t interval_s; /* -I; 0: none */
};

/* NULL: out of memory, or no thread. Lives as long as the process. */
struct cu_surveyor *cu_surveyor_create(const struct cu_surveyor_config *config);
void cu_surveyor_asked(struct cu_surveyor *s, const struct cu_front_asked *asked);
/* All up to now, as it is in the tables: the survey is made of it on another thread. NULL: out of
 * memory. */
struct cu_commands_taken *cu_surveyor_take(struct cu_surveyor *s);

#endif
