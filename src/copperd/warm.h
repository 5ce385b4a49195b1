/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts what a recipe names into the kernel of this node, by using the mount as a program would:
 * names, attributes, links and listings by asking for them, pages by read-ahead. So it works with
 * every kernel and every right to mount, and for every mount that shows the same file system.
 *
 * This waits for the daemon that serves the mount. It must run in another process than that
 * (copperd/warmer.h). */
#ifndef CU_COPPERD_WARM_H
#define CU_COPPERD_WARM_H

#include "proto/recipe.h"

#include <stdbool.h>
#include <stdint.h>

#define CU_WARM_LEFT_OUT 32u /* of so many files, the content of one is left out */

struct cu_warm_config {
    const char *root;    /* the mount directory */
    uint64_t salt;       /* of the job: which files are left out */
    uint64_t bytes_max;  /* of content */
    int64_t deadline_ms; /* of cu_clock_ms */
};

struct cu_warm_result {
    uint64_t names; /* that exist */
    uint64_t bytes; /* of content that were asked for */
    bool cut;       /* by one of the bounds */
};

/* Is this entry put into the kernel? What the kernel has is not asked for by the job, and a recipe
 * learns from what is asked for. So some files are left out, other ones in each job; and a file
 * that was not used when it was left out stays out until it is used, or gone from the recipe. */
bool cu_warm_takes(const struct cu_recipe_entry *entry, uint64_t salt);
/* All entries, in their order. What does not exist, may not be read, or leads out of the mount is
 * skipped. */
void cu_warm_run(const struct cu_recipe *recipe, const struct cu_warm_config *config,
                 struct cu_warm_result *result);

#endif
