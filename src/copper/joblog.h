/* SPDX-License-Identifier: BSD-3-Clause */
/* The logs of all nodes of a job as one file, before the job is stopped (--log-collect). */
#ifndef CU_COPPER_JOBLOG_H
#define CU_COPPER_JOBLOG_H

#include "control/client.h"

struct cu_joblog {
    bool asked;         /* also when the job was launched without --log-collect */
    const char *file;   /* where it goes; "-": standard output; NULL: job.log in the directory of
                           copper/jobdir.h; borrowed */
    const char *parent; /* of that directory, absolute; borrowed; NULL: the working directory */
};

/* Asks for the log of the whole job, as far as it has one, writes it and says where, how much of it
 * is not there, and why. Prints an error, but has none: the stop goes on. */
void cu_joblog_keep(struct cu_client *client, const struct cu_joblog *wish);

#endif
