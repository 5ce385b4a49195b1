/* SPDX-License-Identifier: BSD-3-Clause */
/* A job of Slurm as text, by which any of its nodes can ask Slurm whether the job goes on. */
#ifndef CU_HOST_SLURMJOB_H
#define CU_HOST_SLURMJOB_H

#include <stdbool.h>
#include <stdint.h>

#define CU_SLURMJOB_MAX 256u /* bytes with the NUL */

struct cu_slurmjob {
    char cluster[64], job[64];
    char scontrol[CU_SLURMJOB_MAX]; /* absolute path of the program that is asked */
};

enum cu_slurmjob_state {
    CU_SLURMJOB_UNKNOWN, /* no answer, or one that says nothing */
    CU_SLURMJOB_GOES_ON,
    CU_SLURMJOB_OVER, /* it does not hold its nodes any more */
};

/* "slurm CLUSTER JOB SCONTROL": the job of this process's environment, with the first scontrol of
 * PATH; "" when it is in none, or one of these is not known. */
void cu_slurmjob_text(char out[CU_SLURMJOB_MAX]);
/* Of such a text. False: it is none. */
bool cu_slurmjob_read(const char *text, struct cu_slurmjob *job);
/* Asks Slurm, of whichever cluster this host is: an end is believed of the job's own cluster only.
 * Blocks, at most twice limit_ms, unless the program cannot be killed; any thread. restarts: how
 * often a job that goes on was started again. */
enum cu_slurmjob_state cu_slurmjob_ask(const struct cu_slurmjob *job, int limit_ms,
                                       uint32_t *restarts);

#endif
