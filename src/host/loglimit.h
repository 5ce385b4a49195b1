/* SPDX-License-Identifier: BSD-3-Clause */
/* A limit for log lines that other processes can cause as often as they like. */
#ifndef CU_HOST_LOGLIMIT_H
#define CU_HOST_LOGLIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Lines of one kind. All zero but `most` at the start. One thread. */
struct cu_log_limit {
    unsigned most; /* lines in a minute */
    uint64_t since_ns;
    unsigned written, left_out;
};

/* Would a line be written at now_ns (monotonic)? */
bool cu_log_limit_has_room(const struct cu_log_limit *limit, uint64_t now_ns);
/* May a line be written now? False: it is counted. With the first line of a later minute the number
 * of those left out goes into *left_out, else 0. */
bool cu_log_limit_take(struct cu_log_limit *limit, uint64_t now_ns, unsigned *left_out);

#endif
