/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of a launch: where it stands, and what is said of it. */
#ifndef CU_COPPER_LAUNCH_STATE_H
#define CU_COPPER_LAUNCH_STATE_H

#include "control/client.h"
#include "copper/job_file.h"
#include "copper/launcher.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_launch {
    const struct cu_job *job;
    struct cu_launcher launcher;
    struct cu_client client; /* to rank 0 */
    bool asked;              /* `wait` is on its way */
    bool ready;
    size_t ask_at;        /* the host to be asked, or the first that may be */
    size_t asked_without; /* how many hosts the `wait` is to go without */
    json_t *answer;       /* of a `wait` with success: who is missing */
    struct cu_error last; /* why rank 0 was not reached last time */
    bool *left_out;       /* by host: the launch went on without it; owned, NULL: without none */
    size_t left_out_count;
    json_t *not_ready; /* the result of a `wait` that ended without success */
    int64_t start_ms, limit_ms, try_ms, fail_ms, progress_ms;
    int retry_ms;
    int signal_fd;
    int interrupted; /* signal number */
    bool terminal;
};

/* launch_settle.c: the launch has succeeded. Whom it went on without stands in left_out, in the
 * job's file, and with the daemons, which hear that nobody waits for these, and that they may stay.
 */
void cu_launch_settle(struct cu_launch *l, struct cu_job_file *file);

/* launch_report.c: what people are told. */
void cu_launch_print_failure(const struct cu_launch *l);
void cu_launch_print_success(const struct cu_launch *l);

#endif
