/* SPDX-License-Identifier: BSD-3-Clause */
/* What this node did since it was last asked (sample.h). It counts nothing of its own but paths:
 * the rest is the difference of two states of the daemon's counters and histograms, which are
 * there anyway. Paths are counted only while somebody looks: from a sample on, for the next
 * CU_SAMPLER_ASKED_MAX requests. So nobody who looks costs nothing. Of many requests one of two, of
 * four, and so on is counted for all of these, chosen at random: after a sample all are until
 * CU_SAMPLER_COUNTED were, then every second of as many, ... and the next sample begins with twice
 * the share that the last one ended with. So a busy node counts about as many paths as one that is
 * not (bench/watching has what it costs). On the loop thread. */
#ifndef CU_CONTROL_SAMPLER_H
#define CU_CONTROL_SAMPLER_H

#include "control/sample.h"
#include "core/core.h"
#include "core/latency.h"

#include <stdbool.h>
#include <stddef.h>

#define CU_SAMPLER_ASKED_MAX 200000u /* requests whose paths are counted after a sample */
#define CU_SAMPLER_COUNTED   4096u   /* paths that are counted before the share is halved */
#define CU_SAMPLER_PATHS     256u    /* paths in the table */
#define CU_SAMPLER_WINDOW_MS 500u    /* who asks again within this gets the same */

struct cu_sampler;

/* A request of the kernel about a path. */
struct cu_sampler_asked {
    const char *path; /* borrowed */
    size_t path_len;
    uint64_t bytes; /* handed to the kernel */
    bool missing, from_storage;
};

/* started_ns: from when on the daemon counts. NULL: out of memory. */
struct cu_sampler *cu_sampler_create(uint64_t started_ns);
/* NULL does nothing. */
void cu_sampler_destroy(struct cu_sampler *sampler);
/* The request counts for the list of paths. False: not any more, until the next sample. */
bool cu_sampler_asked(struct cu_sampler *sampler, const struct cu_sampler_asked *asked);
/* Adds this node's figures since the last sample to an empty one. From here on paths are counted.
 */
void cu_sampler_take(struct cu_sampler *sampler, struct cu_core *core,
                     const struct cu_latency *latency, uint32_t rank, uint64_t now_ns,
                     struct cu_sample *sample);

#endif
