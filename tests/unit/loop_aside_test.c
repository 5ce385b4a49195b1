/* SPDX-License-Identifier: BSD-3-Clause */
/* Work aside: on another thread, in order, told on the loop, and never lost at the end. */
#include "loop/aside.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define JOBS 100u

struct item {
    struct cu_aside_job job;
    unsigned number;
    pthread_t worked, told;
};

static struct item items[JOBS];
static unsigned worked, told; /* worked: the thread's until a job is told */
static bool in_order;

static void work(struct cu_aside_job *job)
{
    struct item *item = (struct item *)job;

    item->worked = pthread_self();
    in_order = in_order && item->number == worked;
    worked++;
}

static void done(struct cu_aside_job *job)
{
    struct item *item = (struct item *)job;

    item->told = pthread_self();
    told++;
}

static void begin(struct cu_aside *aside)
{
    worked = told = 0;
    in_order = true;
    for (unsigned i = 0; i < JOBS; i++) {
        items[i] = (struct item){.job = {.work = work, .done = done}, .number = i};
        cu_aside_run(aside, &items[i].job);
    }
}

static void on_alive(uv_timer_t *timer)
{
    (void)timer;
}

static void all_are_done_elsewhere_and_told_here(void **state)
{
    struct cu_aside *aside;
    uv_timer_t alive;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    aside = cu_aside_create(&loop);
    assert_non_null(aside);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0); /* does not keep the loop alive */
    begin(aside);
    uv_timer_init(&loop, &alive);
    uv_timer_start(&alive, on_alive, 3600000, 3600000);
    while (told < JOBS)
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(in_order);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_false(pthread_equal(items[i].worked, pthread_self()));
        assert_true(pthread_equal(items[i].told, pthread_self()));
    }
    uv_close((uv_handle_t *)&alive, NULL);
    cu_aside_close(aside);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void what_was_asked_for_is_done_at_the_end(void **state)
{
    struct cu_aside *aside;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    aside = cu_aside_create(&loop);
    assert_non_null(aside);
    begin(aside);
    cu_aside_close(aside);
    assert_int_equal(told, JOBS);
    assert_true(in_order);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    cu_aside_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_done_elsewhere_and_told_here),
        cmocka_unit_test(what_was_asked_for_is_done_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
