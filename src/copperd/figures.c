/* SPDX-License-Identifier: BSD-3-Clause */
#include "copperd/figures.h"

#include "control/metrics.h"
#include "copperd/state.h"

#include <stdlib.h>

static void set_time(json_t *object)
{
    uv_timeval64_t now;

    uv_gettimeofday(&now);
    json_object_set_new(object, "time_ms",
                        json_integer((json_int_t)now.tv_sec * 1000 + now.tv_usec / 1000));
}

void *cu_figures_take_counters(void *context)
{
    struct cu_daemon *daemon = context;
    json_t *counters = cu_commands_counters(daemon->commands);

    set_time(counters);
    return counters;
}

struct cu_buf *cu_figures_make_counters(void *taken)
{
    struct cu_buf *text = cu_commands_encode(taken);

    json_decref(taken);
    return text;
}

struct taken {
    struct cu_profile *profile; /* owned */
    json_t *rest;               /* owned */
};

void *cu_figures_take_profile(void *context)
{
    struct cu_daemon *daemon = context;
    const char *host = daemon->config.job->hosts.names[daemon->config.rank];
    struct taken *taken = malloc(sizeof(*taken));

    if (!taken)
        return NULL;
    taken->profile = cu_profile_copy(daemon->profile);
    taken->rest =
        json_pack("{s:s, s:I, s:o}", "host", host, "rank", (json_int_t)daemon->config.rank,
                  "counters", cu_commands_counters(daemon->commands));
    set_time(taken->rest);
    if (taken->profile && taken->rest)
        return taken;
    cu_profile_destroy(taken->profile);
    json_decref(taken->rest);
    free(taken);
    return NULL;
}

struct cu_buf *cu_figures_make_profile(void *context)
{
    struct taken *taken = context;
    json_t *profile = cu_profile_json(taken->profile);
    struct cu_buf *text = NULL;

    if (profile && json_object_update(profile, taken->rest) == 0)
        text = cu_commands_encode(profile);
    json_decref(profile);
    json_decref(taken->rest);
    cu_profile_destroy(taken->profile);
    free(taken);
    return text;
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
