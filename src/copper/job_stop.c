/* SPDX-License-Identifier: BSD-3-Clause */
/* Stops a job so that nothing is left on any node. A request through the daemons' tree is the fast
 * way, and needs only one daemon that answers. Nodes that it did not reach are stopped one by one
 * through the launcher, which needs no daemon. */
#include "copper/job_stop.h"
#include "copper/hosts_answer.h"

#include "base/hostlist.h"
#include "base/idset.h"
#include "control/client.h"
#include "copper/cli.h"
#include "copper/job_file.h"
#include "copper/launch.h"
#include "copper/launcher.h"
#include "copper/local_stop.h"
#include "copper/reach.h"
#include "copper/recipe_file.h"
#include "copper/relay.h"
#include "copper/shell_quote.h"
#include "copper/stop_answer.h"
#include "host/rundir.h"
#include "host/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RELAY_TRIES 3
#define STOP_MS     15000 /* for the tree: mounts that are busy, and daemons that do not answer */
#define HINT_MAX    400u  /* bytes of host names in a command that is shown */
#define EACH_MS     8000  /* without a report of any node: more than local_stop.c needs for one */
#define LOAD_MAX    4 /* so many times as long, on a machine with as many processes for a core */

void cu_job_stop_free(struct cu_job_stop *stop)
{
    free(stop->left_out);
    free(stop->silent_hosts);
    json_decref(stop->answer);
    json_decref(stop->in_use);
    stop->left_out = NULL;
    stop->silent_hosts = NULL;
    stop->answer = NULL;
    stop->in_use = NULL;
}

static bool is_untouched(const struct cu_job_stop *stop, const char *name)
{
    size_t low = 0, high = stop->untouched ? stop->untouched->count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cu_parse_natural_compare(name, stop->untouched->names[middle]);

        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* Those of hosts to which a command must go; the names are borrowed. False when out of memory. */
static bool pick_touched(const struct cu_hosts *hosts, const struct cu_job_stop *stop,
                         struct cu_hosts *picked)
{
    *picked = (struct cu_hosts){.names = calloc(hosts->count + 1, sizeof(*picked->names))};
    for (size_t i = 0; picked->names && i < hosts->count; i++)
        if (!is_untouched(stop, hosts->names[i]))
            picked->names[picked->count++] = hosts->names[i];
    return picked->names;
}

/* silent: borrowed. Without memory for their names, none is named. */
static void name_silent(struct cu_job_stop *stop, const struct cu_hosts *silent)
{
    char *some = silent->count > 0 ? cu_hostlist_text(silent, ',') : NULL, *all = NULL;

    if (some && stop->silent_hosts && asprintf(&all, "%s,%s", stop->silent_hosts, some) < 0)
        all = NULL;
    if (some && stop->silent_hosts) {
        free(stop->silent_hosts);
        free(some);
        stop->silent_hosts = all;
    } else if (some) {
        stop->silent_hosts = some;
    }
}

void cu_job_stop_again(const struct cu_job_stop *stop, const char *mount_dir,
                       char out[CU_JOB_STOP_AGAIN_MAX])
{
    char usual[CU_PATH_MAX];
    bool is_usual = cu_rundir_default_mount(getuid(), usual) == 0 && strcmp(usual, mount_dir) == 0;
    const char *list = stop->silent_hosts;
    char *hosts = list && strlen(list) <= HINT_MAX ? cu_shell_quote(list) : NULL;
    char *mount = is_usual ? NULL : cu_shell_quote(mount_dir);

    snprintf(out, CU_JOB_STOP_AGAIN_MAX, "stop_copper.sh%s%.600s -H %s", mount ? " -v " : "",
             mount ? mount : "", hosts ? hosts : "HOSTS");
    free(hosts);
    free(mount);
}

/* What the command there has said of itself, when it did not stop anything. Is the host silent? */
static bool note_left(struct cu_job_stop *stop, const char *name, const char *text)
{
    const char *owner = text ? strstr(text, CU_LOCAL_STOP_SPARED) : NULL;

    if (owner && stop->others++ == 0)
        snprintf(stop->other, sizeof(stop->other), "%s", owner + strlen(CU_LOCAL_STOP_SPARED));
    if (!owner && stop->silent++ == 0)
        snprintf(stop->first, sizeof(stop->first), "%.100s: %.380s", name,
                 text ? text : "no answer");
    return !owner;
}

/* How long nothing may be heard of any host. Nothing tells a dead host from a slow one; what makes
 * the remote shells here slow is known. */
static int silence_ms(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    double load = 1;

    if (getloadavg(&load, 1) == 1 && cores > 1)
        load /= (double)cores;
    return (int)(EACH_MS * (load < 1 ? 1 : load < LOAD_MAX ? load : LOAD_MAX));
}

static void stop_hosts(const struct cu_hosts *hosts, const char *mount_dir,
                       const struct cu_local_stop_whose *whose, size_t late,
                       const struct cu_launch_paths *paths, struct cu_job_stop *stop)
{
    const char *const options[][2] = {
        {"--job-id", whose->job_id}, {"--except-job", whose->spared}, {"--owner", whose->owner}};
    const char *command[12] = {paths->copper, "stop", "--here", "-v", mount_dir};
    struct cu_launcher_config config = {
        .parts = paths->parts, .mode = "run", .command = command, .hosts = hosts};
    struct cu_hosts silent = {.names = calloc(hosts->count + 1, sizeof(*silent.names))};
    struct cu_launcher s;
    size_t n = 5;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (!options[i][1])
            continue;
        command[n++] = options[i][0];
        command[n++] = options[i][1];
    }
    if (cu_launcher_spawn(&s, &config, &stop->why) != 0) {
        stop->silent += hosts->count;
        snprintf(stop->first, sizeof(stop->first), "%.200s", stop->why.text);
        name_silent(stop, hosts);
        free(silent.names);
        return;
    }
    if (!cu_launcher_wait(&s, silence_ms()))
        cu_launcher_kill(&s);
    for (size_t i = 0; i < hosts->count; i++) {
        const struct cu_launcher_host *host = &s.of[i];

        /* With status 0 a shell may have ended that never came to the command. */
        if (host->state == CU_LAUNCHER_DONE && host->text &&
            (strstr(host->text, CU_LOCAL_STOP_DONE) || strstr(host->text, CU_LOCAL_STOP_NOTHING))) {
            bool here = strstr(host->text, CU_LOCAL_STOP_DONE);

            stop->stopped += here || late > 0;
            late -= !here && late > 0;
        } else if (note_left(stop, hosts->names[i],
                             host->state == CU_LAUNCHER_DONE ? "its shell has not run the command"
                             : host->text                    ? host->text
                                                             : s.text) &&
                   silent.names) {
            silent.names[silent.count++] = hosts->names[i];
        }
    }
    name_silent(stop, &silent);
    free(silent.names); /* the names themselves are others' */
    cu_launcher_free(&s);
}

void cu_job_stop_each(const struct cu_hosts *hosts, const char *mount_dir,
                      const struct cu_local_stop_whose *whose, size_t late,
                      const struct cu_launch_paths *paths, struct cu_job_stop *stop)
{
    struct cu_hosts touched;

    if (!pick_touched(hosts, stop, &touched))
        stop_hosts(hosts, mount_dir, whose, late, paths, stop);
    else if (touched.count > 0)
        stop_hosts(&touched, mount_dir, whose, late, paths, stop);
    free(touched.names); /* the names themselves are others' */
}

/* Asks the connected daemon to stop its job, whose hosts are known, then stops the nodes that this
 * did not reach: all of them when a node has answered but does not end, because it is unknown which
 * one. What was asked and is found ended then counts as stopped, whoever was faster. */
static void stop_through(struct cu_client *client, const struct cu_hosts *known, size_t spare,
                         const char *mount_dir, const char *job_id,
                         const struct cu_launch_paths *paths, struct cu_job_stop *stop)
{
    const struct cu_local_stop_whose whose = {.job_id = job_id};
    json_t *request = json_pack("{s:s,s:b}", "op", "stop", "all", 1);
    json_t *result = NULL;
    struct cu_hosts rest = {0};
    struct cu_error why = {""};
    size_t stopped = 0, late = 0;
    int rc = cu_client_call(client, request, STOP_MS, &result, &stop->why);

    json_decref(request);
    if (rc == 0) {
        stop->answer = json_incref(result);
        stop->in_use = json_incref(json_object_get(result, "in_use"));
    }
    if (rc == -ETIMEDOUT || rc == -ECONNRESET)
        late = known->count; /* it was asked, and what it does is not known */
    /* Without an answer, each node; with nodes that keep their mount or do not end, too: each tells
     * of itself. */
    if (rc == 0)
        rc = cu_stop_answer_silent(known, spare, result, &rest, &why);
    if (rc != 0 && why.text[0] != '\0')
        cu_cli_say(stderr, "%s", why.text);
    if (rc == 0) {
        stopped = (size_t)cu_cli_number(result, "stopped");
        late = (size_t)cu_cli_number(result, "late_count");
    }
    if (rc != 0 || !cu_client_await_end(client) || cu_cli_number(result, "failed") > 0) {
        cu_job_stop_each(known, mount_dir, &whose, stopped + late, paths, stop);
    } else {
        stop->stopped += stopped;
        if (rest.count > 0)
            cu_job_stop_each(&rest, mount_dir, &whose, late, paths, stop);
    }
    json_decref(result);
    cu_parse_hosts_free(&rest);
}

/* Divides the job's hosts into those that it runs on and those that the launch went on without; the
 * names are borrowed. */
static int split_hosts(const struct cu_job *job, struct cu_hosts *there, struct cu_hosts *gone)
{
    size_t count = job->hosts.count;
    struct cu_idset out;
    int rc = cu_idset_init(&out, (uint32_t)count);

    if (rc == 0 && job->left_out && cu_idset_add_text(&out, job->left_out) != 0)
        cu_cli_say(stderr, "the job's file names ranks that it does not have: %s", job->left_out);
    there->names = calloc(count, sizeof(*there->names));
    gone->names = calloc(count, sizeof(*gone->names));
    if (rc != 0 || !there->names || !gone->names) {
        free(there->names);
        free(gone->names);
        cu_idset_free(&out);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct cu_hosts *side = cu_idset_has(&out, (uint32_t)i) ? gone : there;

        side->names[side->count++] = job->hosts.names[i];
    }
    cu_idset_free(&out);
    return 0;
}

void cu_job_stop_everywhere(const struct cu_job *job, const struct cu_launch_paths *paths,
                            struct cu_job_stop *stop)
{
    char id[2 * CU_JOB_ID_BYTES + 1];
    const struct cu_local_stop_whose whose = {.job_id = id};
    struct cu_recipe_taken taken = {0};
    struct cu_joblog_taken *log = NULL;
    struct cu_client client;
    struct cu_hosts there = {0}, gone = {0};
    int rc;

    if (split_hosts(job, &there, &gone) != 0) {
        stop->silent += job->hosts.count;
        snprintf(stop->first, sizeof(stop->first), "out of memory");
        return;
    }
    rc = stop->relay && !job->relay ? cu_relay_open(job, paths, 0, RELAY_TRIES, &client, NULL)
                                    : cu_reach_job(job, &client, NULL);
    cu_job_file_id(job, id);
    if (rc == 0 && (stop->recipe || cu_job_learns_by_command(job)))
        cu_recipe_file_take(&client, &taken);
    if (rc == 0 && stop->log && (job->log_collect || stop->log->asked))
        log = cu_joblog_take(&client, stop->log);
    if (rc == 0)
        stop_through(&client, &there, gone.count, job->mount_dir, id, paths, stop);
    else
        cu_job_stop_each(&there, job->mount_dir, &whose, 0, paths, stop);
    cu_client_close(&client);
    /* Not before: where a file system hangs, the job is stopped all the same. */
    cu_recipe_file_keep(&taken, stop->recipe);
    cu_joblog_keep(log);
    if (gone.count > 0)
        stop->left_out = cu_hostlist_text(&gone, ',');
    free(there.names); /* the names themselves are the job's */
    free(gone.names);
}

int cu_job_stop_local(const char *mount_dir, bool all, const struct cu_launch_paths *paths,
                      struct cu_job_stop *stop, struct cu_error *err)
{
    char owner[CU_SESSION_MAX], mine[CU_SESSION_MAX];
    const struct cu_local_stop_whose whose = {.owner = all ? NULL : mine};
    struct cu_joblog_taken *log = NULL;
    struct cu_client client;
    struct cu_hosts hosts = {0};
    int rc = cu_client_open_here(mount_dir, &client, err);

    if (rc == 0)
        rc = cu_hosts_answer_here(&client, true, &hosts, owner, err);
    if (rc == 0 && !all && cu_session_is_other(owner)) {
        stop->others = hosts.count;
        snprintf(stop->other, sizeof(stop->other), "%s", owner);
    } else if (rc == 0) {
        if (stop->log)
            log = cu_joblog_take(&client, stop->log);
        stop_through(&client, &hosts, 0, mount_dir, NULL, paths, stop);
    }
    cu_parse_hosts_free(&hosts);
    cu_client_close(&client);
    cu_joblog_keep(log);
    if (rc == 0)
        return 0;
    cu_session_owner(mine);
    rc = cu_local_stop(mount_dir, &whose, err); /* it is dead, or does not answer */
    if (rc == -EACCES)
        (void)note_left(stop, mount_dir, err->text);
    if (rc > 0)
        stop->stopped++;
    return rc < 0 && rc != -EACCES ? rc : 0;
}
