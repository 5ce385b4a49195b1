/* SPDX-License-Identifier: BSD-3-Clause */
/* Work at the end of a turn: once, in that turn, however often it was asked for. */
#include "loop/deferred.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct {
    uv_loop_t loop;
    struct cu_deferred deferred;
    uv_timer_t timer;
    unsigned runs, closes, again; /* again: arms itself so often in run */
} t;

static void on_run(void *context)
{
    assert_ptr_equal(context, &t);
    t.runs++;
    if (t.again > 0) {
        t.again--;
        cu_deferred_arm(&t.deferred);
    }
}

static void on_closed(void *context)
{
    assert_ptr_equal(context, &t);
    t.closes++;
}

static int begin(void **state)
{
    (void)state;
    t.runs = t.closes = t.again = 0;
    assert_int_equal(uv_loop_init(&t.loop), 0);
    cu_deferred_init(&t.deferred, &t.loop, &t, on_run);
    return 0;
}

static int end(void **state)
{
    unsigned runs = t.runs;

    (void)state;
    cu_deferred_close(&t.deferred, on_closed);
    assert_int_equal(t.closes, 0); /* not from within */
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.runs, runs); /* none after the close */
    assert_int_equal(uv_loop_close(&t.loop), 0);
    return 0;
}

static void nothing_to_do_lets_the_loop_end(void **state)
{
    (void)state;
    assert_int_equal(uv_run(&t.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(t.runs, 0);
}

static void what_is_asked_for_many_times_is_done_once(void **state)
{
    (void)state;
    cu_deferred_arm(&t.deferred);
    cu_deferred_arm(&t.deferred);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.runs, 1);
    cu_deferred_arm(&t.deferred);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.runs, 2);
}

static void work_that_asks_for_more_is_done_until_it_does_not(void **state)
{
    (void)state;
    t.again = 5;
    cu_deferred_arm(&t.deferred);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.runs, 6);
}

static void on_timer(uv_timer_t *timer)
{
    cu_deferred_arm(&t.deferred);
    assert_int_equal(t.runs, 0); /* not at once */
    uv_close((uv_handle_t *)timer, NULL);
}

static void a_callbacks_work_is_done_before_the_loop_sleeps(void **state)
{
    (void)state;
    assert_int_equal(uv_timer_init(&t.loop, &t.timer), 0);
    assert_int_equal(uv_timer_start(&t.timer, on_timer, 0, 0), 0);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.runs, 1);
}

static void asked_for_and_closed_is_not_done(void **state)
{
    (void)state;
    cu_deferred_arm(&t.deferred);
    /* closed by the end of the test */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(nothing_to_do_lets_the_loop_end),
        T(what_is_asked_for_many_times_is_done_once),
        T(work_that_asks_for_more_is_done_until_it_does_not),
        T(a_callbacks_work_is_done_before_the_loop_sleeps),
        T(asked_for_and_closed_is_not_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
