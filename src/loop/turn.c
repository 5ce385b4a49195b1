/* SPDX-License-Identifier: BSD-3-Clause */
/* libuv has no callback between the end of the loop's sleep and the first callback after it, so a
 * turn's time begins when somebody asks first. A prepare handle, called before the loop sleeps,
 * ends the turn. libuv calls the handle that was started first last: what others do in theirs still
 * belongs to the turn. */
#include "loop/turn.h"

#include <sys/resource.h>

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* that it is active makes the loop look without sleeping */
}

static void spin(struct cu_turn *turn)
{
    uint64_t now_ns = uv_hrtime();
    struct rusage used = {0};

    if (turn->began_ns != 0)
        cu_spin_event(&turn->spin, now_ns);
    if (cu_spin_asks(&turn->spin, now_ns) && getrusage(RUSAGE_THREAD, &used) == 0)
        cu_spin_wanted(&turn->spin, (uint64_t)used.ru_nivcsw, now_ns);
    if (cu_spin_looks(&turn->spin, now_ns)) {
        (void)uv_idle_start(&turn->idle, on_idle);
        return;
    }
    (void)uv_idle_stop(&turn->idle);
    *turn->spun_us = turn->spin.spun_ns / 1000;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct cu_turn *turn = prepare->data;

    if (turn->spin.limit_ns != 0)
        spin(turn);
    turn->number++;
    turn->began_ns = 0;
}

void cu_turn_init(struct cu_turn *turn, uv_loop_t *loop)
{
    turn->number = 1;
    turn->began_ns = 0;
    cu_spin_init(&turn->spin, 0, 0);
    (void)uv_prepare_init(loop, &turn->prepare);
    turn->prepare.data = turn;
    (void)uv_prepare_start(&turn->prepare, on_prepare);
    uv_unref((uv_handle_t *)&turn->prepare);
}

void cu_turn_spin(struct cu_turn *turn, uint64_t limit_ns, uint64_t *spun_us)
{
    (void)uv_idle_init(turn->prepare.loop, &turn->idle);
    uv_unref((uv_handle_t *)&turn->idle);
    turn->spun_us = spun_us;
    cu_spin_init(&turn->spin, limit_ns, uv_hrtime());
}

bool cu_turn_spent(struct cu_turn *turn)
{
    uint64_t now_ns;

    if (!turn)
        return false;
    now_ns = uv_hrtime();
    if (turn->began_ns == 0)
        turn->began_ns = now_ns;
    return now_ns - turn->began_ns >= CU_TURN_NS;
}

uint64_t cu_turn_number(const struct cu_turn *turn)
{
    return turn ? turn->number : 0;
}
