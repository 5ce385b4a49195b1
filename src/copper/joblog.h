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

struct cu_joblog_taken; /* the log, between the end of its daemons and the write of the file */
/* Asks for the log of the whole job, as far as it has one. What wish points to is borrowed until
 * the log is kept. NULL: there is none, or none can be
 * taken. An error is said on standard error; the stop goes on. */
__attribute__((warn_unused_result)) struct cu_joblog_taken *
cu_joblog_take(struct cu_client *client, const struct cu_joblog *wish);
/* Writes the log where it belongs and says where, how much of it is not there, and why. Frees taken
 * (NULL: does nothing). Prints an error, but has none. */
void cu_joblog_keep(struct cu_joblog_taken *taken);

#endif
