/* SPDX-License-Identifier: BSD-3-Clause */
/* Flights and peers: who is asked, what happens when a parent is late, silent, busy or gone, and
 * who is ready. */
#include "core_node.h"

static void leaf_asks_once_and_ignores_late_answers(void **state)
{
    struct node *n = leaf_new();
    struct cu_value v = attr_value(5, 1), other = attr_value(9, 9);
    uint64_t id;

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    want(n, CU_KIND_ATTR, "/a", 2);
    assert_int_equal(n->wants, 1);
    assert_int_equal(n->reads, 0);
    id = n->want_id;
    answer(n, 0, CU_KIND_ATTR, id, &v);
    assert_int_equal(n->replies, 2);
    answer(n, 0, CU_KIND_ATTR, id, &other);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->value.attr.size, 5);
    node_free(n);
}

static void lost_parent_makes_the_leaf_a_root(void **state)
{
    struct node *n = leaf_new();
    struct cu_value v = attr_value(5, 1);

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    cu_core_peer_down(n->core, cu_peer_parent(0), 0, n->now);
    drain(n);
    assert_int_equal(n->reads, 1);
    stored(n, &v);
    assert_int_equal(n->replies, 1);
    assert_int_equal(cu_core_parent(n->core, 0), 1);
    n->now += S_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->connects, 2); /* it looks for its parent in the background */
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    drain(n);
    assert_int_equal(cu_core_parent(n->core, 0), 0);
    node_free(n);
}

static void parent_is_waited_for_at_the_start_but_not_one_of_another_version(void **state)
{
    struct node *n = node_new(1, 2);

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    cu_core_peer_down(n->core, cu_peer_parent(0), ECONNREFUSED, n->now);
    drain(n);
    assert_int_equal(n->reads, 0);
    n->now += S_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->connects, 2);
    cu_core_peer_down(n->core, cu_peer_parent(0), EPROTONOSUPPORT, n->now);
    drain(n);
    assert_int_equal(n->reads, 1);
    assert_int_equal(cu_core_parent(n->core, 0), 1);
    node_free(n);
}

static void silent_parent_is_lost(void **state)
{
    struct node *n = leaf_new();

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    for (unsigned i = 0; i < 40 && n->reads == 0; i++) {
        n->now += S_NS / 10;
        if (cu_core_deadline(n->core) <= n->now)
            cu_core_tick(n->core, n->now);
        drain(n);
    }
    assert_int_equal(n->reads, 1);
    node_free(n);
}

static void a_parent_that_is_silent_for_long_is_replaced_at_once(void **state)
{
    struct node *n = node_new(2, 3);

    (void)state;
    cu_core_peer_up(n->core, cu_peer_parent(1), n->now);
    drain(n);
    assert_int_equal(n->connects, 1);
    want(n, CU_KIND_ATTR, "/a", 1);
    for (unsigned i = 0; i < 20; i++) {
        n->now += S_NS / 10;
        if (cu_core_deadline(n->core) <= n->now)
            cu_core_tick(n->core, n->now);
        drain(n);
    }
    /* It is still the parent; the grandparent is connected to already. */
    assert_int_equal(n->connects, 2);
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    drain(n);
    assert_int_equal(cu_core_parent(n->core, 0), 1);
    assert_int_equal(n->wants, 1);
    n->now += 1100 * MS_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(cu_core_parent(n->core, 0), 0);
    assert_int_equal(n->wants, 2);
    node_free(n);
}

static void busy_parent_is_passed_by(void **state)
{
    struct node *n = leaf_new();
    struct cu_value busy = {.error = ENOMEM};

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    answer(n, 0, CU_KIND_ATTR, n->want_id, &busy);
    assert_int_equal(n->replies, 0);
    assert_int_equal(n->reads, 1);
    node_free(n);
}

static void hear_ready(struct node *n, uint32_t child, uint8_t bits)
{
    struct cu_msg msg = {.type = CU_MSG_READY};

    msg.ready.count = 8;
    msg.ready.bits = &bits;
    cu_core_message(n->core, cu_peer_child(child), &msg, n->now);
    drain(n);
}

static void lost_child_is_not_ready_any_more(void **state)
{
    struct node *n = node_new(0, 8);
    const uint8_t *bits;

    (void)state;
    cu_core_mounted(n->core, n->now);
    assert_int_equal(cu_core_ready(n->core, &bits), 1);
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    cu_core_peer_up(n->core, cu_peer_child(2), n->now);
    hear_ready(n, 1, 0x1a);
    hear_ready(n, 2, 0x24);
    assert_int_equal(cu_core_ready(n->core, &bits), 6);
    assert_int_equal(bits[0], 0x3f);
    cu_core_peer_down(n->core, cu_peer_child(1), 0, n->now);
    assert_int_equal(cu_core_ready(n->core, &bits), 3);
    hear_ready(n, 2, 0x2c); /* one of those below it has found another parent */
    assert_int_equal(cu_core_ready(n->core, &bits), 4);
    node_free(n);
}

/* A child's connection is handled after the time for the next attempt and before the timer is: at
 * the start of a job both happen at once. */
static void an_attempt_that_is_due_is_made_although_a_child_comes_first(void **state)
{
    struct node *n = node_new(1, 4);

    (void)state;
    cu_core_peer_down(n->core, cu_peer_parent(0), ECONNREFUSED, n->now);
    drain(n);
    assert_int_equal(n->connects, 1);
    n->now = cu_core_deadline(n->core);
    cu_core_peer_up(n->core, cu_peer_child(3), n->now);
    drain(n);
    if (cu_core_deadline(n->core) <= n->now)
        cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->connects, 2);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaf_asks_once_and_ignores_late_answers),
        cmocka_unit_test(lost_parent_makes_the_leaf_a_root),
        cmocka_unit_test(parent_is_waited_for_at_the_start_but_not_one_of_another_version),
        cmocka_unit_test(silent_parent_is_lost),
        cmocka_unit_test(a_parent_that_is_silent_for_long_is_replaced_at_once),
        cmocka_unit_test(busy_parent_is_passed_by),
        cmocka_unit_test(lost_child_is_not_ready_any_more),
        cmocka_unit_test(an_attempt_that_is_due_is_made_although_a_child_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
