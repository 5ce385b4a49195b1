/* SPDX-License-Identifier: BSD-3-Clause */
/* Creates the parts of a node in the order of their dependencies. The front comes last, so that no
 * request of the kernel is read before all parts work. */
#include "copperd/daemon.h"

#include "copperd/figures.h"
#include "copperd/hooks.h"
#include "copperd/inputs.h"
#include "copperd/learn.h"
#include "copperd/ports.h"
#include "copperd/readon.h"
#include "copperd/state.h"
#include "copperd/stop.h"
#include "core/lanes.h"
#include "core/tree.h"
#include "front/special.h"
#include "host/log.h"
#include "host/process.h"
#include "proto/serve.h"
#include "storage/served.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES   (256u * 1024)
#define INLINE_BYTES  (64u * 1024)
#define STORAGE_SLOTS 16u
#define OPEN_FILES    512u /* some hundred libraries are mapped, then read here and there */
#define ORPHAN_SLOTS  4u
/* One closes files. */
#define STORAGE_WORKERS   (CU_LANE_RUNNING_MAX(STORAGE_SLOTS) + CU_LANE_RUNNING_MAX(ORPHAN_SLOTS) + 1)
#define LISTING_BYTES_MIN (64u << 20)
#define MISSING_GRACE     4 /* of the launch's time */
/* The root's worker makes digests of so large values, so that the loop is not away for long; where
 * it has cores of its own, of chunks, too. */
#define PREPARED_BYTES       ((size_t)1024 * 1024)
#define PREPARED_BYTES_ASIDE ((size_t)64 * 1024)
#define NS_PER_MS            1000000ull
#define NS_PER_S             1000000000ull

static struct cu_core_config core_config(const struct cu_daemon_config *config)
{
    const struct cu_job *job = config->job;
    uint32_t nodes = (uint32_t)job->hosts.count;
    struct cu_core_bulk bulk = cu_core_bulk(job->recipe != NULL);

    return (struct cu_core_config){
        .rank = config->rank,
        .node_count = nodes,
        .fanout = job->fanout != 0 ? job->fanout : CU_TREE_FANOUT,
        .tree_count = job->trees < nodes ? job->trees : nodes,
        .cache_bytes = config->cache_bytes,
        .max_cacheable_bytes = job->max_cacheable_bytes,
        .bulk_bytes = bulk.bytes,
        .bulk_stripe = bulk.stripe,
        .chunk_bytes = CHUNK_BYTES,
        .inline_bytes = INLINE_BYTES,
        .enoent_ttl_ns = job->enoent_ttl_ms * NS_PER_MS,
        /* at a restart the other daemons are up already; with --allow-missing, children of missing
         * nodes must be ready within the launch's time */
        .start_grace_ns = config->resumes ? 0
                                          : job->ready_timeout_s * NS_PER_S /
                                                (job->allow_missing > 0 ? MISSING_GRACE : 1),
        .storage_slots = STORAGE_SLOTS,
        .orphan_slots = ORPHAN_SLOTS,
    };
}

static uint64_t space_of(void *context, const char *path, size_t path_len)
{
    struct cu_daemon *daemon = context;

    return daemon->storage ? cu_storage_space(daemon->storage, path, path_len) : 0;
}

static void on_front_kick(void *context)
{
    cu_driver_run(&((struct cu_daemon *)context)->driver);
}

static void on_front_unmounted(void *context)
{
    struct cu_daemon *daemon = context;

    if (daemon->phase != CU_PHASE_SERVING)
        return;
    cu_log_warn("%s was unmounted by somebody", daemon->config.job->mount_dir);
    cu_daemon_stop(daemon, NULL, NULL);
}

static void on_front_drop(void *context)
{
    struct cu_daemon *daemon = context;

    cu_core_refresh(daemon->core, "/", 1, 0, uv_hrtime());
    cu_driver_run(&daemon->driver);
}

static bool on_front_is_ours(void *context, uint32_t tid)
{
    struct cu_daemon *daemon = context;

    return cu_storage_is_worker(daemon->storage, tid);
}

static bool on_front_shows(void *context, const char *path, size_t path_len)
{
    struct cu_daemon *daemon = context;

    return cu_served_shows(cu_storage_served(daemon->storage), path, path_len);
}

static bool on_front_knows(void *context)
{
    return cu_storage_knows(((struct cu_daemon *)context)->storage);
}

static void on_storage_updated(void *context)
{
    struct cu_daemon *daemon = context;

    cu_front_known(daemon->front);
    cu_driver_run(&daemon->driver);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct cu_daemon *daemon = handle->data;

    if (number == SIGUSR1 && daemon->phase != CU_PHASE_SERVING)
        return; /* the supervisor passes on its signal, which this process may have got, too */
    cu_log_info("signal %d", number);
    cu_daemon_stop(handle->data, NULL, NULL);
}

static int start_loop(struct cu_daemon *daemon, struct cu_error *err)
{
    int rc = uv_loop_init(&daemon->loop);

    if (rc < 0)
        return cu_error_set(err, rc, "no event loop: %s", uv_strerror(rc));
    cu_turn_init(&daemon->turn, &daemon->loop);
    daemon->aside = cu_crew_create(&daemon->loop, 1);
    if (!daemon->aside)
        return cu_error_set(err, -EAGAIN, "cannot start a thread");
    cu_trim_init(&daemon->trim, &daemon->loop);
    uv_timer_init(&daemon->loop, &daemon->timer);
    uv_idle_init(&daemon->loop, &daemon->idle);
    uv_timer_init(&daemon->loop, &daemon->stop_timer);
    uv_signal_init(&daemon->loop, &daemon->sigterm);
    uv_signal_init(&daemon->loop, &daemon->sigint);
    uv_signal_init(&daemon->loop, &daemon->sigusr1);
    daemon->timer.data = daemon;
    daemon->idle.data = daemon;
    daemon->stop_timer.data = daemon;
    daemon->sigterm.data = daemon;
    daemon->sigint.data = daemon;
    daemon->sigusr1.data = daemon;
    rc = uv_signal_start(&daemon->sigterm, on_signal, SIGTERM);
    if (rc == 0)
        rc = uv_signal_start(&daemon->sigint, on_signal, SIGINT);
    if (rc == 0)
        rc = uv_signal_start(&daemon->sigusr1, on_signal, SIGUSR1);
    return rc == 0 ? 0 : cu_error_set(err, rc, "no signal handler: %s", uv_strerror(rc));
}

static int start_logic(struct cu_daemon *daemon, const struct cu_core_config *limits,
                       struct cu_error *err)
{
    struct cu_commands_config config = {
        .job = daemon->config.job,
        .limits = *limits,
        .started_ns = uv_hrtime(),
        .memory_note = daemon->config.memory_note,
        .restarts = cu_recovery_restarts(daemon->config.recovery),
        .aside = daemon->aside,
        .latency = &daemon->latency,
        .hooks = cu_daemon_commands_hooks,
    };

    daemon->core = cu_core_create(limits, uv_hrtime(), err);
    if (!daemon->core)
        return -EINVAL;
    daemon->stager = cu_daemon_stager(daemon, limits);
    daemon->readon = cu_daemon_readon(daemon, limits);
    daemon->reads_on = !getenv("COPPER_NO_READ_ON"); /* for measurements */
    cu_driver_init(&daemon->driver, daemon->core, &cu_daemon_ports, daemon);
    if (daemon->config.spin_ns != 0)
        cu_turn_spin(&daemon->turn, daemon->config.spin_ns,
                     &cu_core_counters(daemon->core)[CU_COUNT_spun_us]);
    config.core = daemon->core;
    config.hooks.context = daemon;
    daemon->commands = cu_commands_create(&config);
    daemon->sampler = cu_sampler_create(config.started_ns);
    if (!daemon->commands || !daemon->stager || !daemon->readon || !daemon->sampler ||
        cu_links_init(&daemon->links, limits->node_count) < 0)
        return cu_error_set(err, -ENOMEM, "out of memory");
    return 0;
}

static int start_network(struct cu_daemon *daemon, struct cu_error *err)
{
    const struct cu_job *job = daemon->config.job;
    struct cu_transport_config config = {
        .loop = &daemon->loop,
        .turn = &daemon->turn,
        .port = job->port,
        .listener_fd = daemon->config.listener_fd,
        .network = daemon->config.network,
        .events = cu_daemon_transport_events,
        .counters = cu_core_counters(daemon->core),
    };
    struct cu_socket_events events = cu_daemon_socket_events;

    if (daemon->config.bulk_threads > 0)
        daemon->bulk = cu_crew_create(&daemon->loop, daemon->config.bulk_threads);
    if (daemon->config.bulk_threads > 0 && !daemon->bulk)
        cu_log_warn("cannot start a thread for bulk data: the loop's does it");
    config.crew = daemon->bulk;
    config.events.context = daemon;
    memcpy(config.identity.key, job->key, CU_KEY_BYTES);
    memcpy(config.identity.job_id, job->id, CU_JOB_ID_BYTES);
    memcpy(config.identity.instance, daemon->config.instance, CU_PUBLIC_BYTES);
    config.identity.rank = daemon->config.rank;
    config.identity.role = CU_ROLE_PEER;
    config.identity.encrypt = job->encrypt;
    daemon->transport = cu_transport_create(job->network, &config, err);
    if (!daemon->transport)
        return -EADDRINUSE;
    events.context = daemon;
    daemon->socket = cu_socket_create(&daemon->loop, daemon->config.socket_path,
                                      CU_COMMANDS_REQUEST_MAX, &events, err);
    if (!daemon->socket)
        return -EADDRINUSE;
    daemon->spaces = cu_spaces_create(&daemon->loop, daemon->config.spaces_path,
                                      daemon->config.spaces_store, err);
    return daemon->spaces ? 0 : -EADDRINUSE;
}

/* The other daemons get the request over the tree. Where it finds no root, or no answer, it has no
 * effect; then the lease says it again. */
static void on_over(void *context)
{
    static const char stop[] = "{\"op\":\"stop\",\"all\":true}";
    const struct cu_commands_origin nobody = {0};
    struct cu_daemon *daemon = context;

    if (daemon->phase != CU_PHASE_SERVING)
        return; /* this node ends already */
    cu_commands_request(daemon->commands, &nobody, stop, sizeof(stop) - 1, uv_hrtime());
    cu_driver_run(&daemon->driver);
}

static bool is_root(void *context)
{
    const struct cu_daemon *daemon = context;

    return cu_core_parent(daemon->core, 0) == daemon->config.rank;
}

static bool is_joined(void *context, uint32_t rank)
{
    const struct cu_daemon *daemon = context;
    const uint8_t *bits;

    return cu_core_ready(daemon->core, &bits) > 0 && bits && bits[rank / 8] >> rank % 8 & 1;
}

/* A scheduler that does not track the daemons leaves them running when it ends the job. */
static void watch_lease(struct cu_daemon *daemon)
{
    const char *tick = getenv("COPPER_LEASE_MS"); /* for tests */
    const struct cu_lease_config config = {
        .loop = &daemon->loop,
        .job = daemon->config.job,
        .network = daemon->config.network,
        .kept = daemon->config.lease_kept,
        .rank = daemon->config.rank,
        .tick_ms = tick ? (uint32_t)strtoul(tick, NULL, 10) : 0,
        .context = daemon,
        .is_root = is_root,
        .is_joined = is_joined,
        .over = on_over,
    };

    daemon->lease = cu_lease_start(&config);
    daemon->lease_slurm = cu_lease_slurm_start(&config);
}

/* A listing is one object of the cache. */
static size_t listing_bytes_max(const struct cu_core_config *limits)
{
    uint64_t share = limits->cache_bytes / 4;

    return share > LISTING_BYTES_MIN ? (size_t)share : LISTING_BYTES_MIN;
}

/* What is recorded of the requests of this node's kernel. */
static int start_records(struct cu_daemon *daemon, const struct cu_core_config *limits,
                         struct cu_front_config *front, struct cu_error *err)
{
    if (daemon->config.job->profile) {
        daemon->profile =
            cu_profile_create(daemon->config.job->top_paths, daemon->config.job->full_paths);
        daemon->surveyor = daemon->profile ? cu_daemon_surveyor(daemon, limits) : NULL;
        if (!daemon->surveyor)
            return cu_error_set(err, -ENOMEM, "out of memory");
        front->events.asked = cu_daemon_front_asked;
    }
    if (daemon->config.job->recipe || cu_job_learns_by_command(daemon->config.job)) {
        daemon->recorder = cu_recorder_create(limits->inline_bytes, limits->max_cacheable_bytes);
        if (!daemon->recorder)
            return cu_error_set(err, -ENOMEM, "out of memory");
        front->events.asked = cu_daemon_front_asked;
        cu_learn_events(daemon, &front->events);
    }
    return 0;
}

static int start_files(struct cu_daemon *daemon, const struct cu_core_config *limits,
                       struct cu_error *err)
{
    const char *real_mount = daemon->config.real_mount;
    /* COPPER_UNTIMED: for bench/counting */
    struct cu_latency *latency = getenv("COPPER_UNTIMED") ? NULL : &daemon->latency;
    const struct cu_serve *serve;
    const char *hidden[8] = {daemon->config.job->mount_dir, "/proc",        "/sys", "/dev",
                             daemon->config.run_dir,        CU_SPECIAL_PATH};
    struct cu_storage_config storage = {
        .loop = &daemon->loop,
        .turn = &daemon->turn,
        .prepare = daemon->config.job->hosts.count > 1 ? cu_daemon_storage_prepare : NULL,
        .prepare_bytes = daemon->bulk ? PREPARED_BYTES_ASIDE : PREPARED_BYTES,
        .updated = on_storage_updated,
        .workers_max = STORAGE_WORKERS,
        .chunk_bytes = limits->chunk_bytes,
        .inline_bytes = limits->inline_bytes,
        .open_files_max = OPEN_FILES,
        .listing_bytes_max = listing_bytes_max(limits),
        .listings = daemon->config.job->listings,
        .counters = cu_core_counters(daemon->core),
        .latency = latency,
    };
    struct cu_front_config front = {
        .loop = &daemon->loop,
        .turn = &daemon->turn,
        .core = daemon->core,
        .mount_dir = daemon->config.job->mount_dir,
        .chunk_bytes = limits->chunk_bytes,
        .cache_bytes = limits->cache_bytes,
        .enoent_ttl_ns = limits->enoent_ttl_ns,
        .name_bytes_max = limits->cache_bytes / CU_CORE_NAME_SHARE,
        .device_fd = daemon->config.device_fd,
        .recovery = daemon->config.recovery,
        .resumes = daemon->config.resumes,
        .allow_other = daemon->config.allow_other,
        .old_kernel = getenv("COPPER_OLD_KERNEL") != NULL,
        .relink = daemon->config.job->rewrite_links,
        .aside = daemon->aside,
        .rank = daemon->config.rank,
        .hosts = &daemon->config.job->hosts,
        .latency = latency,
        .events = {.context = daemon,
                   .kick = on_front_kick,
                   .unmounted = on_front_unmounted,
                   .drop = on_front_drop,
                   .metrics = cu_figures_metrics,
                   .is_ours = on_front_is_ours,
                   .knows = on_front_knows,
                   .shows = on_front_shows},
    };
    int rc = start_records(daemon, limits, &front, err);

    if (rc < 0)
        return rc;
    /* Storage reaches the mount by its real name, too. */
    if (strcmp(real_mount, hidden[0]) != 0)
        hidden[6] = real_mount;
    serve = cu_serve_create(daemon->config.job->serve); /* as long as the process */
    if (!serve)
        return cu_error_set(err, -ENOMEM, "out of memory");
    storage.serve = serve;
    front.serve = serve;
    memcpy(storage.hidden_paths, hidden, sizeof(hidden));
    memcpy(front.hidden_paths, hidden, sizeof(hidden));
    daemon->storage = cu_storage_create(&storage, daemon, cu_daemon_storage_done, err);
    if (!daemon->storage)
        return -ENOMEM;
    daemon->front = cu_front_create(&front, err);
    if (!daemon->front)
        return -EIO;
    cu_learn_start(daemon);
    if (daemon->config.resumes && cu_front_resume(daemon->front) < 0)
        return cu_error_set(err, -EIO, "the mount of the daemon that died cannot be taken over");
    return 0;
}

static struct cu_snapshot *start_snapshot(struct cu_daemon *daemon, const char *suffix,
                                          bool replace, void *(*take)(void *context),
                                          struct cu_buf *(*make)(void *taken))
{
    const struct cu_job *job = daemon->config.job;
    char path[CU_PATH_MAX];
    const struct cu_snapshot_config config = {
        .loop = &daemon->loop,
        .path = path,
        .seconds = job->snapshot_s,
        .replace = replace,
        .take = take,
        .make = make,
        .context = daemon,
    };
    int len = snprintf(path, sizeof(path), "%s/%s%s", job->log_dir,
                       job->hosts.names[daemon->config.rank], suffix);
    struct cu_snapshot *snapshot = len < (int)sizeof(path) ? cu_snapshot_create(&config) : NULL;

    if (!snapshot)
        cu_log_warn("%s: will not be written: out of memory or name too long", path);
    return snapshot;
}

static void start_snapshots(struct cu_daemon *daemon)
{
    if (daemon->config.job->snapshot_s != 0)
        daemon->stats_file = start_snapshot(daemon, CU_SNAPSHOT_STATS, false,
                                            cu_figures_take_counters, cu_figures_make_counters);
    if (daemon->profile)
        daemon->profile_file = start_snapshot(daemon, CU_SNAPSHOT_PROFILE, true,
                                              cu_figures_take_profile, cu_figures_make_profile);
}

struct cu_daemon *cu_daemon_create(const struct cu_daemon_config *config, struct cu_error *err)
{
    struct cu_daemon *daemon = calloc(1, sizeof(*daemon));
    struct cu_core_config limits = core_config(config);
    uint64_t *counters;

    if (!daemon) {
        cu_error_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    daemon->config = *config;
    limits.space_of = space_of;
    limits.space_context = daemon;
    if (start_loop(daemon, err) < 0 || start_logic(daemon, &limits, err) < 0 ||
        start_network(daemon, err) < 0 || start_files(daemon, &limits, err) < 0) {
        /* The process ends now: only what outlives it is cleaned up. */
        if (daemon->socket)
            cu_socket_unlisten(daemon->socket);
        if (daemon->spaces)
            cu_spaces_unlisten(daemon->spaces);
        return NULL;
    }
    start_snapshots(daemon);
    counters = cu_core_counters(daemon->core);
    cu_looptime_start(&daemon->looptime, &daemon->loop, &counters[CU_COUNT_loop_longest_us],
                      &counters[CU_COUNT_loop_busy_us]);
    cu_log_info("copperd " CU_VERSION
                ": rank %u of %u, port %u, fan-out %u, %u trees, cache %llu MiB",
                limits.rank, limits.node_count, cu_transport_port(daemon->transport), limits.fanout,
                limits.tree_count, (unsigned long long)(limits.cache_bytes >> 20));
    return daemon;
}

void cu_daemon_run(struct cu_daemon *daemon)
{
    const uint64_t *counters;

    watch_lease(daemon);
    cu_driver_run(&daemon->driver);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    counters = cu_core_counters(daemon->core);
    cu_log_info("stopped; longest turn of the loop %llu us, most processor time of a turn %llu us",
                (unsigned long long)counters[CU_COUNT_loop_longest_us],
                (unsigned long long)counters[CU_COUNT_loop_busy_us]);
}

bool cu_daemon_hangs(const struct cu_daemon *daemon)
{
    const char *path;
    uint64_t age_ns;

    return cu_storage_pending(daemon->storage, uv_hrtime(), &age_ns, &path) > 0 ||
           cu_snapshot_busy(daemon->profile_file) || cu_snapshot_busy(daemon->stats_file);
}
