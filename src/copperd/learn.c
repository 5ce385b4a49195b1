/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's turn comes when all of the recipe is in this node's cache: then it waits for no
 * other node.
 *
 * All nodes replay the same recipe at the same time, and each object is read from storage once. So
 * what one node asks for in a second is what storage is asked for by the whole job, and each node
 * keeps to the rate by itself. */
#include "copperd/learn.h"

#include "copperd/state.h"
#include "host/clock.h"
#include "host/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WARM_MS          30000 /* its longest time */
#define RATE_MS          10u
#define WARM_CACHE_SHARE 2u /* of the cache, a fraction: pages of the kernel are memory, too */

/* A chunk at least, and what may be asked for in a second. */
static uint64_t burst(const struct cu_daemon *daemon)
{
    uint64_t rate = daemon->config.job->storage_rate;

    return rate > CU_RECIPE_CHUNK ? rate : CU_RECIPE_CHUNK;
}

static void on_rate_timer(uv_timer_t *timer)
{
    struct cu_daemon *daemon = timer->data;

    uint64_t more = cu_rate_take(&daemon->rate, daemon->config.job->storage_rate, uv_hrtime());

    if (daemon->front)
        cu_front_replay_allow(daemon->front, more, burst(daemon));
    cu_driver_run(&daemon->driver);
}

struct cu_warmer *cu_learn_fork(const struct cu_job *job, void (*strip)(void *context),
                                void *context)
{
    if (!job->recipe || !job->learn_wait || getenv("COPPER_NO_WARM")) /* for measurements */
        return NULL;
    return cu_warmer_fork(strip, context);
}

/* The node counts as ready, if it did not before. */
static void be_ready(struct cu_daemon *daemon)
{
    uv_timer_stop(&daemon->learn_timer);
    cu_core_mounted(daemon->core, uv_hrtime());
}

static void on_timer(uv_timer_t *timer)
{
    struct cu_daemon *daemon = timer->data;

    cu_log_info("the recipe is not all here yet: going on without");
    be_ready(daemon);
    cu_driver_run(&daemon->driver);
}

static void on_warmed(void *context, const struct cu_warm_result *result)
{
    struct cu_daemon *daemon = context;
    uint64_t *counters = cu_core_counters(daemon->core);

    daemon->warmer = NULL;
    if (result) {
        counters[CU_COUNT_warmed_names] += result->names;
        counters[CU_COUNT_warmed_bytes] += result->bytes;
        cu_log_info("the kernel has %" PRIu64 " names and %" PRIu64 " MiB of the recipe%s",
                    result->names, result->bytes >> 20, result->cut ? ", not all of it" : "");
    }
    if (daemon->phase != CU_PHASE_SERVING)
        return;
    be_ready(daemon);
    cu_driver_run(&daemon->driver);
}

static void on_recipe(void *context, const void *bytes, size_t size)
{
    struct cu_daemon *daemon = context;

    daemon->warmable = daemon->warmer && cu_warmer_give(daemon->warmer, bytes, size) == 0;
}

static void on_replayed(void *context)
{
    struct cu_daemon *daemon = context;
    struct cu_warm_config config = {
        .root = daemon->config.job->mount_dir,
        .bytes_max = daemon->config.cache_bytes / WARM_CACHE_SHARE,
        .deadline_ms = cu_clock_ms() + WARM_MS,
    };

    uv_timer_stop(&daemon->rate_timer);
    if (!daemon->config.job->recipe || !daemon->config.job->learn_wait)
        return; /* it is ready already, and nothing is put into the kernel */
    memcpy(&config.salt, daemon->config.job->id, sizeof(config.salt));
    if (daemon->warmable) {
        cu_warmer_begin(daemon->warmer, &config);
        return;
    }
    cu_warmer_end(daemon->warmer);
    be_ready(daemon);
}

static void on_given(void *context, const char *path, size_t path_len)
{
    struct cu_daemon *daemon = context;

    cu_recorder_given(daemon->recorder, path, path_len);
}

void cu_learn_events(struct cu_daemon *daemon, struct cu_front_events *events)
{
    if (daemon->config.job->recipe && daemon->config.job->learn_wait)
        events->recipe = on_recipe;
    events->replayed = on_replayed;
    events->given = on_given;
}

static void start_warmer(struct cu_daemon *daemon)
{
    const struct cu_warmer_events events = {daemon, on_warmed};

    daemon->warmer = daemon->config.warmer;
    if (daemon->warmer && cu_warmer_watch(daemon->warmer, &daemon->loop, &events) < 0)
        daemon->warmer = NULL;
}

/* False: out of memory. */
static bool start_replay(struct cu_daemon *daemon, const char *path)
{
    uint64_t rate = daemon->config.job->storage_rate;

    if (rate > 0)
        uv_timer_start(&daemon->rate_timer, on_rate_timer, 0, RATE_MS);
    if (cu_front_replay(daemon->front, path, rate > 0 ? burst(daemon) : UINT64_MAX) == 0)
        return true;
    cu_log_warn("%s: out of memory", path);
    uv_timer_stop(&daemon->rate_timer);
    return false;
}

bool cu_learn_waits(const struct cu_daemon *daemon)
{
    return uv_is_active((const uv_handle_t *)&daemon->learn_timer);
}

void cu_learn_told(struct cu_daemon *daemon, const char *path)
{
    if (!daemon->front || daemon->phase != CU_PHASE_SERVING)
        return;
    (void)start_replay(daemon, path);
    cu_driver_run(&daemon->driver);
}

void cu_learn_start(struct cu_daemon *daemon)
{
    const struct cu_job *job = daemon->config.job;
    uint64_t waits_ms = cu_job_learn_ms(job);

    uv_timer_init(&daemon->loop, &daemon->learn_timer);
    daemon->learn_timer.data = daemon;
    uv_timer_init(&daemon->loop, &daemon->rate_timer);
    daemon->rate_timer.data = daemon;
    start_warmer(daemon);
    if (job->recipe && !start_replay(daemon, job->recipe))
        waits_ms = 0;
    if (waits_ms == 0)
        cu_core_mounted(daemon->core, uv_hrtime());
    else
        uv_timer_start(&daemon->learn_timer, on_timer, waits_ms, 0);
}
