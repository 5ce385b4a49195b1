/* SPDX-License-Identifier: BSD-3-Clause */
/* What a daemon does with its job's recipe (--learn): asks for what it names, puts that into the
 * kernel where the launch waits for it, and says when the node is ready. */
#ifndef CU_COPPERD_LEARN_H
#define CU_COPPERD_LEARN_H

#include "front/front.h"

#include <stdbool.h>

struct cu_daemon;
struct cu_job;
struct cu_warmer;

/* The process that puts the job's recipe into the kernel, or NULL; as cu_warmer_fork. Not where a
 * daemon takes a mount over: that has been done. */
struct cu_warmer *cu_learn_fork(const struct cu_job *job, void (*strip)(void *context),
                                void *context);

/* Sets those of the front's events that a recipe needs; before the front is created. */
void cu_learn_events(struct cu_daemon *daemon, struct cu_front_events *events);
/* Once the front works. Without a recipe, or without --learn-wait, the node counts as ready at
 * once; else when all of the recipe is here and in the kernel, or after cu_job_learn_ms. */
void cu_learn_start(struct cu_daemon *daemon);
/* Does the node not count as ready only because it waits for its recipe? */
bool cu_learn_waits(const struct cu_daemon *daemon);
/* The recipe that a command of the job has named, once the front works: the node is ready already,
 * and asks for what it names beside the job's own requests. To be called once. */
void cu_learn_told(struct cu_daemon *daemon, const char *path);

#endif
