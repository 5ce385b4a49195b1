/* SPDX-License-Identifier: BSD-3-Clause */
/* The log of a daemon: one line an event, to a file, to standard output or to both. Levels as on
 * the command line: 1 logs most (debug), 5 least (fatal), 6 nothing. The core and proto layers
 * never log. A warning, or worse, is written at most once a minute, with a count (logrepeat.h), and
 * of different ones from one place in the program a few a minute (logplace.h): so what is expected
 * must not be one. Logging never waits for a file: a thread writes. */
#ifndef CU_HOST_LOG_H
#define CU_HOST_LOG_H

#include "host/logring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cu_log_level {
    CU_LOG_DEBUG = 1,
    CU_LOG_INFO = 2,
    CU_LOG_WARN = 3,
    CU_LOG_ERROR = 4,
    CU_LOG_FATAL = 5,
    CU_LOG_NONE = 6,
};

struct cu_log_config {
    enum cu_log_level level;
    bool to_stdout;
    const char *file_path; /* borrowed during open; NULL: no file */
    const char *host;      /* borrowed, put on each line; NULL: none */
    size_t keep_bytes;     /* of the newest lines are kept in memory, for cu_log_kept; 0: none */
};

struct cu_error;
/* Opens the process's log. Before this, and with level 6, nothing is written. -errno on failure. */
__attribute__((warn_unused_result)) int cu_log_open(const struct cu_log_config *config,
                                                    struct cu_error *err);
/* Waits until all lines are written, but no longer than that for a directory that hangs: then they
 * are left. True: nor is there a thread of the log any more, unless the process has forked while it
 * wrote. Any thread, not two at a time. */
bool cu_log_flush(int wait_ms);
/* Flushes; waits some seconds for a directory that hangs. */
void cu_log_close(void);
/* Each line that is kept, oldest first, those of processes that this one was forked from, and of
 * their other children, included. fn must not log. */
void cu_log_kept(cu_logring_fn *fn, void *context);
/* Lines that were not written since the log was opened, because the directory hung. */
uint64_t cu_log_lost(void);
/* Has a write been under way for more than some seconds? */
bool cu_log_hangs(void);
bool cu_log_enabled(enum cu_log_level level);
/* Any thread. format: a literal, which stands for the place. Writes
 * time="2024-02-29T12:34:56.789012Z" (UTC), level, node and the text, each as key=value. */
__attribute__((format(printf, 2, 3))) void cu_log_write(enum cu_log_level level, const char *format,
                                                        ...);
#define cu_log_debug(...) cu_log_write(CU_LOG_DEBUG, __VA_ARGS__)
#define cu_log_info(...)  cu_log_write(CU_LOG_INFO, __VA_ARGS__)
#define cu_log_warn(...)  cu_log_write(CU_LOG_WARN, __VA_ARGS__)
#define cu_log_error(...) cu_log_write(CU_LOG_ERROR, __VA_ARGS__)

#endif
