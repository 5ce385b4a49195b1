/* SPDX-License-Identifier: BSD-3-Clause */
/* One node for tests: the real core, storage and FUSE front on a loop of their own thread, as a job
 * with one node. The test's own thread uses the mount like any process would. */
#ifndef FRONT_NODE_H
#define FRONT_NODE_H

#include "base/path.h"
#include "core/core.h"
#include "core/driver.h"
#include "front/front.h"
#include "loop/crew.h"
#include "storage/storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "own_mounts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define NODE_CHUNK_BYTES 65536u
#define NODE_HELD_MAX    64

struct node;
typedef void (*node_fn)(struct node *node, void *arg);

struct node_config {
    const char *root; /* what storage shows */
    const char *mount;
    const char *hidden; /* or NULL */
    uint32_t enoent_ttl_ms;
    uint32_t chunk_bytes; /* 0: NODE_CHUNK_BYTES */
    uint64_t name_bytes_max;
    struct cu_recovery *recovery; /* opened; or NULL */
    bool old_kernel;
    bool relink;
    bool (*knows)(void *context);
    bool (*shows)(void *context, const char *path, size_t path_len);
    struct cu_latency *latency; /* or NULL */
    struct cu_buf *(*metrics)(void *context);
};

static size_t node_listing_bytes; /* of a node that is set up; 0: the default */

struct node {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    struct cu_core *core;
    struct cu_driver driver;
    struct cu_storage *storage;
    struct cu_front *front;
    struct cu_crew *aside;
    pthread_t thread;
    sem_t done;
    _Atomic(node_fn) fn; /* call under way */
    void *arg;
    atomic_bool unmounted;
    atomic_uint dropped;
    bool hold; /* reads of storage are kept back */
    struct {
        uint64_t id;
        struct cu_request request;
        char path[CU_TREE_PATH_MAX];
    } held[NODE_HELD_MAX];
    uint32_t held_count;
};

static inline uint64_t node_now(void *context)
{
    (void)context;
    return uv_hrtime();
}

static inline void node_reply(void *context, uint64_t cookie, enum cu_core_where where,
                              const struct cu_value *value)
{
    const struct node *n = context;

    if (n->front)
        cu_front_reply(n->front, cookie, where, value);
}

static inline int node_read(void *context, uint64_t id, const struct cu_request *request,
                            bool direct)
{
    struct node *n = context;
    uint32_t i = n->held_count;

    (void)direct;
    if (!n->hold)
        return cu_storage_submit(n->storage, id, request, false);
    assert(i < NODE_HELD_MAX);
    n->held[i].id = id;
    n->held[i].request = *request;
    memcpy(n->held[i].path, request->path, request->path_len);
    n->held[i].request.path = n->held[i].path;
    n->held_count++;
    return 0;
}

static inline void node_submit(struct node *n, uint64_t id, const struct cu_request *request)
{
    struct cu_value failed = {.error = ENOMEM};

    if (cu_storage_submit(n->storage, id, request, false) < 0)
        cu_core_storage_done(n->core, id, &failed, uv_hrtime());
}

static inline void node_forget(void *context, const char *path, size_t path_len, bool pages)
{
    const struct node *n = context;

    if (n->front)
        cu_front_forget(n->front, path, path_len, pages);
}

static inline void node_tick(uv_timer_t *timer)
{
    struct node *n = timer->data;

    cu_driver_fire(&n->driver);
}

static inline void node_arm(void *context, uint64_t at)
{
    struct node *n = context;
    uint64_t now = uv_hrtime();

    uv_timer_start(&n->timer, node_tick, at > now ? (at - now) / 1000000 + 1 : 0, 0);
}

static const struct cu_driver_ports node_ports = {
    .now_ns = node_now,
    .reply = node_reply,
    .read = node_read,
    .forget = node_forget,
    .arm = node_arm,
};

static inline void node_pump(void *context)
{
    cu_driver_run(&((struct node *)context)->driver);
}

static inline void node_stored(void *context, uint64_t id, const struct cu_value *value)
{
    struct node *n = context;

    if (!n->core)
        return;
    cu_core_storage_done(n->core, id, value, uv_hrtime());
    node_pump(n);
}

static inline void node_unmounted(void *context)
{
    atomic_store(&((struct node *)context)->unmounted, true);
}

static inline void node_dropped(void *context)
{
    struct node *n = context;

    atomic_fetch_add(&n->dropped, 1);
    cu_core_refresh(n->core, "/", 1, 0, uv_hrtime());
}

static inline void node_on_wake(uv_async_t *wake)
{
    struct node *n = wake->data;
    node_fn fn = atomic_exchange(&n->fn, NULL);

    if (!fn)
        return; /* two wakes in one */
    fn(n, n->arg);
    if (n->core)
        node_pump(n);
    sem_post(&n->done);
}

/* Has fn run on the loop thread and waits for it. */
static inline void node_call(struct node *n, node_fn fn, void *arg)
{
    n->arg = arg;
    atomic_store(&n->fn, fn);
    uv_async_send(&n->wake);
    while (sem_wait(&n->done) < 0)
        ;
}

static inline void *node_run(void *arg)
{
    struct node *n = arg;

    uv_run(&n->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* 0, or -EIO with the reason in err: no mount is possible here. */
static inline int node_start(struct node *n, const struct node_config *c, struct cu_error *err)
{
    uint32_t chunk = c->chunk_bytes ? c->chunk_bytes : NODE_CHUNK_BYTES;
    struct cu_core_config core = {
        .node_count = 1,
        .fanout = 2,
        .tree_count = 1,
        .cache_bytes = 256u << 20,
        .max_cacheable_bytes = 64u << 20,
        .chunk_bytes = chunk,
        .inline_bytes = chunk < 16384 ? chunk : 16384,
        .enoent_ttl_ns = (uint64_t)c->enoent_ttl_ms * 1000000,
        .start_grace_ns = 1000000000,
        .storage_slots = 16,
        .orphan_slots = 2,
    };
    struct cu_storage_config storage = {
        .listing_bytes_max = node_listing_bytes,
        .loop = &n->loop,
        .chunk_bytes = chunk,
        .inline_bytes = core.inline_bytes,
        .hidden_paths = {c->hidden},
        .root = c->root,
        .latency = c->latency,
    };
    struct cu_front_config front = {
        .loop = &n->loop,
        .mount_dir = c->mount,
        .hidden_paths = {c->hidden},
        .chunk_bytes = chunk,
        .cache_bytes = core.cache_bytes,
        .enoent_ttl_ns = core.enoent_ttl_ns,
        .name_bytes_max = c->name_bytes_max,
        .recovery = c->recovery,
        .old_kernel = c->old_kernel,
        .relink = c->relink,
        .latency = c->latency,
        .events = {.context = n,
                   .kick = node_pump,
                   .unmounted = node_unmounted,
                   .drop = node_dropped,
                   .metrics = c->metrics,
                   .knows = c->knows,
                   .shows = c->shows},
    };

    memset(n, 0, sizeof(*n));
    assert_int_equal(sem_init(&n->done, 0, 0), 0);
    assert_int_equal(uv_loop_init(&n->loop), 0);
    n->core = cu_core_create(&core, uv_hrtime(), err);
    assert_non_null(n->core);
    cu_driver_init(&n->driver, n->core, &node_ports, n);
    storage.counters = cu_core_counters(n->core);
    n->storage = cu_storage_create(&storage, n, node_stored, err);
    assert_non_null(n->storage);
    uv_async_init(&n->loop, &n->wake, node_on_wake);
    uv_timer_init(&n->loop, &n->timer);
    n->wake.data = n;
    n->timer.data = n;
    n->aside = cu_crew_create(&n->loop, 1);
    assert_non_null(n->aside);
    front.core = n->core;
    front.aside = n->aside;
    n->front = cu_front_create(&front, err);
    if (!n->front)
        return -EIO;
    assert_int_equal(pthread_create(&n->thread, NULL, node_run, n), 0);
    return 0;
}

static inline void node_stop_fn(struct node *n, void *arg)
{
    (void)arg;
    cu_front_destroy(n->front);
    cu_crew_close(n->aside);
    cu_storage_destroy(n->storage);
    cu_core_destroy(n->core);
    n->front = NULL;
    n->core = NULL;
    uv_close((uv_handle_t *)&n->wake, NULL);
    uv_close((uv_handle_t *)&n->timer, NULL);
}

static inline void node_stop(struct node *n)
{
    node_call(n, node_stop_fn, NULL);
    pthread_join(n->thread, NULL);
    assert_int_equal(uv_loop_close(&n->loop), 0);
    sem_destroy(&n->done);
}

static inline void node_counters_fn(struct node *n, void *arg)
{
    memcpy(arg, cu_core_counters(n->core), CU_COUNTER_COUNT * sizeof(uint64_t));
}

static inline void node_counters(struct node *n, uint64_t out[CU_COUNTER_COUNT])
{
    node_call(n, node_counters_fn, out);
}

static inline uint64_t node_counter(struct node *n, enum cu_counter counter)
{
    uint64_t all[CU_COUNTER_COUNT];

    node_counters(n, all);
    return all[counter];
}

/* All requests of the kernel. */
static inline uint64_t node_requests(struct node *n)
{
    uint64_t all[CU_COUNTER_COUNT], sum = 0;

    node_counters(n, all);
    for (int i = CU_COUNT_fuse_lookup; i <= CU_COUNT_fuse_other; i++)
        if (i != CU_COUNT_fuse_forget)
            sum += all[i];
    return sum;
}

static inline void node_hold_fn(struct node *n, void *arg)
{
    n->hold = *(bool *)arg;
    if (n->hold)
        return;
    for (uint32_t i = 0; i < n->held_count; i++)
        node_submit(n, n->held[i].id, &n->held[i].request);
    n->held_count = 0;
}

/* Storage answers nothing from now on, or goes on with all that was asked meanwhile. */
static inline void node_hold(struct node *n, bool hold)
{
    node_call(n, node_hold_fn, &hold);
}

static inline void node_refresh_fn(struct node *n, void *arg)
{
    cu_core_refresh(n->core, arg, strlen(arg), cu_core_generation(n->core) + 1, uv_hrtime());
}

static inline void node_refresh(struct node *n, const char *path)
{
    node_call(n, node_refresh_fn, (void *)path);
}

/* Calls done until it is true; false when that takes longer than the time a test may hang. */
static inline bool node_until(bool (*done)(void *arg), void *arg)
{
    static const struct timespec pause = {.tv_nsec = 200000}; /* others need the processor */
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        if (done(arg))
            return true;
        nanosleep(&pause, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 120);
    return false;
}

/* --- files on storage --------------------------------------------------------------------------
 */

static char node_base[PATH_MAX]; /* of this test: BASE/root is storage, BASE/mount the mount */

static inline const char *node_path(char out[PATH_MAX], const char *side, const char *path)
{
    assert_true(snprintf(out, PATH_MAX, "%s/%s%s", node_base, side, path) < PATH_MAX);
    return out;
}

#define ROOT(path)  node_path((char[PATH_MAX]){0}, "root", path)
#define MOUNT(path) node_path((char[PATH_MAX]){0}, "mount", path)

static inline unsigned char node_byte(uint64_t offset, unsigned seed)
{
    return (unsigned char)((offset * 2654435761u >> 7) + seed);
}

static inline void node_write(const char *path, size_t size, unsigned seed)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    for (size_t i = 0; i < size; i++)
        putc(node_byte(i, seed), f);
    assert_int_equal(fclose(f), 0);
}

static inline void node_base_make(void)
{
    own_mounts();
    strcpy(node_base, "/tmp/copper-front-XXXXXX");
    assert_non_null(mkdtemp(node_base));
    assert_int_equal(mkdir(ROOT(""), 0755), 0);
    assert_int_equal(mkdir(MOUNT(""), 0755), 0);
}

static inline void node_base_remove(void)
{
    char command[PATH_MAX + 32];

    snprintf(command, sizeof(command), "rm -rf --one-file-system %s", node_base);
    assert_int_equal(system(command), 0);
}

static inline bool node_can_mount(void)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        fprintf(stderr, "skipped: cannot open /dev/fuse: %s\n", strerror(errno));
    else
        close(fd);
    return fd >= 0;
}

/* Set-up and clean-up of a test: a node over what make has written, *state NULL where none can be.
 * root and mount are filled in. */
static inline int node_setup_as(struct node *n, void **state, struct node_config config,
                                void (*make)(void))
{
    char root[PATH_MAX], mount_dir[PATH_MAX];
    struct cu_error err = {0};

    *state = NULL;
    if (!node_can_mount())
        return 0;
    node_base_make();
    make();
    strcpy(root, ROOT(""));
    strcpy(mount_dir, MOUNT(""));
    config.root = root;
    config.mount = mount_dir;
    if (node_start(n, &config, &err) < 0)
        fail_msg("%s", err.text);
    *state = n;
    return 0;
}

static inline int node_setup(struct node *n, void **state, uint32_t enoent_ttl_ms,
                             void (*make)(void))
{
    return node_setup_as(n, state, (struct node_config){.enoent_ttl_ms = enoent_ttl_ms}, make);
}

static inline int node_teardown(void **state)
{
    if (!*state)
        return 0;
    node_stop(*state);
    node_base_remove();
    return 0;
}

#endif
