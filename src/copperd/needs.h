/* SPDX-License-Identifier: BSD-3-Clause */
/* What a daemon takes of its node: cores (-b) and memory (-m), as far as the node and the control
 * group of the job step give them. */
#ifndef CU_COPPERD_NEEDS_H
#define CU_COPPERD_NEEDS_H

#include "base/error.h"
#include "host/cores.h"
#include "proto/job.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_needs {
    struct cu_cores cores; /* what it is bound to; borrowed from the job */
    bool bound;
    struct cu_error cores_note; /* why it is not bound */
    unsigned bulk_threads;      /* for bulk data, beside the loop's; 0: that does it */
    uint64_t cache_bytes;
    struct cu_error memory_note; /* why this is less than -m; "": it is not */
};

/* Binds this process to its cores and settles the size of the cache. 0, or -errno with err: the
 * user has asked for cores that this process may not have, or the limits of the process or its
 * control group are too low for any daemon. */
__attribute__((warn_unused_result)) int
cu_needs_settle(const struct cu_job *job, struct cu_needs *needs, struct cu_error *err);

#endif
