/* SPDX-License-Identifier: BSD-3-Clause */
/* Stopping a job on all its hosts. */
#ifndef CU_COPPER_JOB_STOP_H
#define CU_COPPER_JOB_STOP_H

#include "base/error.h"
#include "base/parse.h"
#include "copper/joblog.h"
#include "copper/launch.h"
#include "copper/local_stop.h"
#include "proto/job.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct cu_job_stop {
    size_t stopped;     /* nodes that were running and are not any more */
    size_t silent;      /* nodes about which nothing is known */
    char first[512];    /* one of them, and why */
    char *silent_hosts; /* all of them, as text, owned; NULL: not known */
    bool relay;         /* only the launcher leads to the daemons, whatever the job says */
    const struct cu_hosts *untouched; /* no command was started there, so none is to clean; in
                                         natural order; borrowed, NULL: none */
    size_t others;   /* nodes of jobs that another one has launched, and that go on */
    char other[256]; /* who launched that of one of them */
    char *left_out;  /* hosts that the launch went on without, as text, owned; NULL: none */
    json_t *in_use;  /* who still uses the view (control/inuse.h), owned; NULL: nobody */
    json_t *answer;  /* to the `stop`, owned; NULL: none */
    const struct cu_joblog *log; /* what becomes of the log; borrowed, NULL: nothing */
    const char *recipe; /* file that gets what the nodes have recorded; borrowed, NULL: none */
    struct cu_error why;
};

/* Writes the command that stops the silent nodes later: "stop_copper.sh -H node[2-4]", with -v
 * unless the mount is the usual one. */
#define CU_JOB_STOP_AGAIN_MAX 1200u
void cu_job_stop_again(const struct cu_job_stop *stop, const char *mount_dir,
                       char out[CU_JOB_STOP_AGAIN_MAX]);

/* Frees what stop owns. */
void cu_job_stop_free(struct cu_job_stop *stop);

/* Stops the job's daemons everywhere: first by its own tree, then one by one through the launcher.
 */
void cu_job_stop_everywhere(const struct cu_job *job, const struct cu_launch_paths *paths,
                            struct cu_job_stop *stop);
/* `copper stop --here` on these hosts, but for the untouched ones, added to stop. whose: what is
 * stopped there. late: of so many it is known that they ran and were asked to stop, so they count
 * as stopped when nothing runs there any more. */
void cu_job_stop_each(const struct cu_hosts *hosts, const char *mount_dir,
                      const struct cu_local_stop_whose *whose, size_t late,
                      const struct cu_launch_paths *paths, struct cu_job_stop *stop);

/* For a mount without a job file: stops the job of this node's daemon, if there is one; else
 * removes what a dead daemon has left here. What another job or session has launched counts in
 * others, and goes on, unless all. -errno with err. */
__attribute__((warn_unused_result)) int cu_job_stop_local(const char *mount_dir, bool all,
                                                          const struct cu_launch_paths *paths,
                                                          struct cu_job_stop *stop,
                                                          struct cu_error *err);

#endif
