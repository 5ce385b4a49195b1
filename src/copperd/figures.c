/* SPDX-License-Identifier: BSD-3-Clause */
#include "copperd/figures.h"

#include "control/metrics.h"
#include "copperd/state.h"

/* object (taken, may be NULL) with the time, as text. */
static struct cu_buf *dated(json_t *object)
{
    struct cu_buf *text;
    uv_timeval64_t now;

    if (!object)
        return NULL;
    uv_gettimeofday(&now);
    json_object_set_new(object, "time_ms",
                        json_integer((json_int_t)now.tv_sec * 1000 + now.tv_usec / 1000));
    text = cu_commands_encode(object);
    json_decref(object);
    return text;
}

struct cu_buf *cu_figures_snapshot(void *context)
{
    struct cu_daemon *daemon = context;

    return dated(cu_commands_counters(daemon->commands));
}

struct cu_buf *cu_figures_profile(void *context)
{
    struct cu_daemon *daemon = context;
    json_t *profile = cu_profile_json(daemon->profile);

    if (profile) {
        const char *host = daemon->config.job->hosts.names[daemon->config.rank];

        json_object_set_new(profile, "host", json_string(host));
        json_object_set_new(profile, "rank", json_integer(daemon->config.rank));
        json_object_set_new(profile, "counters", cu_commands_counters(daemon->commands));
    }
    return dated(profile);
}

/* For MOUNT/.copper/metrics. */
struct cu_buf *cu_figures_metrics(void *context)
{
    struct cu_daemon *daemon = context;
    const char *host = daemon->config.job->hosts.names[daemon->config.rank];
    json_t *nodes =
        json_pack("[{s:s, s:o}]", "host", host, "counters", cu_commands_counters(daemon->commands));
    struct cu_buf *text = nodes ? cu_metrics_text(nodes, &daemon->latency, host) : NULL;

    json_decref(nodes);
    return text;
}
