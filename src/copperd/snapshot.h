/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes figures of the daemon as JSON into its log directory, from a worker thread: a file that
 * gets one object per line (-I SECONDS: LOG_DIR/HOST.stats.jsonl), or one that is replaced each
 * time by its newest state (-P: LOG_DIR/HOST.profile.json). */
#ifndef CU_COPPERD_SNAPSHOT_H
#define CU_COPPERD_SNAPSHOT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define CU_SNAPSHOT_FILE_MAX                                                                       \
    (64ull << 20) /* a file that has grown to this is not written further */

/* Their names behind the host's. */
#define CU_SNAPSHOT_STATS   ".stats.jsonl"
#define CU_SNAPSHOT_PROFILE ".profile.json"

struct cu_snapshot;

struct cu_snapshot_config {
    uv_loop_t *loop;
    const char *path; /* copied */
    uint32_t seconds; /* between two; 0: only cu_snapshot_take */
    bool replace;     /* the file, at once, so that a reader never sees half of one */
    /* What the text is made of, NULL: out of memory; on the loop thread. */
    void *(*take)(void *context);
    /* The text (new reference) without the last newline, of what was taken, which it frees. NULL:
     * out of memory. May take long: on a worker. */
    struct cu_buf *(*make)(void *taken);
    void *context;
};

/* NULL: out of memory. Lives as long as the process. */
struct cu_snapshot *cu_snapshot_create(const struct cu_snapshot_config *config);
/* Writes a snapshot now, or as soon as the one under way is written. NULL does nothing. */
void cu_snapshot_take(struct cu_snapshot *snapshot);
/* No snapshot is made any more; the file is removed if all that it has is of this snapshot. Busy
 * until then. NULL does nothing. */
void cu_snapshot_discard(struct cu_snapshot *snapshot);
/* Is a snapshot being written, or the file being removed? NULL: no. */
bool cu_snapshot_busy(const struct cu_snapshot *snapshot);

#endif
