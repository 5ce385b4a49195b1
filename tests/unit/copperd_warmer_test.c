/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that warms a kernel: it does what it was given, ends, and is told of. */
#include "copperd/warmer.h"

#include "host/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define LONG_MS 60000

struct seen {
    unsigned ended;
    bool whole;
    struct cu_warm_result result;
};

static char secret = 1;

static void strip(void *context)
{
    *(char *)context = 0;
}

static void on_ended(void *context, const struct cu_warm_result *result)
{
    struct seen *seen = context;

    seen->ended++;
    seen->whole = result;
    if (result)
        seen->result = *result;
}

static struct cu_warmer *start(uv_loop_t *loop, struct seen *seen)
{
    const struct cu_warmer_events events = {seen, on_ended};
    struct cu_warmer *warmer = cu_warmer_fork(strip, &secret);

    assert_int_equal(secret, 1);
    assert_non_null(warmer);
    assert_int_equal(uv_loop_init(loop), 0);
    assert_int_equal(cu_warmer_watch(warmer, loop, &events), 0);
    return warmer;
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

/* The warmer does not keep the loop alive, a timer does. */
static void finish(uv_loop_t *loop, const struct seen *seen)
{
    uv_timer_t timer;

    assert_int_equal(uv_timer_init(loop, &timer), 0);
    assert_int_equal(uv_timer_start(&timer, on_timer, LONG_MS, LONG_MS), 0);
    while (seen->ended == 0)
        (void)uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
    assert_int_equal(seen->ended, 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no process is left */
    assert_int_equal(errno, ECHILD);
}

static void it_does_what_it_was_given(void **state)
{
    const struct cu_warm_config config = {
        .root = "/", .bytes_max = 1 << 20, .deadline_ms = cu_clock_ms() + LONG_MS};
    struct cu_recipe *recipe = cu_recipe_new();
    struct seen seen = {0};
    struct cu_warmer *warmer;
    struct cu_buf *bytes;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(cu_recipe_note(recipe, "/proc", 5, CU_RECIPE_ATTR, 0), 0);
    assert_int_equal(cu_recipe_note(recipe, "/tmp", 4, CU_RECIPE_ATTR, 0), 0);
    assert_int_equal(cu_recipe_note(recipe, "/no such file", 13, CU_RECIPE_ATTR, 0), 0);
    bytes = cu_recipe_encode(recipe);
    assert_non_null(bytes);
    warmer = start(&loop, &seen);
    assert_int_equal(cu_warmer_give(warmer, bytes->data, bytes->size), 0);
    cu_warmer_begin(warmer, &config);
    finish(&loop, &seen);
    assert_true(seen.whole);
    assert_true(seen.result.names >= 1); /* /proc is another mount; /tmp may be one */
    cu_buf_unref(bytes);
    cu_recipe_free(recipe);
}

static void a_recipe_that_is_none_ends_it(void **state)
{
    const struct cu_warm_config config = {.root = "/"};
    struct seen seen = {0};
    struct cu_warmer *warmer;
    uv_loop_t loop;

    (void)state;
    warmer = start(&loop, &seen);
    assert_int_equal(cu_warmer_give(warmer, "CURECIPE", 8), 0);
    assert_int_equal(cu_warmer_give(warmer, "", (size_t)CU_RECIPE_BYTES_MAX + 1), -EFBIG);
    cu_warmer_begin(warmer, &config);
    finish(&loop, &seen);
    assert_false(seen.whole);
}

static void it_ends_when_told_to(void **state)
{
    struct seen seen = {0};
    uv_loop_t loop;

    (void)state;
    cu_warmer_end(NULL);
    cu_warmer_end(start(&loop, &seen));
    finish(&loop, &seen);
    assert_false(seen.whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_what_it_was_given),
        cmocka_unit_test(a_recipe_that_is_none_ends_it),
        cmocka_unit_test(it_ends_when_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
