/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop/spin.h"

#define OF     256u
#define WEIGHT 8u       /* of the events before, against the latest */
#define ENOUGH (OF / 4) /* a look in four finds something */
#define OFTEN  2u /* involuntary switches between two questions; one may be the kernel's own */

void cu_spin_init(struct cu_spin *s, uint64_t limit_ns, uint64_t now_ns)
{
    *s = (struct cu_spin){.limit_ns = limit_ns, .event_ns = now_ns, .paid_ns = now_ns, .pause = 1};
}

static void save(struct cu_spin *s, uint64_t now_ns)
{
    s->budget_ns += (now_ns - s->paid_ns) / CU_SPIN_SHARE;
    if (s->budget_ns > CU_SPIN_BUDGET_NS)
        s->budget_ns = CU_SPIN_BUDGET_NS;
    s->paid_ns = now_ns;
}

void cu_spin_event(struct cu_spin *s, uint64_t now_ns)
{
    if (s->limit_ns == 0)
        return;
    if (now_ns - s->event_ns <= s->limit_ns)
        s->soon += (OF - s->soon) / WEIGHT;
    else
        s->soon -= (s->soon + WEIGHT - 1) / WEIGHT;
    s->event_ns = now_ns;
    save(s, now_ns);
    s->spins = s->soon >= ENOUGH && s->budget_ns >= s->limit_ns && now_ns >= s->paused_ns;
}

bool cu_spin_looks(struct cu_spin *s, uint64_t now_ns)
{
    uint64_t spun_ns = now_ns - s->event_ns;

    if (!s->spins)
        return false;
    if (spun_ns < s->limit_ns)
        return true;
    s->spins = false;
    save(s, now_ns);
    s->budget_ns -= spun_ns < s->budget_ns ? spun_ns : s->budget_ns;
    s->spun_ns += spun_ns;
    return false;
}

bool cu_spin_asks(const struct cu_spin *s, uint64_t now_ns)
{
    return s->spins && now_ns - s->looked_ns >= CU_SPIN_LOOK_NS;
}

void cu_spin_wanted(struct cu_spin *s, uint64_t times, uint64_t now_ns)
{
    bool first = s->looked_ns == 0 || now_ns - s->looked_ns > 2 * (uint64_t)CU_SPIN_LOOK_NS;
    uint64_t grown = times - s->wanted;

    s->looked_ns = now_ns;
    s->wanted = times;
    if (first) /* what was before says nothing about now */
        return;
    if (grown < OFTEN) {
        s->pause = 1;
        return;
    }
    s->spins = false;
    s->paused_ns = now_ns + s->pause * (uint64_t)CU_SPIN_PAUSE_NS;
    if (s->pause < CU_SPIN_PAUSE_MAX)
        s->pause *= 2;
}
