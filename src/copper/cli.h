/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the copper commands: the table of commands, the options, and messages to the user. */
#ifndef CU_COPPER_CLI_H
#define CU_COPPER_CLI_H

#include "base/error.h"
#include "base/path.h"
#include "proto/job.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum cu_exit {
    CU_EXIT_OK = 0,
    CU_EXIT_FAILED = 1,
    CU_EXIT_USAGE = 2,
    CU_EXIT_NOT_RUN = 125, /* of copper run, as of env(1) */
    CU_EXIT_NOT_RUNNABLE = 126,
    CU_EXIT_NOT_FOUND = 127,
    CU_EXIT_INTERRUPTED = 128, /* and the number of the signal */
};

struct cu_command {
    const char *name;
    const char *synopsis; /* what follows the name in the usage line */
    const char *summary;  /* one line */
    const char *details;  /* the rest of --help, lines with newlines; or "" */
    const char *options;  /* letters of enum below that it takes */
    bool hidden;          /* for the scripts, not in the list */
    bool operands;        /* words may stand before, between and behind the options */
    bool runs;            /* they are a command with options of its own: ours stand before it */
    int (*run)(const struct cu_command *command, int argc, char **argv);
};

extern const struct cu_command cu_command_status, cu_command_stats, cu_command_stop,
    cu_command_epilogue, cu_command_refresh, cu_command_doctor, cu_command_run, cu_command_config,
    cu_command_trace, cu_command_job, cu_command_path, cu_command_env, cu_command_leaks,
    cu_command_stage, cu_command_report, cu_command_top;

#define CU_CLI_LISTS_MAX 32u

/* The values of an option that may be given several times; borrowed. */
struct cu_cli_lists {
    const char *values[CU_CLI_LISTS_MAX];
    unsigned count;
};

/* Options of the commands, by the letters of cu_command.options: v -v/--mount, j --json, a --all,
 * n --nodes, h --here, w --wait, t --timeout, i --job-id, e --except-job, g --owner, o --over, x
 * --not, r --rw, s --show, V --view, p --prefix-instead, S --shell, u --undo, L --latency, O
 * -o/--output, d --over of copper leaks, W --no-wait, m --manifest, R --rate, I --watch (with or
 * without a value), P --prometheus, C --csv, 1 --once, l --log-collect (with or without a value), D
 * -d/--delay, N -n/--count. */
struct cu_cli_options {
    char mount[CU_PATH_MAX]; /* normal form; the default when not given */
    bool mount_given, json, all, nodes, here, wait, show, prefix_instead, undo, overlay, latency;
    bool no_wait, prometheus, once, log_collect;
    uint32_t watch_s, delay_s;                   /* 0: not given */
    uint32_t count;                              /* 0: not given */
    struct cu_cli_lists over, without, rw;       /* each value: directories with commas */
    const char *shell, *output, *manifest, *csv; /* NULL: not given */
    const char *log;                             /* of --log-collect; NULL: none given */
    uint64_t rate;                               /* bytes a second; 0: not given */
    uint32_t timeout_s;                          /* 0: not given */
    const char *job_id, *spared;                 /* 32 hex digits or NULL; borrowed */
    const char *owner;                           /* as host/session.h has it, or NULL; borrowed */
    int first;                                   /* index of the first operand in argv */
};

/* Parses argv, whose order it changes: the operands are the last words then. Refuses operands where
 * the command takes none. -1 to go on, else the exit status (help was printed, or an error). */
int cu_cli_parse(const struct cu_command *command, int argc, char **argv,
                 struct cu_cli_options *options);
/* Sends request to a daemon that knows the mount; takes the reference to request (NULL: out of
 * memory). -1 with *result, a new reference; or the exit status, after an error message was
 * printed. */
int cu_cli_call(const char *mount, json_t *request, int timeout_ms, json_t **result);
/* Ignores SIGPIPE for this program; the other one makes it what it was, for a command that this
 * process becomes. */
void cu_cli_ignore_pipe(void);
void cu_cli_restore_pipe(void);
void cu_cli_help(const struct cu_command *command);
/* "copper: ..." on standard error; returns the status, so that it can be returned at once. */
__attribute__((format(printf, 2, 3))) int cu_cli_fail(enum cu_exit status, const char *format, ...);
/* "copper: ..." as one line on out. Both write names as base/text.h says. */
__attribute__((format(printf, 2, 3))) void cu_cli_say(FILE *out, const char *format, ...);
/* The hosts that a result names as "silent", of which there are count; path: what it is about, or
 * NULL. */
int cu_cli_fail_silent(const char *path, const json_t *result, uint64_t count);
/* Standard output could not be written: says so, unless who read it has gone, as head(1) does,
 * which is no failure of the command. Returns the exit status. */
int cu_cli_unwritten(void);
/* Prints the object as one JSON text on standard output. Exit status. */
int cu_cli_print_json(const json_t *object);
/* "12.3 MB" of 1,024s into out, which is returned. */
const char *cu_cli_size(uint64_t bytes, char out[32]);
/* Field of a result, 0 or "" when it is not there or of another type. */
uint64_t cu_cli_number(const json_t *object, const char *name);
const char *cu_cli_text(const json_t *object, const char *name);

#endif
