/* SPDX-License-Identifier: BSD-3-Clause */
/* The longest turn of a loop: work counts, waiting does not. */
#include "copperd/looptime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WORK_US 3000u

static uint64_t longest_us, busy_us;

static void work(uv_timer_t *timer)
{
    uint64_t start = uv_hrtime();

    while (uv_hrtime() - start < WORK_US * 1000u)
        ;
    uv_close((uv_handle_t *)timer, NULL);
}

static void wait_only(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

/* One timer that is due after some time, until the loop has nothing left. Returns what this took;
 * *waited_ns: of that, as libuv has measured it. */
static uint64_t run(uv_timer_cb callback, uint64_t after_ms, uint64_t *waited_ns)
{
    struct cu_looptime time;
    uint64_t start = uv_hrtime();
    uv_loop_t loop;
    uv_timer_t timer;

    longest_us = busy_us = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    cu_looptime_start(&time, &loop, &longest_us, &busy_us);
    assert_int_equal(uv_timer_init(&loop, &timer), 0);
    assert_int_equal(uv_timer_start(&timer, callback, after_ms, 0), 0);
    uv_run(&loop, UV_RUN_DEFAULT); /* it is not kept alive by the clock */
    uv_run(&loop, UV_RUN_NOWAIT);  /* the turn after, in which that one is counted */
    uv_close((uv_handle_t *)&time.prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    *waited_ns = uv_metrics_idle_time(&loop);
    assert_int_equal(uv_loop_close(&loop), 0);
    return uv_hrtime() - start;
}

static void a_turn_is_as_long_as_its_work(void **state)
{
    uint64_t all_ns, waited_ns;

    (void)state;
    all_ns = run(work, 0, &waited_ns);
    assert_true(longest_us >= WORK_US);
    assert_true(longest_us <= all_ns / 1000);
    assert_true(busy_us > 0);
}

static void waiting_is_no_work(void **state)
{
    uint64_t all_ns, waited_ns;

    (void)state;
    /* On a busy machine most of the 50 ms may be over when the loop begins to wait. */
    do {
        all_ns = run(wait_only, 50, &waited_ns);
        assert_true(longest_us <= (all_ns - waited_ns) / 1000);
    } while (waited_ns <= all_ns - waited_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_is_as_long_as_its_work),
        cmocka_unit_test(waiting_is_no_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
