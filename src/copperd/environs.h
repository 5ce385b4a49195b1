/* SPDX-License-Identifier: BSD-3-Clause */
/* -P: the search paths (proto/searchpath.h) that processes had which looked something up in vain,
 * or listed a directory. /proc is read on a thread of its own, at most once for each program that
 * a process becomes; processes that have ended by then are not counted, and those of other users
 * are not read. Of an environment nothing but these variables is kept. */
#ifndef CU_COPPERD_ENVIRONS_H
#define CU_COPPERD_ENVIRONS_H

#include "copperd/searches.h"
#include "front/front.h"
#include "proto/survey.h"

#include <uv.h>

struct cu_environs;
struct cu_environs_found;

/* processes: counts those whose environment was read; borrowed. NULL: out of memory, or no thread.
 */
struct cu_environs *cu_environs_create(uv_loop_t *loop, uint64_t *processes);
/* Looks that are under way are completed. NULL does nothing. */
void cu_environs_destroy(struct cu_environs *e);
/* On the loop, as all but the reading. */
void cu_environs_asked(struct cu_environs *e, const struct cu_front_asked *asked);

/* What was found, as it is now: a copy that any one thread may have, of at most 64 values. NULL:
 * out of memory. */
struct cu_environs_found *cu_environs_found(const struct cu_environs *e);
void cu_environs_found_free(struct cu_environs_found *found); /* NULL does nothing */
/* Adds the values that name a directory which was asked for something, to an empty survey. 0 or
 * -ENOMEM. */
__attribute__((warn_unused_result)) int cu_environs_survey(const struct cu_environs_found *found,
                                                           const struct cu_searches *searches,
                                                           const char *mount,
                                                           struct cu_survey *survey);

#endif
