/* SPDX-License-Identifier: BSD-3-Clause */
/* Which lines of a log were written lately: the same one is written at most once a minute, with the
 * number of those that were left out, also when other lines come between. Memory is bounded: where
 * more different lines repeat at a time, the oldest is written again with its count. The caller
 * keeps others out. */
#ifndef CU_HOST_LOGREPEAT_H
#define CU_HOST_LOGREPEAT_H

#include "host/log.h"

#include <stdbool.h>
#include <stdint.h>

#define CU_LOG_REPEATS   32u
#define CU_LOG_TEXT_MAX  1536u /* of a message, with its NUL */
#define CU_LOG_REPEAT_NS (60 * UINT64_C(1000000000))

/* A line that was written, and may come again. */
struct cu_log_repeated {
    uint64_t since_ns; /* when it was written; 0: free */
    uint64_t left_out; /* since then */
    enum cu_log_level level;
    char text[CU_LOG_TEXT_MAX];
};

/* All zero: empty. */
struct cu_log_repeats {
    struct cu_log_repeated of[CU_LOG_REPEATS];
};

/* Is this line to be written now (monotonic, above 0)? With *more, how often it was left out
 * before, this time included. False: it is counted. Takes the place of the oldest line where there
 * is none; if that has a count, it goes to *other first (text NULL: nothing went). */
struct cu_log_told {
    enum cu_log_level level;
    uint64_t more;
    const char *text; /* borrowed until the next call */
};
bool cu_log_repeats_take(struct cu_log_repeats *r, enum cu_log_level level, const char *text,
                         uint64_t now_ns, uint64_t *more, struct cu_log_told *other);
/* A line with a count whose minute is over at now_ns (UINT64_MAX: any); it is forgotten. False:
 * there is none. */
bool cu_log_repeats_due(struct cu_log_repeats *r, uint64_t now_ns, struct cu_log_told *told);

#endif
