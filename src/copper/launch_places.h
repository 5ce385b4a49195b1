/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths in a job's options that daemons compare with paths of the view, which has no path with a
 * link in it: the kernel follows links before it asks. */
#ifndef CU_COPPER_LAUNCH_PLACES_H
#define CU_COPPER_LAUNCH_PLACES_H

#include "base/error.h"
#include "proto/job.h"

/* Adds to `serve` and `listings` where the paths in them lead, links followed. May wait some
 * seconds for storage; where storage hangs, says so on stderr and leaves the paths as they are.
 * 0; -EINVAL with err: they lead to what a list cannot hold; -ENOMEM with err. */
__attribute__((warn_unused_result)) int cu_launch_places(struct cu_job *job, struct cu_error *err);

#endif
