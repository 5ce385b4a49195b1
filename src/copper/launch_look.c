/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks the daemons of nodes that did not join, and of those that they do not reach, for what
 * launch_judge.c needs: over the network, or through the launcher where that is the way. */
#include "copper/cli.h"
#include "copper/launch_state.h"
#include "copper/relay.h"
#include "host/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS     6000 /* for all that are asked at once */
#define LOOK_ONE_MS 1500 /* a busy node must not count as one behind a firewall */
#define LOOKS_MAX   24u

bool cu_launch_is_missing(const struct cu_launch *l, size_t i)
{
    const json_t *name;
    size_t k;

    json_array_foreach (json_object_get(l->not_ready, "missing"), k, name)
        if (json_is_string(name) && strcmp(json_string_value(name), l->job->hosts.names[i]) == 0)
            return true;
    return false;
}

/* Is the cause unknown why this host is not ready? */
static bool is_riddle(const struct cu_launch *l, size_t i)
{
    const struct cu_launcher_host *host = &l->launcher.of[i];

    if (host->state == CU_LAUNCHER_FAILED || !cu_launcher_tried(&l->launcher, i) ||
        (host->state == CU_LAUNCHER_RUNS && !l->launcher.stay))
        return false;
    if (l->left_out)
        return l->left_out[i];
    return !l->not_ready || cu_launch_is_missing(l, i);
}

static ssize_t rank_of(const struct cu_hosts *hosts, const char *name)
{
    for (size_t i = 0; name && i < hosts->count; i++)
        if (strcmp(hosts->names[i], name) == 0)
            return (ssize_t)i;
    return -1;
}

/* Takes what the daemon of host i says. */
static void take(struct cu_launch *l, size_t i, const json_t *answer)
{
    const json_t *first = json_array_get(json_object_get(answer, "unreached"), 0), *peer;
    struct cu_launch_found *found = &l->found[i];
    size_t k;

    found->parent = rank_of(&l->job->hosts, json_string_value(json_object_get(first, "host")));
    snprintf(found->at, sizeof(found->at), "%.200s: %.150s", cu_cli_text(first, "at"),
             cu_cli_text(first, "error"));
    found->waits = json_is_true(json_object_get(answer, "recipe_waits"));
    json_array_foreach (json_object_get(answer, "peers"), k, peer)
        found->serves = found->serves || strcmp(cu_cli_text(peer, "is"), "child") == 0;
}

/* Asks host i, and leaves a client from which the answer comes, or a reason. */
static void begin(struct cu_launch *l, size_t i, int64_t deadline_ms, struct cu_client *client)
{
    int left = cu_clock_left_ms(deadline_ms);
    json_t *request = json_pack("{s:s}", "op", "doctor");
    struct cu_launch_found *found = &l->found[i];
    struct cu_error err = {""};
    int rc;

    *client = (struct cu_client){.channel.fd = -1};
    found->looked = left > 0;
    if (!found->looked) {
        json_decref(request);
        return;
    }
    if (l->relayed)
        rc = cu_relay_open(l->job, l->paths, i, 1, client, &err);
    else
        rc = cu_client_open_rank(l->job, (uint32_t)i, left < LOOK_ONE_MS ? left : LOOK_ONE_MS,
                                 client, &err);
    if (rc == 0)
        rc = cu_client_send(client, request, &err);
    if (rc != 0) {
        snprintf(found->at, sizeof(found->at), "%.380s", err.text);
        cu_client_close(client);
        client->channel.fd = -1;
    }
    json_decref(request);
}

static void end(struct cu_launch *l, size_t i, int64_t deadline_ms, struct cu_client *client)
{
    int left = cu_clock_left_ms(deadline_ms), rc;
    struct cu_launch_found *found = &l->found[i];
    json_t *answer = NULL;
    struct cu_error err = {""};

    if (client->channel.fd < 0)
        return;
    if (!l->relayed && left < LOOK_ONE_MS)
        left = LOOK_ONE_MS; /* reached, so its answer is near */
    rc = cu_client_take(client, left, &answer, &err);
    found->answers = rc == 0;
    found->silent = l->relayed && rc == -ETIMEDOUT;
    if (rc == 0)
        take(l, i, answer);
    else
        snprintf(found->at, sizeof(found->at), "%.380s", err.text);
    cu_client_close(client);
    json_decref(answer);
}

/* Asks those hosts, count of them, all at once. */
static void ask(struct cu_launch *l, const size_t *hosts, size_t count)
{
    int64_t deadline_ms = cu_clock_ms() + LOOK_MS;
    struct cu_client clients[LOOKS_MAX];

    for (size_t i = 0; i < count; i++)
        begin(l, hosts[i], deadline_ms, &clients[i]);
    for (size_t i = 0; i < count; i++)
        end(l, hosts[i], deadline_ms, &clients[i]);
}

/* Adds host i to those that are to be asked, once. */
static void add(struct cu_launch *l, size_t i, size_t *hosts, size_t *count)
{
    if (*count < LOOKS_MAX && !l->found[i].looked) {
        l->found[i].looked = true;
        hosts[(*count)++] = i;
    }
}

void cu_launch_look(struct cu_launch *l)
{
    size_t hosts[LOOKS_MAX] = {0}, count = 0, all = l->job->hosts.count;

    if (!l->not_ready && !l->left_out && l->launcher.failed > 0)
        return; /* these are the cause */
    l->found = calloc(all, sizeof(*l->found));
    if (!l->found)
        return;
    for (size_t i = 0; i < all; i++)
        l->found[i].parent = -1;
    for (size_t i = 0; i < all; i++)
        if (is_riddle(l, i))
            add(l, i, hosts, &count);
    ask(l, hosts, count);
    count = 0;
    for (size_t i = 0; i < all; i++)
        if (l->found[i].answers && l->found[i].parent >= 0)
            add(l, (size_t)l->found[i].parent, hosts, &count);
    ask(l, hosts, count);
    cu_launch_judge(l);
}
