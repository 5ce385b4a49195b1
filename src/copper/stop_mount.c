/* SPDX-License-Identifier: BSD-3-Clause */
/* What stop_copper.sh does, and says, about a mount. */
#include "copper/stop_mount.h"

#include "control/client.h"
#include "copper/advice.h"
#include "copper/cli.h"
#include "copper/inuse.h"
#include "copper/job_file.h"
#include "copper/job_stop.h"
#include "copper/jobdir.h"
#include "copper/launch_hosts.h"
#include "copper/progress.h"
#include "copper/summary.h"
#include "host/rundir.h"
#include "host/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* given: hosts were named, and only these were looked at. */
static int refuse_other(const char *mount_dir, size_t nodes, const char *owner, bool given)
{
    cu_progress_end();
    return cu_cli_fail(
        CU_EXIT_FAILED,
        "Copper at %s (%zu node%s) was launched by %s, not by this one, and goes on: "
        "stop_copper.sh --all%s stops it",
        mount_dir, nodes, plural(nodes), cu_session_is_job(owner) ? owner : "another session",
        given ? " -H HOSTS" : "");
}

/* The one piece that would have helped most: the report's, where there is one. */
static void print_advice(const struct cu_job_stop *stop, const json_t *of_report)
{
    json_t *own = of_report ? NULL : cu_advice_make(stop->answer, NULL);
    const json_t *first = json_array_get(of_report ? of_report : own, 0);
    const char *text = cu_cli_text(first, "text");
    bool tells = strcmp(cu_cli_text(first, "kind"), "max_cacheable") == 0;

    if (text[0] != '\0')
        cu_cli_say(stdout, "%s%s", tells ? "" : "advice: ", text);
    json_decref(own);
}

static int report_stop(struct cu_job_stop *stop, const char *mount_dir, bool given,
                       const json_t *advice)
{
    char *left_out = stop->left_out, text[CU_SUMMARY_MAX], command[CU_JOB_STOP_AGAIN_MAX];

    (void)cu_summary_time(stop->answer, text);
    if (stop->stopped > 0)
        printf("copper: stopped on %zu node%s%s%s%s\n", stop->stopped, plural(stop->stopped), text,
               left_out ? "; the launch had gone on without " : "", left_out ? left_out : "");
    else if (stop->silent == 0 && stop->others == 0)
        cu_cli_say(stdout, "nothing runs at %s", mount_dir);
    if (cu_summary_saved(stop->answer, text) > 0)
        cu_cli_say(stdout, "%s", text);
    print_advice(stop, advice);
    cu_inuse_print(stop->in_use);
    if (stop->others > 0)
        (void)refuse_other(mount_dir, stop->others, stop->other, given);
    if (stop->silent > 0)
        cu_job_stop_again(stop, mount_dir, command);
    if (stop->silent > 0)
        (void)cu_cli_fail(CU_EXIT_FAILED, "no answer from %zu node%s: %s; when %s back: %s",
                          stop->silent, plural(stop->silent), stop->first,
                          stop->silent == 1 ? "it is" : "they are", command);
    return stop->others + stop->silent > 0 ? CU_EXIT_FAILED : CU_EXIT_OK;
}

static void note_other(const struct cu_job *job, struct cu_job_stop *stop)
{
    stop->others = job->hosts.count;
    snprintf(stop->other, sizeof(stop->other), "%s", job->owner);
}

int cu_stop_mount(const char *mount_dir, const char *hosts_text, bool all, struct cu_joblog *log,
                  const struct cu_launch_paths *paths)
{
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    struct cu_job_stop stop = {.log = log};
    struct cu_hosts hosts = {0};
    struct cu_error err;
    struct cu_job job;
    char *report_dir = NULL;
    char mine[CU_SESSION_MAX], others[2 * CU_JOB_ID_BYTES + 1];
    struct cu_local_stop_whose whose = {.owner = all ? NULL : mine};
    json_t *advice;
    int rc;

    if (cu_rundir_find(getuid(), run_dir, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    if (cu_rundir_file(run_dir, mount_dir, "job", path) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "run directory %s: the name is too long", run_dir);
    if (hosts_text && cu_launch_hosts(hosts_text, &hosts, &err) != 0)
        return cu_cli_fail(CU_EXIT_USAGE, "%s", err.text);
    cu_progress_begin("stopping");
    cu_session_owner(mine);
    rc = cu_client_read_job(path, &job, &err);
    if (rc == 0 && !all && cu_session_is_other(job.owner)) {
        cu_job_file_id(&job, others);
        whose.spared = others;
        if (!hosts_text)
            note_other(&job, &stop);
    } else if (rc == 0) {
        stop.recipe = job.recipe;
        report_dir = strdup(job.report_dir ? job.report_dir : job.log_dir);
        if (log)
            log->parent = report_dir;
        cu_job_stop_everywhere(&job, paths, &stop);
        cu_job_file_remove(path, job.id);
    } else if (rc != -ENOENT) {
        unlink(path); /* it describes nothing */
    }
    if (rc == 0)
        cu_job_free(&job);
    if (hosts.count > 0)
        cu_job_stop_each(&hosts, mount_dir, &whose, 0, paths, &stop);
    cu_parse_hosts_free(&hosts);
    if (rc != 0 && !hosts_text) {
        rc = cu_job_stop_local(mount_dir, all, paths, &stop, &err);
        if (rc < 0)
            return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    }
    if (!getenv("COPPER_RUN_DIR"))
        rmdir(run_dir); /* as far as it is empty */
    cu_progress_end();
    advice = cu_jobdir_keep(report_dir, stop.answer);
    free(report_dir);
    rc = report_stop(&stop, mount_dir, hosts_text != NULL, advice);
    json_decref(advice);
    cu_job_stop_free(&stop);
    return rc;
}
