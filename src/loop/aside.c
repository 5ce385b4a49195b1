/* SPDX-License-Identifier: BSD-3-Clause */
/* See aside.h. Invariant: a job is in one of the two queues, or being run by the thread, or belongs
 * to its owner. */
#include "loop/aside.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct queue {
    struct cu_aside_job *first, **end;
};

struct cu_aside {
    uv_async_t async;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake;
    struct queue asked, finished; /* guarded by lock */
    bool stop;                    /* the same */
};

static void push(struct queue *q, struct cu_aside_job *job)
{
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
}

static struct cu_aside_job *pop(struct queue *q)
{
    struct cu_aside_job *job = q->first;

    if (!job)
        return NULL;
    q->first = job->next;
    if (!q->first)
        q->end = &q->first;
    return job;
}

static void run(void *arg)
{
    struct cu_aside *aside = arg;
    struct cu_aside_job *job;

    uv_mutex_lock(&aside->lock);
    for (;;) {
        job = pop(&aside->asked);
        if (!job) {
            if (aside->stop)
                break;
            uv_cond_wait(&aside->wake, &aside->lock);
            continue;
        }
        uv_mutex_unlock(&aside->lock);
        job->work(job);
        uv_mutex_lock(&aside->lock);
        push(&aside->finished, job);
        if (!aside->stop)
            uv_async_send(&aside->async);
    }
    uv_mutex_unlock(&aside->lock);
}

static void finish(struct cu_aside *aside)
{
    struct cu_aside_job *job;

    for (;;) {
        uv_mutex_lock(&aside->lock);
        job = pop(&aside->finished);
        uv_mutex_unlock(&aside->lock);
        if (!job)
            return;
        job->done(job);
    }
}

static void on_async(uv_async_t *async)
{
    finish(async->data);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int start_thread(struct cu_aside *aside)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all); /* signals are the loop thread's business */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    rc = uv_thread_create(&aside->thread, run, aside);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct cu_aside *cu_aside_create(uv_loop_t *loop)
{
    struct cu_aside *aside = calloc(1, sizeof(*aside));

    if (!aside)
        return NULL;
    aside->asked.end = &aside->asked.first;
    aside->finished.end = &aside->finished.first;
    aside->async.data = aside;
    if (uv_mutex_init(&aside->lock) < 0)
        goto no_lock;
    if (uv_cond_init(&aside->wake) < 0)
        goto no_wake;
    if (uv_async_init(loop, &aside->async, on_async) < 0)
        goto no_async;
    uv_unref((uv_handle_t *)&aside->async);
    if (start_thread(aside) == 0)
        return aside;
    uv_cond_destroy(&aside->wake);
    uv_mutex_destroy(&aside->lock);
    uv_close((uv_handle_t *)&aside->async, on_closed);
    return NULL;
no_async:
    uv_cond_destroy(&aside->wake);
no_wake:
    uv_mutex_destroy(&aside->lock);
no_lock:
    free(aside);
    return NULL;
}

void cu_aside_run(struct cu_aside *aside, struct cu_aside_job *job)
{
    uv_mutex_lock(&aside->lock);
    push(&aside->asked, job);
    uv_cond_signal(&aside->wake);
    uv_mutex_unlock(&aside->lock);
}

void cu_aside_close(struct cu_aside *aside)
{
    if (!aside)
        return;
    uv_mutex_lock(&aside->lock);
    aside->stop = true;
    uv_cond_signal(&aside->wake);
    uv_mutex_unlock(&aside->lock);
    uv_thread_join(&aside->thread);
    finish(aside);
    uv_cond_destroy(&aside->wake);
    uv_mutex_destroy(&aside->lock);
    uv_close((uv_handle_t *)&aside->async, on_closed);
}
