/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes that still run in a namespace of copper run when the job is stopped, as a result's
 * "in_use": {"processes": N, "first": "node2: python3 (pid 4711)"}. NULL stands for none. */
#ifndef CU_CONTROL_INUSE_H
#define CU_CONTROL_INUSE_H

#include "control/spaces.h"
#include "loop/crew.h"

#include <jansson.h>

/* A look for those of this node: a walk through /proc, on a thread. */
struct cu_inuse_look {
    const struct cu_spaces *spaces; /* borrowed; that take no other (cu_spaces_unlisten) */
    const char *host;               /* borrowed; what this node is called */
    void *context;
    /* On the loop; in_use: new reference, or NULL: there are none. */
    void (*done)(void *context, json_t *in_use);
    /* the look's own */
    struct cu_crew_job job;
    json_t *found;
};

/* Looks on a thread of the crew. All is borrowed until done is called. */
void cu_inuse_look(struct cu_crew *crew, struct cu_inuse_look *look);
/* Adds more (borrowed; a peer's, so anything may stand in it) to *sum, which it may create. */
void cu_inuse_add(json_t **sum, const json_t *more);

#endif
