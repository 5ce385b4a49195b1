/* SPDX-License-Identifier: BSD-3-Clause */
/* -P: the directories in which processes look for something, one after the other, until it is
 * found: along LD_LIBRARY_PATH, PYTHONPATH, PATH, an RPATH. The kernel's requests tell: a thread
 * looks a name up in vain in one directory, and then in others, the same name. What was looked up
 * in vain in one directory and found in another is what would not have been asked for if the second
 * had come first. Requests that the kernel answers from its own caches are not seen. No clock, no
 * I/O. One thread, and another one for each copy.
 *
 * Memory is bounded: CU_SEARCHES_DIRS directories with their paths (5 MiB where all paths are as
 * long as may be), and tables of under 1 MiB. What does not fit is not counted, so all figures are
 * lower bounds; below the bounds they are exact. */
#ifndef CU_COPPERD_SEARCHES_H
#define CU_COPPERD_SEARCHES_H

#include "front/front.h"
#include "proto/survey.h"

#define CU_SEARCHES_DIRS 8192u

struct cu_searches;

/* NULL: out of memory. */
struct cu_searches *cu_searches_create(void);
/* As it is now, for cu_searches_has and cu_searches_survey alone: a copy that any one thread may
 * have. NULL: out of memory. */
struct cu_searches *cu_searches_copy(const struct cu_searches *s);
/* NULL does nothing. */
void cu_searches_destroy(struct cu_searches *s);
/* asked: any request. */
void cu_searches_asked(struct cu_searches *s, const struct cu_front_asked *asked);
/* Was anything asked for in this directory (normal form)? */
bool cu_searches_has(const struct cu_searches *s, const char *path, size_t len);
/* Adds the directories and the pairs of them to an empty survey. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_searches_survey(const struct cu_searches *s,
                                                           struct cu_survey *survey);

#endif
