/* SPDX-License-Identifier: BSD-3-Clause */
/* copper stop: the whole job through its daemons, or the daemon of this node. stop_copper.sh does
 * more: it also reaches nodes whose daemon does not answer. */
#include "control/client.h"
#include "copper/bypassed.h"
#include "copper/cli.h"
#include "copper/inuse.h"
#include "copper/jobdir.h"
#include "copper/joblog.h"
#include "copper/local_stop.h"
#include "copper/progress.h"
#include "copper/reach.h"
#include "host/session.h"

#include <stdio.h>

#define STOP_MS   15000
#define STATUS_MS 10000 /* also through the launcher */

static int stop_here(const struct cu_cli_options *options)
{
    struct cu_error err;
    const struct cu_local_stop_whose whose = {
        .job_id = options->job_id, .spared = options->spared, .owner = options->owner};
    int rc = cu_local_stop(options->mount, &whose, &err);

    if (rc < 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    cu_progress_end();
    puts(rc > 0 ? "copper: " CU_LOCAL_STOP_DONE : "copper: " CU_LOCAL_STOP_NOTHING);
    return CU_EXIT_OK;
}

/* -1: the job is this process's own, or nobody's; else the exit status. */
static int check_owner(struct cu_client *client, const char *mount)
{
    json_t *request = json_pack("{s:s}", "op", "status"), *result = NULL;
    const char *owner;
    struct cu_error err;
    int rc = cu_client_call(client, request, STATUS_MS, &result, &err), status = -1;

    json_decref(request);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    owner = cu_cli_text(result, "owner");
    if (cu_session_is_other(owner))
        status = cu_cli_fail(CU_EXIT_FAILED,
                             "Copper at %s was launched by %s, not by this one, and goes on: "
                             "copper stop --all stops it",
                             mount, cu_session_is_job(owner) ? owner : "another session");
    json_decref(result);
    return status;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    struct cu_joblog_taken *log;
    struct cu_client client;
    struct cu_error err;
    json_t *request, *result = NULL;
    uint64_t silent;
    bool ended;
    int status = cu_cli_parse(command, argc, argv, &options);
    int rc;

    if (status >= 0)
        return status;
    if (options.all && options.here)
        return cu_cli_fail(CU_EXIT_USAGE, "stop: --all and --here exclude each other");
    if (options.here && options.log_collect)
        return cu_cli_fail(CU_EXIT_USAGE, "stop: --here and --log-collect exclude each other");
    cu_progress_begin("stopping");
    if (options.here)
        return stop_here(&options);
    rc = cu_reach_mount(options.mount, &client, &err);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    status = options.all ? -1 : check_owner(&client, options.mount);
    if (status >= 0) {
        cu_client_close(&client);
        return status;
    }
    log = cu_joblog_take(&client,
                         &(struct cu_joblog){.asked = options.log_collect, .file = options.log});
    request = json_pack("{s:s,s:b}", "op", "stop", "all", 1);
    rc = cu_client_call(&client, request, STOP_MS, &result, &err);
    json_decref(request);
    ended = rc == 0 && cu_client_await_end(&client);
    cu_client_close(&client);
    cu_joblog_keep(log);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    cu_progress_end();
    printf("copper: stopped on %llu nodes\n", (unsigned long long)cu_cli_number(result, "stopped"));
    cu_bypassed_print(json_object_get(result, "bypassed"));
    cu_inuse_print(json_object_get(result, "in_use"));
    json_decref(cu_jobdir_keep(NULL, result));
    silent = cu_cli_number(result, "silent_count") + cu_cli_number(result, "failed");
    json_decref(result);
    if (silent > 0)
        return cu_cli_fail(CU_EXIT_FAILED,
                           "%llu nodes did not answer, or keep a dead mount: use stop_copper.sh",
                           (unsigned long long)silent);
    if (!ended)
        return cu_cli_fail(CU_EXIT_FAILED,
                           "a daemon has answered but does not end: use stop_copper.sh");
    return CU_EXIT_OK;
}

const struct cu_command cu_command_stop = {
    .name = "stop",
    .synopsis = "[--all | --here] [--log-collect [FILE]] [-v MOUNT]",
    .summary = "Stops the job's daemons and takes their mounts away",
    .details = "Without --all, not what another job or session has launched.\n",
    .options = "vahielg",
    .run = run,
};
