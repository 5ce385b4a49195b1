/* SPDX-License-Identifier: BSD-3-Clause */
/* Internal to the launch: its state, and its messages. */
#ifndef CU_COPPER_LAUNCH_STATE_H
#define CU_COPPER_LAUNCH_STATE_H

#include "control/client.h"
#include "copper/job_file.h"
#include "copper/launch.h"
#include "copper/launcher.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was found about a host that is not ready (launch_look.c). */
struct cu_launch_found {
    bool looked;       /* it was asked */
    bool answers;      /* this host reaches its daemon */
    bool silent;       /* no answer came through the launcher in time */
    bool serves;       /* other nodes have joined it */
    bool waits;        /* for its recipe (--learn-wait) */
    bool excused;      /* it waits for another one, which is named */
    unsigned accusers; /* nodes that do not reach it */
    ssize_t parent;    /* the host that its daemon does not reach, -1: none */
    char at[384];      /* of that host: where, and why not */
    char text[640];    /* what is wrong with this host, "": not known */
};

struct cu_launch {
    const struct cu_job *job;
    const struct cu_job_file *file;
    struct cu_launcher launcher;
    const struct cu_launch_paths *paths;
    struct cu_client client;              /* to rank 0 */
    struct cu_client relay;               /* to it through the launcher (launch_relay.c) */
    struct cu_client progress;            /* to rank 0, about the recipe (launch_progress.c) */
    uint64_t recipe_objects, recipe_done; /* of all nodes; 0: not known */
    bool asked;                           /* `wait` was sent */
    bool relay_asked;                     /* `wait` was sent there */
    bool relayed;                         /* that has brought an answer, and the network none */
    bool relay_failed;                    /* it brought none, once */
    bool progress_asked;                  /* its answer is to come */
    bool progress_shown;                  /* a line stands on the terminal */
    bool told_stopped;                    /* rank 0 is being stopped */
    int64_t gone_ms; /* when the job's file, which has gone, means a stop; 0: it has not gone */
    bool terminal;
    bool ready;
    bool ask_root;          /* it is rank 0's turn, if that may be asked */
    size_t relay_at;        /* the host that the next relay leads to, or the first that may */
    size_t relay_host;      /* the host of the last one */
    size_t unreached_host;  /* was asked last over the network */
    char unreached_at[384]; /* where that one was not reached, and why; "": it was */
    int64_t unreached_ms;   /* since when no host can be reached that should listen; 0: one can */
    int64_t relay_ms;       /* when a relay may be begun next */
    size_t ask_at;          /* the host to be asked, or the first that may be */
    size_t asked_without;   /* how many hosts the `wait` is to go without */
    json_t *answer;         /* of a `wait` with success: the missing nodes */
    struct cu_error last;   /* why rank 0 was not reached last time */
    struct cu_launch_found *found; /* by host; owned, NULL: nobody has looked */
    bool *left_out; /* by host: the launch went on without it; owned, NULL: without none */
    size_t left_out_count;
    json_t *not_ready; /* the result of a `wait` that ended without success */
    int64_t start_ms, limit_ms, try_ms, fail_ms, progress_ms;
    int retry_ms;
    int signal_fd;
    int interrupted; /* signal number */
};

/* launch_input.c: where others can read what the launcher carries, or the file that it shares, a
 * MUNGE credential is sent in place of the key. *fd: what the daemons are to read, -1: the job's
 * file. 0, or -errno with err: then nothing may be started. */
__attribute__((warn_unused_result)) int cu_launch_input(const struct cu_job *job, const char *parts,
                                                        int *fd, struct cu_error *err);

/* launch_relay.c: begins a relay when the host that is to be asked has not been reached over the
 * network for a while, and it is time. `wait` goes there, too, and whichever way answers counts. */
void cu_launch_relay(struct cu_launch *l, ssize_t host, int64_t now_ms);
/* When cu_launch_relay has something to do, INT64_MAX: never. */
int64_t cu_launch_relay_next(const struct cu_launch *l, ssize_t host);
/* Takes what the relay has brought: the answer, a new reference, or NULL: none. */
json_t *cu_launch_relay_answer(struct cu_launch *l);
void cu_launch_relay_close(struct cu_launch *l);
/* The request, a new reference; NULL: out of memory. way_ms: what it may take to get there. */
json_t *cu_launch_wait_request(const struct cu_launch *l, int64_t way_ms);
/* The number of hosts known to be missing, as far as they may be. */
size_t cu_launch_without(const struct cu_launch *l);

/* launch.c: opens a conversation with a host's daemon. 0, or -errno with err. */
__attribute__((warn_unused_result)) int cu_launch_open_host(const struct cu_launch *l, size_t host,
                                                            int timeout_ms,
                                                            struct cu_client *client,
                                                            struct cu_error *err);

#define CU_LAUNCH_PROGRESS_MS 1000
/* launch_progress.c: writes the line, when it is time and there is a terminal. */
void cu_launch_progress(struct cu_launch *l, int64_t now_ms);
/* Takes the answer about the recipe. */
void cu_launch_progress_take(struct cu_launch *l);
/* Removes the line. */
void cu_launch_progress_end(struct cu_launch *l);

/* launch_settle.c: called when the launch has succeeded. Stores the hosts that it went on without
 * in left_out and in the job's file, and tells the daemons that these are not waited for, and that
 * the launch is confirmed.
 * */
void cu_launch_settle(struct cu_launch *l, struct cu_job_file *file);

/* launch_look.c: asks the daemons of nodes that are not ready, and finds out which hosts cannot be
 * reached. Takes up to some seconds; does nothing where the causes are known. */
void cu_launch_look(struct cu_launch *l);
/* launch_judge.c: writes into found what is wrong with each host. */
void cu_launch_judge(struct cu_launch *l);
/* Is this host one of those that the last answer to `wait` calls missing? */
bool cu_launch_is_missing(const struct cu_launch *l, size_t i);

#define CU_LAUNCH_REASON_MAX 1100
/* Writes why host i is not ready; false: there is nothing to say about it. */
typedef bool cu_launch_reason_fn(const struct cu_launch *l, size_t i, char *out, size_t size);
/* launch_reasons.c: prints them to standard error, each line beginning with before: a line for each
 * host, or for each reason where they are many. Returns of how many hosts. */
size_t cu_launch_print_reasons(const struct cu_launch *l, const char *before,
                               cu_launch_reason_fn *reason_of);

/* launch_report.c: messages. */
void cu_launch_print_failure(const struct cu_launch *l);
void cu_launch_print_success(const struct cu_launch *l);

#endif
