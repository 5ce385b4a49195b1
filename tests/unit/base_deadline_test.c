/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines against a plain model: an array that is searched. */
#include "base/deadline.h"
#include "fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#define ENTRIES 500

struct waiter {
    int number;
    struct cu_deadline deadline;
};

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void pops_in_order_of_time(void **state)
{
    static const uint64_t times[] = {50, 10, 30, 20, 40};
    struct cu_deadline_queue queue;
    struct waiter w[5];
    struct cu_deadline *d;

    (void)state;
    memset(w, 0, sizeof(w));
    cu_deadline_init(&queue);
    assert_true(cu_deadline_next(&queue) == CU_DEADLINE_NEVER);
    assert_null(cu_deadline_pop(&queue, UINT64_MAX));
    for (int i = 0; i < 5; i++) {
        w[i].number = i;
        assert_false(cu_deadline_armed(&w[i].deadline));
        assert_int_equal(cu_deadline_arm(&queue, &w[i].deadline, times[i]), 0);
        assert_true(cu_deadline_armed(&w[i].deadline));
    }
    assert_true(cu_deadline_next(&queue) == 10);
    assert_null(cu_deadline_pop(&queue, 9));
    d = cu_deadline_pop(&queue, 10);
    assert_int_equal(CU_DEADLINE_ENTRY(d, struct waiter, deadline)->number, 1);
    assert_false(cu_deadline_armed(d));
    assert_null(cu_deadline_pop(&queue, 19));
    for (uint64_t t = 20; t <= 50; t += 10)
        assert_true(cu_deadline_pop(&queue, 50)->at_ns == t);
    assert_null(cu_deadline_pop(&queue, UINT64_MAX));
    cu_deadline_free(&queue);
}

static void moves_and_disarms(void **state)
{
    struct cu_deadline_queue queue;
    struct waiter w[3];

    (void)state;
    memset(w, 0, sizeof(w));
    cu_deadline_init(&queue);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cu_deadline_arm(&queue, &w[i].deadline, (uint64_t)i + 1), 0);
    assert_int_equal(cu_deadline_arm(&queue, &w[0].deadline, 10), 0);
    assert_true(cu_deadline_next(&queue) == 2);
    assert_int_equal(cu_deadline_arm(&queue, &w[2].deadline, 1), 0);
    assert_true(cu_deadline_next(&queue) == 1);
    cu_deadline_disarm(&queue, &w[2].deadline);
    cu_deadline_disarm(&queue, &w[2].deadline);
    assert_true(cu_deadline_next(&queue) == 2);
    cu_deadline_free(&queue);
    assert_false(cu_deadline_armed(&w[0].deadline));
    assert_int_equal(cu_deadline_arm(&queue, &w[0].deadline, 7), 0); /* usable again */
    assert_true(cu_deadline_next(&queue) == 7);
    cu_deadline_free(&queue);
}

static uint64_t model_next(const struct waiter *w)
{
    uint64_t next = CU_DEADLINE_NEVER;

    for (int i = 0; i < ENTRIES; i++)
        if (cu_deadline_armed(&w[i].deadline) && w[i].deadline.at_ns < next)
            next = w[i].deadline.at_ns;
    return next;
}

static void agrees_with_the_model(void **state)
{
    static struct waiter w[ENTRIES];
    struct cu_deadline_queue queue;
    uint64_t seed = 0x5eed, armed = 0, now = 0;

    (void)state;
    cu_deadline_init(&queue);
    for (int step = 0; step < 20000; step++) {
        uint64_t dice = random_next(&seed) % 10;
        struct cu_deadline *d = &w[random_next(&seed) % ENTRIES].deadline;

        if (dice < 6) {
            armed += !cu_deadline_armed(d);
            assert_int_equal(cu_deadline_arm(&queue, d, now + random_next(&seed) % 300), 0);
        } else if (dice < 8) {
            armed -= cu_deadline_armed(d);
            cu_deadline_disarm(&queue, d);
        } else {
            now += random_next(&seed) % 20;
            while ((d = cu_deadline_pop(&queue, now)) != NULL) {
                armed--;
                assert_true(d->at_ns <= now);
                assert_true(d->at_ns <= model_next(w));
            }
            assert_true(model_next(w) > now);
        }
        assert_int_equal(queue.count, armed);
        assert_true(cu_deadline_next(&queue) == model_next(w));
    }
    assert_true(queue.capacity > 64); /* it has grown on the way */
    cu_deadline_free(&queue);
}

static void no_memory_changes_nothing(void **state)
{
    static struct waiter w[65];
    struct cu_deadline_queue queue;
    int rc;

    (void)state;
    cu_deadline_init(&queue);
    for (int i = 0; i < 64; i++)
        assert_int_equal(cu_deadline_arm(&queue, &w[i].deadline, 100), 0);
    fail_alloc_at(0);
    rc = cu_deadline_arm(&queue, &w[64].deadline, 1);
    assert_true(fail_alloc_hit());
    assert_int_equal(rc, -ENOMEM);
    assert_false(cu_deadline_armed(&w[64].deadline));
    fail_alloc_at(0);
    assert_int_equal(cu_deadline_arm(&queue, &w[0].deadline, 50), 0); /* a move needs none */
    assert_true(cu_deadline_next(&queue) == 50);
    cu_deadline_disarm(&queue, &w[0].deadline);
    assert_int_equal(cu_deadline_arm(&queue, &w[64].deadline, 1), 0); /* there is room again */
    assert_false(fail_alloc_hit());
    cu_deadline_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pops_in_order_of_time),
        cmocka_unit_test(moves_and_disarms),
        cmocka_unit_test(agrees_with_the_model),
        cmocka_unit_test(no_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
