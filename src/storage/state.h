/* SPDX-License-Identifier: BSD-3-Clause */
/* The state that storage.c and query.c share. All of it belongs to the loop thread, but for what
 * says otherwise. */
#ifndef CU_STORAGE_STATE_H
#define CU_STORAGE_STATE_H

#include "base/list.h"
#include "core/latency.h"
#include "loop/crew.h"
#include "loop/deferred.h"
#include "storage/ops.h"
#include "storage/storage.h"
#include "storage/tally.h"

struct cu_storage_op {
    struct cu_list in_queue; /* or in `done`; guarded by mutex */
    struct cu_list in_pending;
    uint64_t id;
    uint64_t submitted_ns;
    uint64_t started_ns, ended_ns; /* 0: no worker had it */
    struct cu_storage_job job;
    uint32_t files_open; /* of a sweep: result */
    char path[];
};

struct cu_storage_worker {
    struct cu_crew_job job;
    struct cu_storage *storage;
    bool busy;
    uint32_t tid; /* atomic; of the thread while it works, else 0 */
};

struct cu_storage {
    struct cu_storage_env env;
    struct cu_crew *crew;
    struct cu_turn *time;
    struct cu_tally tally;
    struct cu_latency *latency; /* borrowed, or NULL */
    void *context;
    cu_storage_done_fn done_fn;
    void (*updated)(void *context);
    struct cu_list pending; /* struct cu_storage_op, oldest first */
    uint32_t pending_count;
    bool destroyed;
    bool sweeping; /* a sweep of open files is under way */
    bool updating; /* the mount table is about to be read */
    unsigned open; /* handles libuv still holds */
    uv_async_t async;
    uv_timer_t timer; /* active while files are kept open */
    struct cu_deferred turn;
    uv_mutex_t mutex;
    struct cu_list queue; /* guarded by mutex */
    struct cu_list done;  /* guarded by mutex */
    uint32_t queued;      /* guarded by mutex */
    uint32_t running;     /* the same; operations that a worker has taken */
    unsigned workers_busy;
    unsigned workers_max;
    struct cu_storage_worker workers[];
};

#endif
