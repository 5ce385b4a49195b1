/* SPDX-License-Identifier: BSD-3-Clause */
/* Tasks are tried, not counted: what counts towards RLIMIT_NPROC is not visible everywhere (other
 * PID namespaces, hidepid), and a control group may allow less. */
#include "host/limits.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

#define STACK_BYTES     ((rlim_t)8 << 20)
#define STACK_MIN_BYTES ((rlim_t)512 << 10) /* of the loop, and of storage workers */
#define PROBE_STACK     ((size_t)64 << 10)

static void raise_to_hard(int resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(resource, &limit);
}

/* Threads of libuv have the stack that the limit says; a huge one takes address space for nothing.
 * Returns what it is. */
static rlim_t set_stack(void)
{
    struct rlimit limit;
    pthread_attr_t attributes;

    if (getrlimit(RLIMIT_STACK, &limit) != 0)
        return STACK_BYTES;
    limit.rlim_cur = limit.rlim_max < STACK_BYTES ? limit.rlim_max : STACK_BYTES;
    (void)setrlimit(RLIMIT_STACK, &limit);
    if (limit.rlim_cur >= STACK_MIN_BYTES && pthread_attr_init(&attributes) == 0) {
        if (pthread_attr_setstacksize(&attributes, (size_t)limit.rlim_cur) == 0)
            (void)pthread_setattr_default_np(&attributes);
        pthread_attr_destroy(&attributes);
    }
    return limit.rlim_cur;
}

uint64_t cu_limits_address_bytes(void)
{
    static const int resources[] = {RLIMIT_AS, RLIMIT_DATA};
    uint64_t least = UINT64_MAX;
    struct rlimit limit;

    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        if (getrlimit(resources[i], &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
            limit.rlim_cur < least)
            least = limit.rlim_cur;
    return least;
}

/* Held until all were started. */
static void *wait_for_end(void *context)
{
    pthread_mutex_t *held = context;

    pthread_mutex_lock(held);
    pthread_mutex_unlock(held);
    return NULL;
}

unsigned cu_limits_tasks(unsigned max)
{
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    size_t stack =
        PROBE_STACK > (size_t)PTHREAD_STACK_MIN ? PROBE_STACK : (size_t)PTHREAD_STACK_MIN;
    pthread_t *threads = calloc((size_t)max + 1, sizeof(*threads));
    pthread_attr_t attributes;
    unsigned count = 0;

    if (!threads || pthread_attr_init(&attributes) != 0) {
        free(threads);
        return 0;
    }
    (void)pthread_attr_setstacksize(&attributes, stack);
    pthread_mutex_lock(&held);
    while (count < max && pthread_create(&threads[count], &attributes, wait_for_end, &held) == 0)
        count++;
    pthread_mutex_unlock(&held);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    free(threads);
    return count;
}

int cu_limits_check(const struct cu_limits_need *need, const char *where, struct cu_error *err)
{
    struct rlimit files;
    rlim_t stack;
    unsigned tasks;

    raise_to_hard(RLIMIT_NOFILE);
    raise_to_hard(RLIMIT_AS);
    raise_to_hard(RLIMIT_DATA);
    raise_to_hard(RLIMIT_NPROC);
    stack = set_stack();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < need->files)
        return cu_error_set(err, -E2BIG,
                            "%s allows %llu open files (ulimit -n), and %llu are needed", where,
                            (unsigned long long)files.rlim_cur, (unsigned long long)need->files);
    if (stack < STACK_MIN_BYTES)
        return cu_error_set(
            err, -E2BIG, "%s allows %llu kB of stack (ulimit -s), and %llu are needed", where,
            (unsigned long long)stack >> 10, (unsigned long long)STACK_MIN_BYTES >> 10);
    if (cu_limits_address_bytes() < need->address_bytes)
        return cu_error_set(err, -E2BIG,
                            "%s allows %llu kB of memory (ulimit -v or -d), and %llu are needed",
                            where, (unsigned long long)cu_limits_address_bytes() >> 10,
                            (unsigned long long)need->address_bytes >> 10);
    tasks = cu_limits_tasks(need->tasks);
    if (tasks < need->tasks)
        return cu_error_set(
            err, -E2BIG,
            "%s allows %u more processes or threads (ulimit -u, or a control group), "
            "and %u are needed",
            where, tasks, need->tasks);
    return 0;
}
