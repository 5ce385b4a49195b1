/* SPDX-License-Identifier: BSD-3-Clause */
/* Stopping a job so that nothing is left on any node. The daemons' own tree is the fast way and
 * needs nothing but one that answers; the nodes that it did not reach are done one by one through
 * the launcher, which needs no daemon at all. */
#include "copper/job_stop.h"

#include "control/client.h"
#include "copper/cli.h"
#include "copper/job_file.h"
#include "copper/launch.h"
#include "copper/launcher.h"
#include "copper/local_stop.h"
#include "copper/stop_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_MS 15000 /* for the tree: mounts that are busy, and daemons that do not answer */
#define HERE_MS 2000  /* for this node's daemon to tell the hosts */
#define EACH_MS 8000  /* without any node telling its end: more than here.c needs for one */

void cu_job_stop_each(const struct cu_hosts *hosts, const char *mount_dir, const char *job_id,
                      const struct cu_launch_paths *paths, struct cu_job_stop *stop)
{
    const char *const command[] = {paths->copper, "stop",    "--here",
                                   "-v",          mount_dir, job_id != NULL ? "--job-id" : NULL,
                                   job_id,        NULL};
    struct cu_launcher_config config = {
        .parts = paths->parts, .mode = "run", .command = command, .hosts = hosts};
    struct cu_launcher s;

    if (cu_launcher_spawn(&s, &config, &stop->why) != 0) {
        stop->silent += hosts->count;
        snprintf(stop->first, sizeof(stop->first), "%.200s", stop->why.text);
        return;
    }
    if (!cu_launcher_wait(&s, EACH_MS))
        cu_launcher_kill(&s);
    for (size_t i = 0; i < hosts->count; i++) {
        const struct cu_launcher_host *host = &s.of[i];

        if (host->state == CU_LAUNCHER_DONE) {
            stop->stopped += host->text != NULL && strstr(host->text, "stopped") != NULL;
            continue;
        }
        if (stop->silent++ == 0)
            snprintf(stop->first, sizeof(stop->first), "%.100s: %.140s", hosts->names[i],
                     host->text != NULL ? host->text : "no answer");
    }
    cu_launcher_free(&s);
}

/* Asks the daemon at the other end to stop its job, whose hosts are known, then does the nodes that
 * this did not reach: all, when somebody has answered but does not end, as nobody says who. -errno
 * when nobody took the order. */
static int stop_through(struct cu_client *client, const struct cu_hosts *known,
                        const char *mount_dir, const char *job_id,
                        const struct cu_launch_paths *paths, struct cu_job_stop *stop)
{
    json_t *request = json_pack("{s:s,s:b}", "op", "stop", "all", 1);
    json_t *result = NULL;
    struct cu_hosts rest = {0};
    struct cu_error why = {""};
    int rc = cu_client_call(client, request, STOP_MS, &result, &stop->why);
    bool ended;

    json_decref(request);
    if (rc != 0)
        return rc;
    ended = cu_client_await_end(client);
    rc = cu_stop_answer_silent(known, result, &rest, &why);
    if (rc != 0)
        cu_cli_say(stderr, "%s", why.text);
    if (rc != -EBADMSG)
        stop->stopped += cu_cli_number(result, "stopped");
    json_decref(result);
    if (rest.count > 0 || !ended)
        cu_job_stop_each(ended ? &rest : known, mount_dir, job_id, paths, stop);
    if (stop->stopped > known->count)
        stop->stopped = known->count;
    cu_parse_hosts_free(&rest);
    return rc == -ENOMEM ? rc : 0;
}

/* The hosts of the job as the daemon of this node knows them from the launcher. */
static int hosts_here(struct cu_client *client, struct cu_hosts *hosts, struct cu_error *err)
{
    json_t *request = json_pack("{s:s,s:b}", "op", "doctor", "hosts", 1);
    json_t *result = NULL, *name;
    char *text = NULL;
    size_t size = 0, i;
    FILE *out = open_memstream(&text, &size);
    int rc = out == NULL ? -ENOMEM : cu_client_call(client, request, HERE_MS, &result, err);

    json_decref(request);
    if (rc == 0)
        json_array_foreach(json_object_get(result, "hosts"), i, name)
            fprintf(out, "%s\n", json_is_string(name) ? json_string_value(name) : "");
    if (out != NULL && fclose(out) != 0 && rc == 0)
        rc = -ENOMEM;
    if (rc == 0)
        rc = cu_parse_hosts(text, size, hosts, err);
    json_decref(result);
    free(text);
    return rc;
}

void cu_job_stop_everywhere(const struct cu_job *job, const struct cu_launch_paths *paths,
                            struct cu_job_stop *stop)
{
    char id[2 * CU_JOB_ID_BYTES + 1];
    struct cu_client client;
    int rc = cu_client_open_any(job, &client, NULL);

    cu_job_file_id(job, id);
    if (rc == 0)
        rc = stop_through(&client, &job->hosts, job->mount_dir, id, paths, stop);
    cu_client_close(&client);
    if (rc != 0)
        cu_job_stop_each(&job->hosts, job->mount_dir, id, paths, stop);
}

int cu_job_stop_local(const char *mount_dir, const struct cu_launch_paths *paths,
                      struct cu_job_stop *stop, struct cu_error *err)
{
    struct cu_client client;
    struct cu_hosts hosts = {0};
    int rc = cu_client_open_here(mount_dir, &client, err);

    if (rc == 0)
        rc = hosts_here(&client, &hosts, err);
    if (rc == 0)
        rc = stop_through(&client, &hosts, mount_dir, NULL, paths, stop);
    cu_parse_hosts_free(&hosts);
    cu_client_close(&client);
    if (rc == 0)
        return 0;
    rc = cu_local_stop(mount_dir, NULL, err);
    if (rc > 0)
        stop->stopped++;
    return rc < 0 ? rc : 0;
}
