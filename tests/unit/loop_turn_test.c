/* SPDX-License-Identifier: BSD-3-Clause */
/* A turn's time: it begins with the first question, and a new turn has all of it again. */
#include "loop/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct {
    uv_loop_t loop;
    struct cu_turn turn;
    uv_idle_t idle;
    unsigned turns;
    uint64_t steps[3], numbers[3]; /* of each turn */
} t;

/* Works until the turn's time is used up. */
static void on_idle(uv_idle_t *idle)
{
    uint64_t began_ns = uv_hrtime(), steps = 0;

    while (!cu_turn_spent(&t.turn))
        steps++;
    assert_true(uv_hrtime() - began_ns >= CU_TURN_NS);
    assert_true(cu_turn_spent(&t.turn)); /* for all others, too */
    t.steps[t.turns] = steps;
    t.numbers[t.turns] = cu_turn_number(&t.turn);
    if (++t.turns == 3)
        uv_idle_stop(idle);
}

static void each_turn_has_its_time(void **state)
{
    (void)state;
    assert_int_equal(uv_loop_init(&t.loop), 0);
    cu_turn_init(&t.turn, &t.loop);
    assert_int_equal(uv_run(&t.loop, UV_RUN_DEFAULT), 0); /* does not keep the loop alive */
    uv_idle_init(&t.loop, &t.idle);
    uv_idle_start(&t.idle, on_idle);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.turns, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(t.steps[i] > 0);
        assert_true(i == 0 || t.numbers[i] == t.numbers[i - 1] + 1);
    }
    uv_close((uv_handle_t *)&t.idle, NULL);
    uv_close((uv_handle_t *)&t.turn.prepare, NULL);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&t.loop), 0);
}

static void without_one_there_is_no_limit(void **state)
{
    (void)state;
    assert_false(cu_turn_spent(NULL));
    assert_int_equal(cu_turn_number(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_turn_has_its_time),
        cmocka_unit_test(without_one_there_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
