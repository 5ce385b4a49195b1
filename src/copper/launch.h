/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting a job on all its hosts. */
#ifndef CU_COPPER_LAUNCH_H
#define CU_COPPER_LAUNCH_H

#include "copper/job_file.h"
#include "proto/job.h"

#include <stdbool.h>

struct cu_launch_paths {
    const char *parts;   /* where the launchers are */
    const char *copperd; /* absolute */
    const char *copper;  /* absolute */
};

/* What a second attempt can do in another way. */
enum cu_launch_again {
    CU_LAUNCH_PORT = 1,  /* take another port */
    CU_LAUNCH_INPUT = 2, /* share the job description through a file, not by standard input */
    CU_LAUNCH_OTHER = 4, /* wait for the other launch that holds the mount; not of cu_launch_run */
};

/* Starts the job of the file on all its hosts, waits until it is ready, and prints messages;
 * returns the exit status. again: which of enum cu_launch_again may be done; set to those with
 * which another attempt is worthwhile: then everything was stopped again, and no error was printed.
 */
int cu_launch_run(const struct cu_job *job, struct cu_job_file *file,
                  const struct cu_launch_paths *paths, unsigned *again);

#endif
