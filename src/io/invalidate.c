/* See invalidate.h. Invariant: the thread holds the lock only to take the next job, never while it
 * notifies. */
#include "io/invalidate.h"

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
    uint64_t node;
    bool entry;
    size_t name_len;
    char name[];
};

struct cu_invalidator {
    cu_invalidate_fn notify;
    void *context;
    pthread_t thread;
    int done_fd;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct cu_list jobs; /* guarded by lock */
    bool stop;           /* guarded by lock */
};

static void drop_jobs(struct cu_list *jobs)
{
    struct cu_list *link;

    while ((link = cu_list_pop_front(jobs)))
        free(CU_LIST_ENTRY(link, struct job, link));
}

static void *run(void *arg)
{
    struct cu_invalidator *inv = arg;
    uint64_t one = 1;

    for (;;) {
        struct job *job;

        pthread_mutex_lock(&inv->lock);
        while (cu_list_empty(&inv->jobs) && !inv->stop)
            pthread_cond_wait(&inv->wake, &inv->lock);
        if (inv->stop) {
            pthread_mutex_unlock(&inv->lock);
            break;
        }
        job = CU_LIST_ENTRY(cu_list_pop_front(&inv->jobs), struct job, link);
        pthread_mutex_unlock(&inv->lock);
        inv->notify(inv->context, job->node, job->entry ? job->name : NULL, job->name_len);
        free(job);
    }
    while (write(inv->done_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    return NULL;
}

struct cu_invalidator *cu_invalidator_create(cu_invalidate_fn notify, void *context)
{
    struct cu_invalidator *inv = calloc(1, sizeof(*inv));
    sigset_t all, before;
    int rc;

    if (!inv)
        return NULL;
    inv->notify = notify;
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

static int enqueue(struct cu_invalidator *inv, uint64_t node, const char *name, size_t name_len)
{
    struct job *job = calloc(1, sizeof(*job) + name_len + 1);

    if (!job)
        return -ENOMEM;
    job->node = node;
    job->entry = name != NULL;
    job->name_len = name_len;
    if (name)
        memcpy(job->name, name, name_len);
    pthread_mutex_lock(&inv->lock);
    cu_list_push_back(&inv->jobs, &job->link);
    pthread_cond_signal(&inv->wake);
    pthread_mutex_unlock(&inv->lock);
    return 0;
}

int cu_invalidator_entry(struct cu_invalidator *inv, uint64_t dir, const char *name,
                         size_t name_len)
{
    return enqueue(inv, dir, name, name_len);
}

int cu_invalidator_inode(struct cu_invalidator *inv, uint64_t node)
{
    return enqueue(inv, node, NULL, 0);
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
