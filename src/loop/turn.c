/* SPDX-License-Identifier: BSD-3-Clause */
/* libuv has no callback between the end of the loop's sleep and the first callback after it, so a
 * turn's time begins when somebody asks first. A prepare handle, called before the loop sleeps,
 * ends the turn. libuv calls the handle that was started first last: what others do in theirs still
 * belongs to the turn. */
#include "loop/turn.h"

static void on_prepare(uv_prepare_t *prepare)
{
    struct cu_turn *turn = prepare->data;

    turn->number++;
    turn->began_ns = 0;
}

void cu_turn_init(struct cu_turn *turn, uv_loop_t *loop)
{
    turn->number = 1;
    turn->began_ns = 0;
    (void)uv_prepare_init(loop, &turn->prepare);
    turn->prepare.data = turn;
    (void)uv_prepare_start(&turn->prepare, on_prepare);
    uv_unref((uv_handle_t *)&turn->prepare);
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
