/* SPDX-License-Identifier: BSD-3-Clause */
/* How long a turn of the loop may go on. Some callbacks handle as many requests or bytes as are
 * there; a sender on another core is often fast enough that there is always one more. They end when
 * the turn has used its time: what is left stays where it is, and the loop comes back for it after
 * all others. Loop thread only. */
#ifndef CU_LOOP_TURN_H
#define CU_LOOP_TURN_H

#include "loop/spin.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* What one callback does after it has looked at the clock comes on top. */
#define CU_TURN_NS UINT64_C(3000000)

struct cu_turn {
    uv_prepare_t prepare;
    uint64_t number;
    uint64_t began_ns; /* when it was first asked in this turn; 0: not yet */
    struct cu_spin spin;
    uv_idle_t idle; /* active: the loop does not sleep */
    uint64_t *spun_us;
};

/* To be called before other handles of the loop are started. The memory belongs to the loop until
 * it is closed. Does not keep the loop alive. */
void cu_turn_init(struct cu_turn *turn, uv_loop_t *loop);
/* From now on the loop looks for further events for limit_ns after one of those that ask below,
 * within the bounds of loop/spin.h. *spun_us (borrowed): the time that was spent so for nothing. At
 * most once; turn->idle is a handle then. */
void cu_turn_spin(struct cu_turn *turn, uint64_t limit_ns, uint64_t *spun_us);
/* Is the turn's time used up? Each callback does one step before it asks. NULL: never. */
bool cu_turn_spent(struct cu_turn *turn);
/* The number of this turn, from 1 on. NULL: 0. */
uint64_t cu_turn_number(const struct cu_turn *turn);

#endif
