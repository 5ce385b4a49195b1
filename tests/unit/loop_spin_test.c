/* SPDX-License-Identifier: BSD-3-Clause */
/* When a loop spins: by times that the test gives. */
#include "loop/spin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define US    UINT64_C(1000)
#define MS    (1000 * US)
#define S     (1000 * MS)
#define LIMIT (100 * US)
#define LOOK  (2 * US) /* what one look takes */

/* Looks from now on until the next event at until, or until it sleeps. Time that it looked. */
static uint64_t look(struct cu_spin *s, uint64_t now, uint64_t until)
{
    uint64_t began = now;

    while (now < until && cu_spin_looks(s, now))
        now += LOOK;
    return now - began;
}

/* Events for a while, one each gap. Time that it looked. */
static uint64_t run(struct cu_spin *s, uint64_t *now, uint64_t gap, uint64_t time)
{
    uint64_t end = *now + time, looked = 0;

    while (*now < end) {
        cu_spin_event(s, *now);
        looked += look(s, *now, *now + gap);
        *now += gap;
    }
    return looked;
}

static void events_that_come_soon_are_waited_for(void **state)
{
    struct cu_spin s;
    uint64_t now = S;

    (void)state;
    cu_spin_init(&s, LIMIT, now);
    now += S; /* idle: it may spend a little now */
    run(&s, &now, 30 * US, 5 * MS);
    assert_true(s.spins);
    assert_true(run(&s, &now, 30 * US, 100 * MS) >= 99 * MS); /* it did not sleep */
    assert_true(s.spun_ns <= LIMIT);                          /* and nearly all looks found one */
}

static void an_idle_daemon_takes_no_core(void **state)
{
    static const uint64_t gaps[] = {101 * US, 200 * US, 500 * US, 2 * MS, 50 * MS, S};

    (void)state;
    for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
        struct cu_spin s;
        uint64_t now = S;

        cu_spin_init(&s, LIMIT, now);
        now += S;
        run(&s, &now, 10 * US, 10 * MS); /* it has got used to spinning */
        assert_true(run(&s, &now, gaps[i], 10 * S) <= 10 * S / 50);
    }
}

/* Two events close together, again and again: a look in two finds something. */
static void looks_for_nothing_stay_within_the_budget(void **state)
{
    struct cu_spin s;
    uint64_t now = S, looked = 0, began;

    (void)state;
    cu_spin_init(&s, LIMIT, now);
    for (began = now; now - began < 100 * S; now += MS) {
        uint64_t first = now;

        cu_spin_event(&s, now);
        looked += look(&s, now, now + 50 * US);
        now += 50 * US;
        cu_spin_event(&s, now);
        looked += look(&s, now, first + MS);
    }
    assert_true(looked > 0);
    assert_true(s.spun_ns <= 100 * S / CU_SPIN_SHARE + CU_SPIN_BUDGET_NS);
}

static void who_shares_the_core_ends_it(void **state)
{
    struct cu_spin s;
    uint64_t now = S, times = 7;

    (void)state;
    cu_spin_init(&s, LIMIT, now);
    now += S;
    run(&s, &now, 30 * US, 5 * MS);
    assert_true(cu_spin_asks(&s, now));
    cu_spin_wanted(&s, times, now); /* what was before it spun does not count */
    assert_true(s.spins);
    assert_false(cu_spin_asks(&s, now + CU_SPIN_LOOK_NS - 1));
    run(&s, &now, 30 * US, CU_SPIN_LOOK_NS);
    assert_true(cu_spin_asks(&s, now));
    cu_spin_wanted(&s, times + 1, now); /* the kernel's own work */
    assert_true(s.spins);
    for (uint64_t pause = CU_SPIN_PAUSE_NS; pause <= 4 * (uint64_t)CU_SPIN_PAUSE_NS; pause *= 2) {
        run(&s, &now, 30 * US, CU_SPIN_LOOK_NS);
        cu_spin_wanted(&s, times += 100, now);
        assert_false(s.spins);
        assert_int_equal(run(&s, &now, 30 * US, pause - MS), 0); /* longer each time */
        run(&s, &now, 30 * US, 2 * MS);
        assert_true(s.spins);
        cu_spin_wanted(&s, times, now); /* of what was meanwhile nothing is known */
    }
    run(&s, &now, 30 * US, CU_SPIN_LOOK_NS);
    cu_spin_wanted(&s, times, now);
    assert_true(s.spins && s.pause == 1); /* nobody wanted it: all is forgotten */
}

static void without_a_limit_it_never_spins(void **state)
{
    struct cu_spin s;
    uint64_t now = S;

    (void)state;
    cu_spin_init(&s, 0, now);
    assert_int_equal(run(&s, &now, US, 10 * MS), 0);
    assert_false(cu_spin_asks(&s, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_that_come_soon_are_waited_for),
        cmocka_unit_test(an_idle_daemon_takes_no_core),
        cmocka_unit_test(looks_for_nothing_stay_within_the_budget),
        cmocka_unit_test(who_shares_the_core_ends_it),
        cmocka_unit_test(without_a_limit_it_never_spins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
