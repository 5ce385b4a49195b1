/* SPDX-License-Identifier: BSD-3-Clause */
/* See invalidate.h. Invariant: the thread holds the lock only to take the next job, never while it
 * notifies. */
#include "front/invalidate.h"

#include "base/list.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job {
    struct cu_list link;
    struct cu_invalidation what; /* its name or nodes follow */
    max_align_t bytes[];
};

struct cu_invalidator {
    cu_invalidate_fn notify;
    cu_invalidate_idle_fn idle;
    void *context;
    pthread_t thread;
    int done_fd;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct cu_list jobs; /* guarded by lock */
    bool busy;           /* inside a notification; guarded by lock */
    bool stop;           /* guarded by lock */
    uint64_t failures;   /* guarded by lock */
};

static void drop_jobs(struct cu_list *jobs)
{
    struct cu_list *link;

    while ((link = cu_list_pop_front(jobs)))
        free(CU_LIST_ENTRY(link, struct job, link));
}

/* The next job, NULL: the end. */
static struct job *next_job(struct cu_invalidator *inv)
{
    struct job *job = NULL;

    pthread_mutex_lock(&inv->lock);
    while (cu_list_empty(&inv->jobs) && !inv->stop)
        pthread_cond_wait(&inv->wake, &inv->lock);
    if (!inv->stop) {
        job = CU_LIST_ENTRY(cu_list_pop_front(&inv->jobs), struct job, link);
        inv->busy = true;
    }
    pthread_mutex_unlock(&inv->lock);
    return job;
}

static void *run(void *arg)
{
    struct cu_invalidator *inv = arg;
    struct job *job;
    uint64_t one = 1;

    while ((job = next_job(inv))) {
        int rc = inv->notify(inv->context, &job->what);
        bool idle;

        free(job);
        pthread_mutex_lock(&inv->lock);
        if (rc < 0 && rc != -ENOENT)
            inv->failures++;
        inv->busy = false;
        idle = cu_list_empty(&inv->jobs) && !inv->stop;
        pthread_mutex_unlock(&inv->lock);
        if (idle)
            inv->idle(inv->context);
    }
    while (write(inv->done_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    return NULL;
}

struct cu_invalidator *cu_invalidator_create(cu_invalidate_fn notify, cu_invalidate_idle_fn idle,
                                             void *context)
{
    struct cu_invalidator *inv = calloc(1, sizeof(*inv));
    sigset_t all, before;
    int rc;

    if (!inv)
        return NULL;
    inv->notify = notify;
    inv->idle = idle;
    inv->context = context;
    cu_list_init(&inv->jobs);
    pthread_mutex_init(&inv->lock, NULL);
    pthread_cond_init(&inv->wake, NULL);
    inv->done_fd = eventfd(0, EFD_CLOEXEC);
    if (inv->done_fd < 0)
        goto fail;
    sigfillset(&all); /* signals are the loop thread's business */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    rc = pthread_create(&inv->thread, NULL, run, inv);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return inv;
    close(inv->done_fd);
fail:
    pthread_cond_destroy(&inv->wake);
    pthread_mutex_destroy(&inv->lock);
    free(inv);
    return NULL;
}

int cu_invalidator_add(struct cu_invalidator *inv, const struct cu_invalidation *what)
{
    size_t size = what->what == CU_INVALIDATE_NAME   ? what->name_len
                  : what->what == CU_INVALIDATE_IDLE ? what->count * sizeof(*what->nodes)
                                                     : 0;
    struct job *job = calloc(1, sizeof(*job) + size + 1);

    if (!job)
        return -ENOMEM;
    job->what = *what;
    if (size > 0)
        memcpy(job->bytes,
               what->what == CU_INVALIDATE_NAME ? what->name : (const char *)what->nodes, size);
    job->what.name = (const char *)job->bytes;
    job->what.nodes = (const uint64_t *)job->bytes;
    pthread_mutex_lock(&inv->lock);
    cu_list_push_back(&inv->jobs, &job->link);
    pthread_cond_signal(&inv->wake);
    pthread_mutex_unlock(&inv->lock);
    return 0;
}

bool cu_invalidator_is_idle(struct cu_invalidator *inv)
{
    bool idle;

    pthread_mutex_lock(&inv->lock);
    idle = cu_list_empty(&inv->jobs) && !inv->busy;
    pthread_mutex_unlock(&inv->lock);
    return idle;
}

uint64_t cu_invalidator_failures(struct cu_invalidator *inv)
{
    uint64_t failures;

    pthread_mutex_lock(&inv->lock);
    failures = inv->failures;
    pthread_mutex_unlock(&inv->lock);
    return failures;
}

int cu_invalidator_stop(struct cu_invalidator *inv)
{
    pthread_mutex_lock(&inv->lock);
    inv->stop = true;
    drop_jobs(&inv->jobs);
    pthread_cond_signal(&inv->wake);
    pthread_mutex_unlock(&inv->lock);
    return inv->done_fd;
}

void cu_invalidator_destroy(struct cu_invalidator *inv)
{
    if (!inv)
        return;
    (void)cu_invalidator_stop(inv);
    pthread_join(inv->thread, NULL);
    drop_jobs(&inv->jobs);
    close(inv->done_fd);
    pthread_cond_destroy(&inv->wake);
    pthread_mutex_destroy(&inv->lock);
    free(inv);
}
