/* SPDX-License-Identifier: BSD-3-Clause */
/* The form of a line of the log: key=value, beginning with the time. */
#ifndef CU_HOST_LOGLINE_H
#define CU_HOST_LOGLINE_H

#include "host/log.h"

#include <stddef.h>
#include <stdint.h>

#define CU_LOGLINE_BYTES                                                                           \
    2048u /* with time, level, host; below PIPE_BUF, so a pipe takes all or nothing */

struct cu_logline {
    enum cu_log_level level;
    const char *host; /* "": none */
    const char *text; /* one printable line (base/text.h) */
    const char *name; /* of count; NULL: none */
    uint64_t count;
};

/* time="2024-02-29T12:34:56.789012Z" (UTC, now) and what line has, with a newline, and cut where it
 * is too long. Returns the length; *us, if not NULL, is that time since 1970. */
size_t cu_logline_make(const struct cu_logline *line, char out[CU_LOGLINE_BYTES], uint64_t *us);

#endif
