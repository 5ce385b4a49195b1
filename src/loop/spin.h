/* SPDX-License-Identifier: BSD-3-Clause */
/* When a loop that waits for events goes on looking for them instead of going to sleep: waking a
 * thread takes longer (5 to 100 microseconds) than a look. The rule alone, with times given:
 *
 * - it spins for limit_ns after an event, if of late enough events came within that time;
 * - looks that found nothing cost from a budget, which grows by 1/50 of the time that passes: an
 *   idle daemon takes at most 2 % of a core, and mostly none;
 * - when somebody else wants the core meanwhile, it stops for a second, and longer each time.
 *
 * Pure. */
#ifndef CU_LOOP_SPIN_H
#define CU_LOOP_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define CU_SPIN_SHARE     50u       /* of the time: what looks for nothing may take */
#define CU_SPIN_BUDGET_NS 5000000u  /* the most that is saved up */
#define CU_SPIN_LOOK_NS   10000000u /* so often, at most, it is asked who wanted the core */
#define CU_SPIN_PAUSE_NS  1000000000u
#define CU_SPIN_PAUSE_MAX 64u /* times CU_SPIN_PAUSE_NS */

struct cu_spin {
    uint64_t limit_ns;  /* 0: never */
    uint64_t event_ns;  /* the latest event */
    uint64_t budget_ns; /* left of it at paid_ns */
    uint64_t paid_ns;
    uint64_t paused_ns; /* until then */
    uint32_t pause;     /* the next one, in CU_SPIN_PAUSE_NS */
    uint32_t soon;      /* of 256 events, those that came within limit_ns of the one before */
    bool spins;
    uint64_t looked_ns; /* when it was asked who wanted the core, */
    uint64_t wanted;    /* and how often somebody had */
    uint64_t spun_ns;   /* for nothing, in all */
};

void cu_spin_init(struct cu_spin *spin, uint64_t limit_ns, uint64_t now_ns);
/* Something came in. now_ns never goes back. */
void cu_spin_event(struct cu_spin *spin, uint64_t now_ns);
/* Nothing is to be done: look again (true), or sleep? */
bool cu_spin_looks(struct cu_spin *spin, uint64_t now_ns);
/* Is it time to ask how often this thread had to leave the core to others, so far? */
bool cu_spin_asks(const struct cu_spin *spin, uint64_t now_ns);
/* That is the answer. */
void cu_spin_wanted(struct cu_spin *spin, uint64_t times, uint64_t now_ns);

#endif
