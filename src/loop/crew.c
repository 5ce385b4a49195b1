/* SPDX-License-Identifier: BSD-3-Clause */
/* See crew.h. Invariants: a job is in one of the two queues, or being run by a thread, or belongs
 * to its owner. There are as many threads as there were ever jobs at a time (less what has ended
 * since), or the maximum, or no more can be had: a thread that has just finished one job takes the
 * next. */
#include "loop/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define STACK_BYTES ((size_t)1 << 20)     /* paths of 64 KiB lie there, several at a time */
#define IDLE_NS     UINT64_C(10000000000) /* after which a thread ends ... */
#define KEPT        16u                   /* ... unless there are only so many */
#define WAITING     8u                    /* for each thread, before the loop does well to help */

struct queue {
    struct cu_crew_job *first, **end;
};

struct cu_crew {
    uv_async_t async;
    unsigned threads_max;
    unsigned jobs; /* the loop thread's: not told yet */
    uv_mutex_t lock;
    uv_cond_t wake, gone;
    struct queue asked, finished; /* guarded by lock, as all below */
    atomic_uint waiting;          /* length of asked; read without the lock, too */
    atomic_uint running;          /* jobs that a thread has taken and not finished; the same */
    unsigned threads;
    bool stop;
};

static void push(struct queue *q, struct cu_crew_job *job)
{
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
}

static struct cu_crew_job *pop(struct queue *q)
{
    struct cu_crew_job *job = q->first;

    if (!job)
        return NULL;
    q->first = job->next;
    if (!q->first)
        q->end = &q->first;
    return job;
}

/* With the lock. NULL: the thread is to end. */
static struct cu_crew_job *next_job(struct cu_crew *crew)
{
    for (;;) {
        struct cu_crew_job *job = pop(&crew->asked);
        bool late;

        if (job) {
            crew->waiting--;
            crew->running++;
            return job;
        }
        if (crew->stop)
            return NULL;
        late = uv_cond_timedwait(&crew->wake, &crew->lock, IDLE_NS) == UV_ETIMEDOUT;
        if (late && crew->waiting == 0 && crew->threads > KEPT)
            return NULL;
    }
}

static void run(void *arg)
{
    struct cu_crew *crew = arg;
    struct cu_crew_job *job;

    pthread_detach(pthread_self());
    uv_mutex_lock(&crew->lock);
    while ((job = next_job(crew))) {
        uv_mutex_unlock(&crew->lock);
        job->work(job);
        uv_mutex_lock(&crew->lock);
        crew->running--;
        push(&crew->finished, job);
        uv_async_send(&crew->async);
    }
    crew->threads--;
    uv_cond_signal(&crew->gone);
    uv_mutex_unlock(&crew->lock);
}

/* With the lock. */
static int start_thread(struct cu_crew *crew)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                         .stack_size = STACK_BYTES};
    sigset_t all, before;
    uv_thread_t thread;
    int rc;

    sigfillset(&all); /* signals are the loop thread's business */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    rc = uv_thread_create_ex(&thread, &options, run, crew);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        crew->threads++;
    return rc;
}

/* Of those that are finished now: `done` may ask for the next, and threads may be as fast as the
 * loop, which has other work, too. */
static void tell(struct cu_crew *crew)
{
    struct queue now = {.end = &now.first};
    struct cu_crew_job *job;

    uv_mutex_lock(&crew->lock);
    while ((job = pop(&crew->finished)))
        push(&now, job);
    uv_mutex_unlock(&crew->lock);
    while ((job = pop(&now))) {
        if (--crew->jobs == 0)
            uv_unref((uv_handle_t *)&crew->async);
        job->done(job);
    }
}

static void on_async(uv_async_t *async)
{
    tell(async->data);
}

static void on_closed(uv_handle_t *handle)
{
    struct cu_crew *crew = handle->data;

    uv_cond_destroy(&crew->gone);
    uv_cond_destroy(&crew->wake);
    uv_mutex_destroy(&crew->lock);
    free(crew);
}

struct cu_crew *cu_crew_create(uv_loop_t *loop, unsigned threads_max)
{
    struct cu_crew *crew = calloc(1, sizeof(*crew));
    int rc;

    if (!crew)
        return NULL;
    crew->threads_max = threads_max;
    crew->asked.end = &crew->asked.first;
    crew->finished.end = &crew->finished.first;
    crew->async.data = crew;
    if (uv_mutex_init(&crew->lock) < 0)
        goto no_lock;
    if (uv_cond_init(&crew->wake) < 0)
        goto no_wake;
    if (uv_cond_init(&crew->gone) < 0)
        goto no_gone;
    if (uv_async_init(loop, &crew->async, on_async) < 0)
        goto no_async;
    uv_unref((uv_handle_t *)&crew->async);
    uv_mutex_lock(&crew->lock);
    rc = start_thread(crew);
    uv_mutex_unlock(&crew->lock);
    if (rc == 0)
        return crew;
    uv_close((uv_handle_t *)&crew->async, on_closed);
    return NULL;
no_async:
    uv_cond_destroy(&crew->gone);
no_gone:
    uv_cond_destroy(&crew->wake);
no_wake:
    uv_mutex_destroy(&crew->lock);
no_lock:
    free(crew);
    return NULL;
}

void cu_crew_run(struct cu_crew *crew, struct cu_crew_job *job)
{
    if (crew->jobs++ == 0)
        uv_ref((uv_handle_t *)&crew->async);
    uv_mutex_lock(&crew->lock);
    push(&crew->asked, job);
    crew->waiting++;
    if (crew->waiting + crew->running > crew->threads && crew->threads < crew->threads_max)
        (void)start_thread(crew); /* else those that there are take it, one after the other */
    uv_cond_signal(&crew->wake);
    uv_mutex_unlock(&crew->lock);
}

bool cu_crew_has_room(const struct cu_crew *crew)
{
    return crew->jobs < (1 + WAITING) * crew->threads_max;
}

bool cu_crew_idles(const struct cu_crew *crew, unsigned jobs)
{
    return atomic_load_explicit(&crew->waiting, memory_order_relaxed) +
               atomic_load_explicit(&crew->running, memory_order_relaxed) + jobs <=
           crew->threads_max;
}

bool cu_crew_wanted(const struct cu_crew *crew)
{
    return atomic_load_explicit(&crew->waiting, memory_order_relaxed) > 0;
}

void cu_crew_close(struct cu_crew *crew)
{
    if (!crew)
        return;
    uv_mutex_lock(&crew->lock);
    crew->stop = true;
    uv_cond_broadcast(&crew->wake);
    while (crew->threads > 0)
        uv_cond_wait(&crew->gone, &crew->lock);
    uv_mutex_unlock(&crew->lock);
    tell(crew);
    uv_close((uv_handle_t *)&crew->async, on_closed);
}
