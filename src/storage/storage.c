/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage: operations on their way to worker threads and back. Operations wait in one queue of our
 * own; a job of the crew drains it until it is empty, so that thousands of short calls a second
 * do not cost a wake-up each, while one that hangs blocks its own worker only.
 *
 * Invariants: `pending` and all counters belong to the loop thread; `queue` and `done` are guarded
 * by the mutex; a job belongs to the worker that took it until it is in `done`. An operation waits
 * in the queue only while the maximum of workers are busy. The memory is freed when no worker is
 * left and libuv has closed the handles. */
#include "storage/storage.h"

#include "proto/dir.h"
#include "storage/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPEN_FILES_MAX  64u
#define WORKERS_DEFAULT 3u
#define IDLE_CLOSE_NS   UINT64_C(10000000000)
#define SWEEP_PERIOD_MS 5000u
/* Our own: close files that are not used any more; read the mount table. */
#define KIND_SWEEP  ((enum cu_kind)0)
#define KIND_UPDATE ((enum cu_kind)CU_KIND_COUNT)

static void sweep(struct cu_storage *storage);

static void op_free(struct cu_storage_op *op)
{
    cu_value_clear(&op->job.value);
    free(op);
}

static void list_free(struct cu_list *list)
{
    struct cu_list *entry;

    while ((entry = cu_list_pop_front(list)))
        op_free(CU_LIST_ENTRY(entry, struct cu_storage_op, in_queue));
}

static void free_memory(struct cu_storage *storage)
{
    cu_fdcache_destroy(storage->env.files);
    cu_served_destroy(storage->env.served);
    for (size_t i = 0; i < storage->env.hidden_count; i++)
        free(storage->env.hidden[i]);
    free(storage->env.root);
    uv_mutex_destroy(&storage->mutex);
    free(storage);
}

/* --- on worker threads ------------------------------------------------------------------------ */

/* With the mutex. NULL: none waits. */
static struct cu_storage_op *take(struct cu_storage *storage)
{
    struct cu_list *entry = cu_list_pop_front(&storage->queue);

    if (!entry)
        return NULL;
    storage->queued--;
    storage->running++;
    return CU_LIST_ENTRY(entry, struct cu_storage_op, in_queue);
}

static struct cu_storage_op *take_first(struct cu_storage *storage)
{
    struct cu_storage_op *op;

    uv_mutex_lock(&storage->mutex);
    op = take(storage);
    uv_mutex_unlock(&storage->mutex);
    return op;
}

/* Returns the next operation, if there is one. In that case the caller must wake the loop for this
 * operation's result; else the end of the job wakes it. */
static struct cu_storage_op *put_and_take(struct cu_storage *storage, struct cu_storage_op *op)
{
    struct cu_storage_op *next;

    uv_mutex_lock(&storage->mutex);
    cu_list_push_back(&storage->done, &op->in_queue);
    storage->running--;
    next = take(storage);
    uv_mutex_unlock(&storage->mutex);
    if (next)
        (void)uv_async_send(&storage->async);
    return next;
}

static void run(struct cu_storage *storage, struct cu_storage_op *op)
{
    op->started_ns = uv_hrtime();
    cu_storage_run(&storage->env, &op->job);
    op->ended_ns = uv_hrtime();
}

static struct cu_storage_worker *worker_of(struct cu_crew_job *job)
{
    return CU_LIST_ENTRY(job, struct cu_storage_worker, job);
}

static void on_work(struct cu_crew_job *job)
{
    struct cu_storage_worker *worker = worker_of(job);
    struct cu_storage *storage = worker->storage;
    struct cu_storage_op *op = take_first(storage);

    __atomic_store_n(&worker->tid, (uint32_t)gettid(), __ATOMIC_RELEASE);
    while (op) {
        if (op->job.kind == KIND_SWEEP)
            op->files_open = cu_fdcache_sweep(storage->env.files, op->submitted_ns - IDLE_CLOSE_NS);
        else if (op->job.kind == KIND_UPDATE)
            cu_served_update(storage->env.served);
        else
            run(storage, op);
        op = put_and_take(storage, op);
    }
    __atomic_store_n(&worker->tid, 0, __ATOMIC_RELEASE);
}

/* --- on the loop thread ----------------------------------------------------------------------- */

static void on_sweep_timer(uv_timer_t *timer)
{
    sweep(timer->data);
}

/* True: it was our own. */
static bool finish_own(struct cu_storage *storage, const struct cu_storage_op *op)
{
    if (op->job.kind == KIND_SWEEP) {
        storage->sweeping = false;
        if (op->files_open == 0)
            uv_timer_stop(&storage->timer);
        return true;
    }
    if (op->job.kind != KIND_UPDATE)
        return false;
    storage->updating = false;
    if (storage->updated)
        storage->updated(storage->context);
    return true;
}

static void finish(struct cu_storage *storage, struct cu_storage_op *op)
{
    if (finish_own(storage, op)) {
        op_free(op);
        return;
    }
    cu_list_remove(&op->in_pending);
    if (--storage->pending_count == 0)
        uv_unref((uv_handle_t *)&storage->async);
    cu_tally_add(&storage->tally, &op->job.counts, op->path);
    cu_tally_waiting(&storage->tally, storage->pending_count);
    if (storage->latency && op->started_ns != 0)
        cu_latency_stored(storage->latency, op->job.kind, op->job.counts.errors > 0,
                          op->started_ns - op->submitted_ns, op->ended_ns - op->started_ns);
    if ((op->job.kind == CU_KIND_DATA || op->job.kind == CU_KIND_HOLES) &&
        !uv_is_active((uv_handle_t *)&storage->timer))
        uv_timer_start(&storage->timer, on_sweep_timer, SWEEP_PERIOD_MS, SWEEP_PERIOD_MS);
    storage->done_fn(storage->context, op->id, &op->job.value);
    op_free(op);
}

static struct cu_storage_op *take_done(struct cu_storage *storage)
{
    struct cu_list *entry;

    uv_mutex_lock(&storage->mutex);
    entry = cu_list_pop_front(&storage->done);
    uv_mutex_unlock(&storage->mutex);
    return entry ? CU_LIST_ENTRY(entry, struct cu_storage_op, in_queue) : NULL;
}

static void drain(struct cu_storage *storage)
{
    struct cu_storage_op *op;

    while ((op = take_done(storage))) {
        if (storage->destroyed)
            op_free(op);
        else
            finish(storage, op);
        if (cu_turn_spent(storage->time) && !storage->destroyed) {
            (void)uv_async_send(&storage->async); /* the rest is for the next turn */
            return;
        }
    }
}

static void on_async(uv_async_t *async)
{
    drain(async->data);
}

static void on_turn_closed(void *context)
{
    struct cu_storage *storage = context;

    if (--storage->open == 0)
        free_memory(storage);
}

static void on_handle_closed(uv_handle_t *handle)
{
    on_turn_closed(handle->data);
}

static void on_work_done(struct cu_crew_job *job);

static void start_one(struct cu_storage *storage, void (*work)(struct cu_crew_job *))
{
    struct cu_storage_worker *worker = storage->workers;

    while (worker->busy)
        worker++;
    worker->busy = true;
    worker->storage = storage;
    worker->job.work = work;
    worker->job.done = on_work_done;
    storage->workers_busy++;
    cu_crew_run(storage->crew, &worker->job);
}

static void on_close_files(struct cu_crew_job *job)
{
    struct cu_storage_worker *worker = worker_of(job);

    cu_fdcache_destroy(worker->storage->env.files);
    worker->storage->env.files = NULL;
}

/* close(2) may block, too: the files go on a worker, then the handles. */
static void close_when_idle(struct cu_storage *storage)
{
    if (storage->workers_busy > 0)
        return;
    if (storage->env.files) {
        start_one(storage, on_close_files);
        return;
    }
    cu_crew_close(storage->crew);
    uv_close((uv_handle_t *)&storage->async, on_handle_closed);
    uv_close((uv_handle_t *)&storage->timer, on_handle_closed);
    cu_deferred_close(&storage->turn, on_turn_closed);
}

/* A worker for each operation that waits or runs, as far as there are any. One that has found the
 * queue empty counts until it is told, and then others are started. */
static void start_workers(struct cu_storage *storage)
{
    uint32_t wanted;

    uv_mutex_lock(&storage->mutex);
    wanted = storage->queued > 0 ? storage->queued + storage->running : 0;
    uv_mutex_unlock(&storage->mutex);
    while (storage->workers_busy < wanted && storage->workers_busy < storage->workers_max)
        start_one(storage, on_work);
}

static void on_work_done(struct cu_crew_job *job)
{
    struct cu_storage_worker *worker = worker_of(job);
    struct cu_storage *storage = worker->storage;

    worker->busy = false;
    storage->workers_busy--;
    drain(storage);
    if (storage->destroyed)
        close_when_idle(storage);
    else
        start_workers(
            storage); /* for operations submitted after this worker found the queue empty */
}

static void on_turn(void *context)
{
    start_workers(context);
}

/* Starts one worker at once. At the end of the loop turn it is decided whether more are needed:
 * short calls have ended by then. */
static void enqueue(struct cu_storage *storage, struct cu_storage_op *op)
{
    uv_mutex_lock(&storage->mutex);
    cu_list_push_back(&storage->queue, &op->in_queue);
    storage->queued++;
    uv_mutex_unlock(&storage->mutex);
    if (storage->workers_busy == 0)
        start_one(storage, on_work);
    else
        cu_deferred_arm(&storage->turn);
}

static struct cu_storage_op *op_new(const char *path, size_t path_len)
{
    struct cu_storage_op *op = calloc(1, sizeof(*op) + path_len + 1);

    if (!op)
        return NULL;
    cu_list_init(&op->in_queue);
    cu_list_init(&op->in_pending);
    if (path_len)
        memcpy(op->path, path, path_len);
    op->job.path = op->path;
    op->job.path_len = path_len;
    op->submitted_ns = uv_hrtime();
    return op;
}

static void sweep(struct cu_storage *storage)
{
    struct cu_storage_op *op = storage->sweeping ? NULL : op_new("", 0);

    if (!op) /* next time */
        return;
    storage->sweeping = true;
    enqueue(storage, op);
}

bool cu_storage_knows(struct cu_storage *storage)
{
    bool stale = cu_served_stale(storage->env.served);
    struct cu_storage_op *op;

    if (!stale || storage->updating || storage->destroyed)
        return !stale;
    op = op_new("", 0);
    if (!op) /* next time */
        return false;
    op->job.kind = KIND_UPDATE;
    storage->updating = true;
    enqueue(storage, op);
    return false;
}

int cu_storage_submit(struct cu_storage *storage, uint64_t id, const struct cu_request *request,
                      bool own)
{
    bool valid = cu_path_is_normal(request->path, request->path_len);
    struct cu_storage_op *op;

    if (storage->destroyed)
        return -ENOMEM;
    op = op_new(request->path, valid ? request->path_len : 0);
    if (!op)
        return -ENOMEM;
    op->id = id;
    op->job.kind = request->kind;
    op->job.flags = request->flags;
    op->job.chunk = request->chunk;
    op->job.piece = request->piece;
    op->job.version = request->version;
    op->job.own = own;
    cu_list_push_back(&storage->pending, &op->in_pending);
    if (storage->pending_count++ == 0)
        uv_ref((uv_handle_t *)&storage->async);
    cu_tally_waiting(&storage->tally, storage->pending_count);
    if (valid && request->kind >= CU_KIND_ATTR && request->kind < CU_KIND_COUNT) {
        enqueue(storage, op);
        return 0;
    }
    op->job.value.error = EINVAL;
    uv_mutex_lock(&storage->mutex);
    cu_list_push_back(&storage->done, &op->in_queue);
    uv_mutex_unlock(&storage->mutex);
    (void)uv_async_send(&storage->async);
    return 0;
}

void cu_storage_destroy(struct cu_storage *storage)
{
    struct cu_list dropped;

    if (!storage || storage->destroyed)
        return;
    storage->destroyed = true;
    cu_list_init(&dropped);
    uv_mutex_lock(&storage->mutex);
    cu_list_splice_back(&dropped, &storage->queue);
    cu_list_splice_back(&dropped, &storage->done);
    storage->queued = 0;
    uv_mutex_unlock(&storage->mutex);
    list_free(&dropped);
    if (storage->pending_count > 0)
        uv_unref((uv_handle_t *)&storage->async);
    uv_timer_stop(&storage->timer);
    close_when_idle(storage);
}

static int copy_paths(struct cu_storage *storage, const struct cu_storage_config *config)
{
    struct cu_storage_env *env = &storage->env;

    env->serve = config->serve;
    env->root = strdup(config->root ? config->root : "");
    if (!env->root)
        return -ENOMEM;
    for (size_t i = 0; i < CU_STORAGE_HIDDEN_MAX && config->hidden_paths[i]; env->hidden_count++) {
        env->hidden[i] = strdup(config->hidden_paths[i]);
        if (!env->hidden[i++])
            return -ENOMEM;
    }
    env->served = cu_served_create(env->root[0] ? env->root : "/", config->listings);
    return env->served ? 0 : -ENOMEM;
}

struct cu_storage *cu_storage_create(const struct cu_storage_config *config, void *context,
                                     cu_storage_done_fn done, struct cu_error *err)
{
    unsigned workers = config->workers_max ? config->workers_max : WORKERS_DEFAULT;
    struct cu_storage *storage =
        calloc(1, sizeof(*storage) + workers * sizeof(struct cu_storage_worker));
    int r;

    if (!storage)
        goto no_memory;
    if (uv_mutex_init(&storage->mutex)) {
        free(storage);
        goto no_memory;
    }
    storage->env.chunk_bytes = config->chunk_bytes;
    storage->env.inline_bytes = config->inline_bytes;
    storage->env.prepare = config->prepare;
    storage->env.prepare_context = context;
    storage->env.prepare_bytes = config->prepare_bytes;
    storage->env.listing_bytes_max =
        config->listing_bytes_max ? config->listing_bytes_max : CU_DIR_BYTES_MAX;
    storage->env.files =
        cu_fdcache_create(config->open_files_max ? config->open_files_max : OPEN_FILES_MAX);
    if (!storage->env.files || copy_paths(storage, config)) {
        free_memory(storage);
        goto no_memory;
    }
    storage->time = config->turn;
    storage->tally = (struct cu_tally){.counters = config->counters,
                                       .listing_bytes_max = storage->env.listing_bytes_max};
    storage->latency = config->latency;
    storage->context = context;
    storage->done_fn = done;
    storage->updated = config->updated;
    storage->workers_max = workers;
    cu_list_init(&storage->pending);
    cu_list_init(&storage->queue);
    cu_list_init(&storage->done);
    storage->crew = cu_crew_create(config->loop, workers);
    if (!storage->crew) {
        free_memory(storage);
        (void)cu_error_set(err, -EAGAIN, "cannot start a thread for storage");
        return NULL;
    }
    r = uv_async_init(config->loop, &storage->async, on_async);
    if (r) {
        cu_crew_close(storage->crew);
        free_memory(storage);
        (void)cu_error_set(err, r, "cannot wake the event loop: %s", uv_strerror(r));
        return NULL;
    }
    (void)uv_timer_init(config->loop, &storage->timer);
    cu_deferred_init(&storage->turn, config->loop, storage, on_turn);
    storage->async.data = storage;
    storage->timer.data = storage;
    storage->open = 3;
    uv_unref((uv_handle_t *)&storage->async);
    uv_unref((uv_handle_t *)&storage->timer);
    return storage;
no_memory:
    (void)cu_error_set(err, -ENOMEM, "no memory for storage");
    return NULL;
}
