/* SPDX-License-Identifier: BSD-3-Clause */
/* How many different lines of one place in the program are written: the same warning about a
 * million files is a million lines. A few a minute are, then the rest is counted. Memory is
 * bounded: where more places are at it at a time, the oldest begins anew. The caller keeps others
 * out. */
#ifndef CU_HOST_LOGPLACE_H
#define CU_HOST_LOGPLACE_H

#include "host/loglimit.h"
#include "host/logrepeat.h"

#define CU_LOG_PLACES      16u
#define CU_LOG_PLACE_LINES 10u /* different ones, a minute */

struct cu_log_place {
    const void *place; /* NULL: free */
    struct cu_log_limit limit;
    enum cu_log_level level; /* of the last line that was left out, as text */
    char text[CU_LOG_TEXT_MAX];
};

/* All zero: empty. */
struct cu_log_places {
    struct cu_log_place of[CU_LOG_PLACES];
};

/* May this line of a place (its format, say) be written now (monotonic, above 0)? False: it is
 * counted. other is as in logrepeat.h: of the place that had to go. */
bool cu_log_places_take(struct cu_log_places *p, const void *place, enum cu_log_level level,
                        const char *text, uint64_t now_ns, struct cu_log_told *other);
/* The last line that was left out of a place whose minute is over at now_ns (UINT64_MAX: any), and
 * how many others were; they are forgotten. False: there is none. */
bool cu_log_places_due(struct cu_log_places *p, uint64_t now_ns, struct cu_log_told *told);

#endif
