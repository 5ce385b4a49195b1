/* SPDX-License-Identifier: BSD-3-Clause */
/* End of a loop turn. A check handle runs after the turn's I/O callbacks, a prepare handle before
 * the loop sleeps: whichever comes first does the work. The idle handle does nothing but keep the
 * loop from sleeping when somebody else's prepare handle armed us after ours had its chance.
 *
 * Invariant: the three handles are active exactly while `armed`. */
#include "loop/turn.h"

static void turn_run(struct cu_turn *turn)
{
    if (!turn->armed)
        return;
    turn->armed = false;
    uv_prepare_stop(&turn->prepare);
    uv_check_stop(&turn->check);
    uv_idle_stop(&turn->idle);
    turn->run(turn->context);
}

static void on_prepare(uv_prepare_t *handle)
{
    turn_run(handle->data);
}

static void on_check(uv_check_t *handle)
{
    turn_run(handle->data);
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

void cu_turn_init(struct cu_turn *turn, uv_loop_t *loop, void *context, void (*run)(void *context))
{
    /* These three cannot fail: they only link the handle into the loop. */
    (void)uv_prepare_init(loop, &turn->prepare);
    (void)uv_check_init(loop, &turn->check);
    (void)uv_idle_init(loop, &turn->idle);
    turn->prepare.data = turn;
    turn->check.data = turn;
    turn->idle.data = turn;
    turn->armed = false;
    turn->open = 3;
    turn->context = context;
    turn->run = run;
    turn->closed = NULL;
}

void cu_turn_arm(struct cu_turn *turn)
{
    if (turn->armed || turn->closed)
        return;
    turn->armed = true;
    uv_prepare_start(&turn->prepare, on_prepare);
    uv_check_start(&turn->check, on_check);
    uv_idle_start(&turn->idle, on_idle);
}

static void on_closed(uv_handle_t *handle)
{
    struct cu_turn *turn = handle->data;

    if (--turn->open == 0)
        turn->closed(turn->context);
}

void cu_turn_close(struct cu_turn *turn, void (*closed)(void *context))
{
    turn->armed = false;
    turn->closed = closed;
    uv_close((uv_handle_t *)&turn->prepare, on_closed);
    uv_close((uv_handle_t *)&turn->check, on_closed);
    uv_close((uv_handle_t *)&turn->idle, on_closed);
}
