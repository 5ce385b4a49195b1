/* SPDX-License-Identifier: BSD-3-Clause */
/* A question that hangs is ended at its limit. While it cannot be, no other one is begun. The
 * thread for it exists only where there is a root. */
#include "copperd/lease_slurm.h"

#include "base/list.h"
#include "host/log.h"
#include "host/slurmjob.h"
#include "loop/crew.h"

#include <stdlib.h>

#define LIMIT_MS 20000 /* of scontrol: its own is 10 s for each controller */

struct cu_lease_slurm {
    struct cu_lease_config config;
    struct cu_slurmjob slurm;
    uv_timer_t timer;
    struct cu_crew *crew; /* NULL: nothing was asked yet */
    struct cu_crew_job job;
    bool busy, over, silent;
    enum cu_slurmjob_state state; /* the thread's while busy, as restarts */
    uint32_t restarts;
};

static struct cu_lease_slurm *of_job(struct cu_crew_job *job)
{
    return CU_LIST_ENTRY(job, struct cu_lease_slurm, job);
}

/* On the thread. */
static void ask(struct cu_crew_job *job)
{
    struct cu_lease_slurm *lease = of_job(job);

    lease->state = cu_slurmjob_ask(&lease->slurm, LIMIT_MS, &lease->restarts);
}

/* Is it not the run that this job's daemons belong to? */
static bool is_again(struct cu_lease_slurm *lease)
{
    struct cu_lease_kept *kept = lease->config.kept;

    if (kept->slurm_runs == 0)
        kept->slurm_runs = (uint64_t)lease->restarts + 1;
    return kept->slurm_runs != (uint64_t)lease->restarts + 1;
}

static void on_asked(struct cu_crew_job *job)
{
    struct cu_lease_slurm *lease = of_job(job);
    const char *id = lease->slurm.job;
    bool silent = lease->state == CU_SLURMJOB_UNKNOWN;

    lease->busy = false;
    if (silent && !lease->silent)
        cu_log_warn("%s tells nothing of Slurm's job %s", lease->slurm.scontrol, id);
    lease->silent = silent;
    if (lease->state == CU_SLURMJOB_OVER)
        cu_log_info("Slurm's job %s is over", id);
    else if (lease->state == CU_SLURMJOB_GOES_ON && is_again(lease))
        cu_log_info("Slurm's job %s was started again", id);
    else
        return;
    lease->over = true;
    lease->config.over(lease->config.context);
}

static void on_tick(uv_timer_t *timer)
{
    struct cu_lease_slurm *lease = timer->data;

    if (lease->over) {
        lease->config.over(lease->config.context);
        return;
    }
    if (lease->busy || !lease->config.is_root(lease->config.context))
        return;
    if (!lease->crew)
        lease->crew = cu_crew_create(lease->config.loop, 1);
    if (!lease->crew)
        return;
    lease->busy = true;
    lease->job = (struct cu_crew_job){.work = ask, .done = on_asked};
    cu_crew_run(lease->crew, &lease->job);
}

struct cu_lease_slurm *cu_lease_slurm_start(const struct cu_lease_config *config)
{
    struct cu_lease_slurm *lease;
    struct cu_slurmjob slurm;

    if (!cu_slurmjob_read(config->job->slurm, &slurm))
        return NULL;
    lease = calloc(1, sizeof(*lease));
    if (!lease) {
        cu_log_warn("Slurm's job %s cannot be watched: out of memory", slurm.job);
        return NULL;
    }
    lease->config = *config;
    lease->slurm = slurm;
    if (config->tick_ms == 0)
        lease->config.tick_ms = CU_LEASE_TICK_MS;
    uv_timer_init(config->loop, &lease->timer);
    lease->timer.data = lease;
    uv_timer_start(&lease->timer, on_tick, lease->config.tick_ms, lease->config.tick_ms);
    return lease;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void cu_lease_slurm_stop(struct cu_lease_slurm *lease)
{
    if (!lease)
        return;
    lease->over = true;
    cu_crew_close(lease->crew);
    uv_close((uv_handle_t *)&lease->timer, on_timer_closed);
}
