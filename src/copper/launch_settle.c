/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a launch that succeeded. The job's file is updated with the hosts that are left out
 * before the daemons are, so that a stop never waits for these hosts. */
#include "copper/cli.h"
#include "copper/launch_state.h"
#include "copper/relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAUNCHED_MS 5000
#define RELAY_TRIES 3
#define RANKS_BYTES (CU_JOB_MISSING_MAX * 8)

/* Marks the hosts that the answer of the last `wait` calls missing. Accepted only for hosts of the
 * job, and for no more than the job allows to be missing. */
static void mark_left_out(struct cu_launch *l)
{
    const struct cu_hosts *hosts = &l->job->hosts;
    const json_t *names = json_object_get(l->answer, "missing"), *name;
    size_t n;

    if (l->job->allow_missing == 0 || json_array_size(names) == 0)
        return;
    l->left_out = calloc(hosts->count, sizeof(*l->left_out));
    if (!l->left_out)
        return; /* they count as silent, then */
    json_array_foreach (names, n, name) {
        const char *text = json_string_value(name);

        for (size_t i = 0; text && i < hosts->count; i++) {
            if (strcmp(hosts->names[i], text) != 0 || l->left_out[i] ||
                l->left_out_count >= l->job->allow_missing)
                continue;
            l->left_out[i] = true;
            l->left_out_count++;
        }
    }
}

static void ranks_text(const struct cu_launch *l, char out[RANKS_BYTES])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; l->left_out && i < l->job->hosts.count; i++)
        if (l->left_out[i])
            len += (size_t)snprintf(out + len, RANKS_BYTES - len, "%s%zu", len > 0 ? "," : "", i);
}

static int tell_daemons(struct cu_launch *l, const char *ranks, struct cu_error *err)
{
    json_t *request =
        json_pack("{s:s,s:b,s:i}", "op", "launched", "all", 1, "timeout_ms", LAUNCHED_MS);
    json_t *result = NULL;
    struct cu_client client;
    int rc;

    if (ranks[0] != '\0')
        json_object_set_new(request, "left_out", json_string(ranks));
    if (strcmp(l->job->hosts.names[0], "localhost") == 0)
        rc = cu_client_open_here(l->job->mount_dir, &client, err);
    else if (l->relayed)
        rc = cu_relay_open(l->job, l->paths, l->relay_host, RELAY_TRIES, &client, err);
    else
        rc = cu_client_open_any(l->job, &client, err);
    if (rc == 0)
        rc = cu_client_call(&client, request, 2 * LAUNCHED_MS, &result, err);
    cu_client_close(&client);
    json_decref(request);
    json_decref(result);
    return rc;
}

void cu_launch_settle(struct cu_launch *l, struct cu_job_file *file)
{
    char ranks[RANKS_BYTES];
    struct cu_error err = {""};

    mark_left_out(l);
    ranks_text(l, ranks);
    if ((ranks[0] != '\0' || l->relayed) && cu_job_file_settle(file, ranks, l->relayed, &err) != 0)
        cu_cli_say(stderr, "%s", err.text);
    if (tell_daemons(l, ranks, &err) != 0)
        cu_cli_say(stderr, "the daemons were not told that the launch is over: %s", err.text);
}
