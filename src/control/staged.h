/* SPDX-License-Identifier: BSD-3-Clause */
/* What a `stage` request asks of a node, and how far nodes are, as a result's "stage". Members of
 * many nodes are combined on the way to the root: "nodes", "queued", "walked", "done", "full" and
 * "failed" count nodes, "bytes_sum" adds up; of "objects", "bytes", "over_files", "over_bytes",
 * "errors" the largest stays, of "room" the smallest, of "objects_done" and "bytes_done" those of
 * the slowest node, whose host is "slowest"; "error" is one of those there were. */
#ifndef CU_CONTROL_STAGED_H
#define CU_CONTROL_STAGED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CU_STAGED_ID 16u /* characters of a stage's id */

/* Begins the stage, unless this node knows it, and tells how far it is. Borrowed. */
struct cu_staged_order {
    const char *id;
    const char *path; /* on storage, normal form */
    bool manifest;    /* it is a list of paths */
    bool cancel;      /* the asker does not want it any more */
    uint64_t rate;    /* bytes a second to ask for at most; 0: no bound */
};

/* How far one node is. */
struct cu_staged {
    bool queued; /* others come first */
    bool walked; /* all names are known */
    bool done;
    uint64_t objects, objects_done;
    uint64_t bytes, bytes_done;
    uint64_t over_files, over_bytes;
    uint64_t room; /* bytes of the cache for what is staged, altogether */
    uint64_t errors;
    const char *error; /* borrowed text about one of them, or NULL */
};

/* New reference; NULL: out of memory. host: of the node. */
json_t *cu_staged_json(const struct cu_staged *staged, const char *host);
/* Adds more (borrowed; a peer's, so anything may stand in it) to *sum, which it may create. */
void cu_staged_add(json_t **sum, const json_t *more);

#endif
