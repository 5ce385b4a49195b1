/* SPDX-License-Identifier: BSD-3-Clause */
/* A thread beside a loop that does not end by itself, for tests of what the control plane does on
 * which. */
#ifndef CU_TEST_COMMANDS_BESIDE_H
#define CU_TEST_COMMANDS_BESIDE_H

#include "commands_node.h"
#include "loop/crew.h"

static uv_loop_t loop;
static uv_timer_t alive;
static struct cu_crew *aside;

static inline void on_alive(uv_timer_t *timer)
{
    (void)timer;
}

static inline void start_loop(void)
{
    assert_int_equal(uv_loop_init(&loop), 0);
    aside = cu_crew_create(&loop, 1);
    assert_non_null(aside);
    uv_timer_init(&loop, &alive);
    uv_timer_start(&alive, on_alive, 3600000, 3600000);
}

/* After stop_node. */
static inline int stop_loop(void)
{
    cu_crew_close(aside);
    uv_close((uv_handle_t *)&alive, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

#endif
