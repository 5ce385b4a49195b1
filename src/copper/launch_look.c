/* SPDX-License-Identifier: BSD-3-Clause */
/* Which host is at fault when nodes do not join. A node that runs and has no parent does not know
 * whether the fault is its own. So each daemon tells whom it does not reach, and it is compared
 * with what this host reaches: a daemon that this host does not reach, or none of the nodes below
 * it, is named; those that wait for it are not. */
#include "copper/cli.h"
#include "copper/launch_state.h"
#include "copper/relay.h"
#include "host/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS     6000 /* in all */
#define LOOK_ONE_MS 1500 /* a busy node must not count as one behind a firewall */
#define RELAY_MS    3000 /* the same, when the launcher must start a command for it */
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
    json_array_foreach (json_object_get(answer, "peers"), k, peer)
        found->serves = found->serves || strcmp(cu_cli_text(peer, "is"), "child") == 0;
}

static void look(struct cu_launch *l, size_t i, int64_t deadline_ms)
{
    int most = l->relayed ? RELAY_MS : LOOK_ONE_MS, left = cu_clock_left_ms(deadline_ms);
    int limit = left < most ? left : most;
    json_t *request = json_pack("{s:s}", "op", "doctor"), *answer = NULL;
    struct cu_launch_found *found = &l->found[i];
    struct cu_client client = {.channel.fd = -1};
    struct cu_error err = {""};
    int rc;

    found->looked = true;
    if (l->relayed)
        rc = cu_relay_open(l->job, l->paths, i, 1, &client, &err);
    else
        rc = cu_client_open_rank(l->job, (uint32_t)i, limit, &client, &err);
    if (rc == 0)
        rc = cu_client_call(&client, request, limit, &answer, &err);
    if (rc == 0)
        take(l, i, answer);
    else
        snprintf(found->at, sizeof(found->at), "%.380s", err.text);
    found->answers = rc == 0;
    cu_client_close(&client);
    json_decref(request);
    json_decref(answer);
}

/* Neither this host reaches it, or no node below it has. */
static bool is_at_fault(const struct cu_launch_found *host)
{
    return host->looked && (!host->answers || (host->accusers > 0 && !host->serves));
}

/* Host i is at fault. accuser: one of those that do not reach it, or NULL. A daemon that has
 * answered through the launcher can be one that this host does not reach. */
static void say_fault(struct cu_launch *l, size_t i, const char *accuser, const char *at)
{
    struct cu_launch_found *host = &l->found[i];
    bool here = !host->answers;
    char from[200] = "this host";

    if (host->answers && l->unreached_host == i && l->unreached_at[0] != '\0') {
        here = true;
        at = l->unreached_at;
    }
    if (!here && host->accusers == 1)
        snprintf(from, sizeof(from), "%.150s", accuser);
    else if (!here)
        snprintf(from, sizeof(from), "%u nodes", host->accusers);
    else if (host->accusers > 0)
        snprintf(from, sizeof(from), "this host and %u node%s", host->accusers,
                 host->accusers == 1 ? "" : "s");
    snprintf(host->text, sizeof(host->text), "its daemon cannot be reached from %s: %s", from, at);
}

/* No daemon is reached from here: the fault lies on the way, not in each of them. */
static bool none_answers(const struct cu_launch *l)
{
    size_t looked = 0;

    for (size_t i = 0; i < l->job->hosts.count; i++) {
        if (l->found[i].looked && l->found[i].answers)
            return false;
        looked += l->found[i].looked;
    }
    return looked > 1 && !l->not_ready;
}

static void judge(struct cu_launch *l)
{
    bool none = none_answers(l), known = none;

    for (size_t i = 0; i < l->job->hosts.count; i++) {
        struct cu_launch_found *found = &l->found[i], *parent = NULL;

        if (!found->looked || none)
            continue;
        if (found->answers && found->parent >= 0)
            parent = &l->found[found->parent];
        if (!found->answers)
            say_fault(l, i, NULL, found->at);
        else if (parent && is_at_fault(parent) && parent->answers)
            say_fault(l, (size_t)found->parent, l->job->hosts.names[i], found->at);
        else if (parent && !is_at_fault(parent))
            snprintf(found->text, sizeof(found->text), "it does not reach its parent %s",
                     found->at);
        known = known || found->text[0] != '\0' || parent;
    }
    for (size_t i = 0; known && i < l->job->hosts.count; i++)
        l->found[i].excused = l->found[i].text[0] == '\0';
}

void cu_launch_look(struct cu_launch *l)
{
    int64_t deadline_ms = cu_clock_ms() + LOOK_MS;
    size_t count = l->job->hosts.count, looks = 0;

    if (!l->not_ready && !l->left_out && l->launcher.failed > 0)
        return; /* these are the cause */
    l->found = calloc(count, sizeof(*l->found));
    if (!l->found)
        return;
    for (size_t i = 0; i < count; i++)
        l->found[i].parent = -1;
    for (size_t i = 0; i < count && looks < LOOKS_MAX; i++)
        if (is_riddle(l, i) && cu_clock_left_ms(deadline_ms) > 0) {
            look(l, i, deadline_ms);
            looks++;
        }
    for (size_t i = 0; i < count; i++) {
        ssize_t parent = l->found[i].answers ? l->found[i].parent : -1;

        if (parent < 0)
            continue;
        l->found[parent].accusers++;
        if (!l->found[parent].looked && cu_clock_left_ms(deadline_ms) > 0)
            look(l, (size_t)parent, deadline_ms);
    }
    judge(l);
}
