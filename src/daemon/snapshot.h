/* -I SECONDS: the counters, appended to LOG_DIR/HOST.stats.jsonl as one JSON object a line. */
#ifndef CU_DAEMON_SNAPSHOT_H
#define CU_DAEMON_SNAPSHOT_H

#include "base/buf.h"

#include <stdint.h>
#include <uv.h>

#define CU_SNAPSHOT_FILE_MAX                                                                       \
    (64ull << 20) /* a file that has grown to this is not written further */

struct cu_snapshot;

/* make: the text of one line without newline, new reference or NULL. path is copied. NULL: out of
 * memory. Lives as long as the process. */
struct cu_snapshot *cu_snapshot_create(uv_loop_t *loop, const char *path, uint32_t seconds,
                                       struct cu_buf *(*make)(void *context), void *context);

#endif
