/* SPDX-License-Identifier: BSD-3-Clause */
/* A login node may start daemons and not reach their ports. So when no daemon was reached for a
 * while, `wait` is also asked through the launcher, by a command on the host itself. The network is
 * still tried, and wins when it answers first: on a machine that is merely slow it does. */
#include "copper/cli.h"
#include "copper/launch_state.h"
#include "copper/relay.h"
#include "host/clock.h"

#include <string.h>

#define UNREACHED_MS 2000 /* not yet worth a step of srun */
#define AGAIN_MS     2000
#define TAKE_MS      300

int64_t cu_launch_relay_next(const struct cu_launch *l, ssize_t host)
{
    int64_t next_ms = l->unreached_ms + UNREACHED_MS;

    if (host < 0 || l->unreached_ms == 0 || l->relay_asked ||
        strcmp(l->job->hosts.names[host], "localhost") == 0)
        return INT64_MAX;
    return next_ms > l->relay_ms ? next_ms : l->relay_ms;
}

void cu_launch_relay(struct cu_launch *l, ssize_t host, int64_t now_ms)
{
    json_t *request;
    int rc;

    if (now_ms < cu_launch_relay_next(l, host))
        return;
    l->relay_ms = now_ms + AGAIN_MS;
    l->relay_host = (size_t)host;
    l->asked_without = cu_launch_without(l);
    rc = cu_relay_open(l->job, l->paths, (size_t)host, 1, &l->relay, &l->last);
    if (rc != 0)
        return;
    request = cu_launch_wait_request(l, CU_RELAY_WAY_MS);
    l->relay_asked = cu_client_send(&l->relay, request, &l->last) == 0;
    if (!l->relay_asked)
        cu_client_close(&l->relay);
    json_decref(request);
}

json_t *cu_launch_relay_answer(struct cu_launch *l)
{
    json_t *result = NULL;
    struct cu_error err;
    int rc = cu_client_receive(&l->relay, TAKE_MS, &result, &err);

    cu_launch_relay_close(l);
    l->relay_ms = cu_clock_ms() + AGAIN_MS;
    if (rc == 0 && !json_object_get(result, "relay")) {
        l->relayed = true;
        return result;
    }
    l->relay_at = l->relay_host + 1;
    l->relay_failed = true; /* the network's reason is the better one to tell */
    json_decref(result);
    return NULL;
}

void cu_launch_relay_close(struct cu_launch *l)
{
    cu_client_close(&l->relay);
    l->relay_asked = false;
}
