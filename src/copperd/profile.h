/* SPDX-License-Identifier: BSD-3-Clause */
/* -P: which paths this node's kernel asked for, how often, for how many bytes, where the answers
 * were found, and which names did not exist. Requests that the kernel answers from its own caches
 * are not seen. This module only counts; snapshot.h writes the file. One thread, and another one
 * for each copy.
 *
 * Memory is bounded: six lists of cu_survey_paths, each path at most CU_TOPK_KEY_MAX bytes: under
 * 10 MiB by default. */
#ifndef CU_COPPERD_PROFILE_H
#define CU_COPPERD_PROFILE_H

#include "front/front.h"
#include "proto/survey.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct cu_profile;

/* top: paths shown in each list (-N); full_paths: whole (-A), else their last three components.
 * NULL: out of memory. */
struct cu_profile *cu_profile_create(uint32_t top, bool full_paths);
/* As it is now, for cu_profile_survey and cu_profile_json, which take long: a copy that any one
 * thread may have. With -N 10000 and all lists full it is made in some 10 ms. NULL: out of memory.
 */
struct cu_profile *cu_profile_copy(const struct cu_profile *profile);
/* NULL does nothing. */
void cu_profile_destroy(struct cu_profile *profile);
void cu_profile_asked(struct cu_profile *profile, const struct cu_front_asked *asked);
/* Adds the lists of paths, names and directories to an empty survey. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_profile_survey(const struct cu_profile *profile,
                                                          struct cu_survey *survey);
/* Totals and lists; launch_copper.sh(1) tells their fields. New reference, NULL: out of memory. */
json_t *cu_profile_json(const struct cu_profile *profile);

#endif
