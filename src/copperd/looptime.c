/* SPDX-License-Identifier: BSD-3-Clause */
/* From one prepare phase to the next is a turn: the wait, which libuv measures, and all callbacks.
 *
 * Reading the thread's CPU clock is a system call, too slow for each turn. It is read at most once
 * per READ_NS: the difference is the time of that turn, plus less than READ_NS of the turns
 * before. */
#include "copperd/looptime.h"

#include <time.h>

#define READ_NS 1000000u

#if UV_VERSION_HEX >= ((1 << 16) | (39 << 8))

static uint64_t thread_ns(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void raise_to(uint64_t *longest_us, uint64_t ns)
{
    if (ns / 1000 > *longest_us)
        *longest_us = ns / 1000;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct cu_looptime *t = prepare->data;
    uint64_t now_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(prepare->loop);
    uint64_t all_ns = now_ns - t->since_ns, waited_ns = idle_ns - t->idle_ns;
    uint64_t cpu_ns;

    if (all_ns > waited_ns)
        raise_to(t->longest_us, all_ns - waited_ns);
    t->since_ns = now_ns;
    t->idle_ns = idle_ns;
    if (now_ns - t->read_ns < READ_NS)
        return;
    cpu_ns = thread_ns();
    raise_to(t->busy_us, cpu_ns - t->cpu_ns);
    t->read_ns = now_ns;
    t->cpu_ns = cpu_ns;
}

void cu_looptime_start(struct cu_looptime *t, uv_loop_t *loop, uint64_t *longest_us,
                       uint64_t *busy_us)
{
    *t = (struct cu_looptime){
        .longest_us = longest_us,
        .busy_us = busy_us,
        .since_ns = uv_hrtime(),
        .read_ns = uv_hrtime(),
        .cpu_ns = thread_ns(),
    };
    if (uv_loop_configure(loop, UV_METRICS_IDLE_TIME) != 0)
        return;
    uv_prepare_init(loop, &t->prepare);
    t->prepare.data = t;
    uv_prepare_start(&t->prepare, on_prepare);
    uv_unref((uv_handle_t *)&t->prepare);
}

#else

void cu_looptime_start(struct cu_looptime *t, uv_loop_t *loop, uint64_t *longest_us,
                       uint64_t *busy_us)
{
    (void)t, (void)loop, (void)longest_us, (void)busy_us;
}

#endif
