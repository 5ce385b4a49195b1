/* SPDX-License-Identifier: BSD-3-Clause */
/* Which job or session launches, and whether the daemons must watch for its end: some launchers'
 * daemons are ended by nobody else. */
#include "copper/launch_owner.h"

#include "base/path.h"
#include "copper/launcher_choice.h"
#include "host/session.h"
#include "host/slurmjob.h"

#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] != '\0';
}

/* In a job of Slurm: are the daemons no step of it, which Slurm would end? */
static bool is_beside_slurm(const char *parts)
{
    char program[CU_PATH_MAX];

    return is_set("SLURM_JOB_ID") && cu_launcher_find(parts, program, NULL) == 0 &&
           strcmp(basename(program), "srun.sh") != 0;
}

/* Does the job end with the session of this launch? A step may end long before the job. */
static bool ends_with_session(const char *owner, bool beside_slurm)
{
    if (!is_set("SLURM_JOB_ID"))
        return cu_session_is_job(owner);
    return beside_slurm && !is_set("SLURM_STEP_ID");
}

int cu_launch_owner_note(struct cu_job *job, const char *parts)
{
    char owner[CU_SESSION_MAX], session[CU_SESSION_MAX], slurm[CU_SLURMJOB_MAX];
    bool beside_slurm = is_beside_slurm(parts);
    struct utsname self;
    int64_t rank;
    int rc = 0;

    cu_session_owner(owner);
    cu_session_text(session);
    if (owner[0] != '\0')
        rc = cu_job_set(job, "owner", owner, NULL, NULL);
    if (rc == 0 && session[0] != '\0' && ends_with_session(owner, beside_slurm)) {
        if (uname(&self) == 0 && (rank = cu_job_rank_of(job, self.nodename)) >= 0)
            (void)cu_session_add_rank(session, (uint32_t)rank);
        rc = cu_job_set(job, "lease", session, NULL, NULL);
    }
    cu_slurmjob_text(slurm);
    if (rc == 0 && beside_slurm && slurm[0] != '\0')
        rc = cu_job_set(job, "slurm", slurm, NULL, NULL);
    return rc;
}
