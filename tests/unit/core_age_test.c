/* SPDX-License-Identifier: BSD-3-Clause */
/* How old an answer is: what it was on its way counts, what it took to find out does not. */
#include "core_node.h"

#define MS_NS 1000000ull

static const struct cu_value no_name = {.error = ENOENT};

static void an_answer_counts_from_when_the_request_came(void **state)
{
    struct node *n = node_new(0, 3);

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    cu_core_peer_up(n->core, cu_peer_child(2), n->now);
    child_want(n, 1, CU_KIND_ATTR, "/no", 0, 7);
    n->now += 300 * MS_NS + 1;
    stored(n, &no_name);
    assert_int_equal(n->before_ms, -300);
    n->now += 500 * MS_NS;
    child_want(n, 2, CU_KIND_ATTR, "/no", 0, 8);
    assert_int_equal(n->before_ms, 500);
    n->now += 1;
    child_want(n, 2, CU_KIND_ATTR, "/no", 0, 9);
    assert_int_equal(n->before_ms, 501); /* rounded towards older */
    assert_int_equal(n->reads, 1);
    node_free(n);
}

/* Asks for a name, and gets the answer so much later. */
static struct node *leaf_answered_after(uint64_t ns, int32_t before_ms)
{
    struct node *leaf = leaf_new();

    want(leaf, CU_KIND_ATTR, "/no", 1);
    leaf->now += ns;
    answer_aged(leaf, 0, CU_KIND_ATTR, leaf->want_id, &no_name, before_ms);
    assert_int_equal(leaf->replies, 1);
    assert_int_equal(leaf->error, ENOENT);
    return leaf;
}

static void assert_lives(struct node *leaf, uint64_t ns)
{
    leaf->now += ns - 1;
    want(leaf, CU_KIND_ATTR, "/no", 2);
    assert_int_equal(leaf->wants, 1);
    leaf->now += 1;
    want(leaf, CU_KIND_ATTR, "/no", 3);
    assert_int_equal(leaf->wants, 2);
    node_free(leaf);
}

static void time_on_the_way_counts(void **state)
{
    (void)state;
    assert_lives(leaf_answered_after(700 * MS_NS, 100), TTL - 800 * MS_NS);
}

static void time_that_the_parent_took_to_ask_does_not(void **state)
{
    (void)state;
    assert_lives(leaf_answered_after(5 * TTL, -(int32_t)(5 * TTL / MS_NS) + 200),
                 TTL - 200 * MS_NS);
}

static void a_node_that_was_stopped_does_not_believe_what_lay_in_its_socket(void **state)
{
    struct node *leaf = leaf_answered_after(1000 * TTL, -10);

    (void)state;
    want(leaf, CU_KIND_ATTR, "/no", 2);
    assert_int_equal(leaf->wants, 2);
    node_free(leaf);
}

static void no_time_is_too_long_or_in_the_future(void **state)
{
    (void)state;
    assert_lives(leaf_answered_after(0, INT32_MIN), TTL);
    for (unsigned i = 0; i < 2; i++) {
        struct node *leaf = leaf_answered_after(i ? UINT64_MAX / 2 : 0, INT32_MAX);

        want(leaf, CU_KIND_ATTR, "/no", 2);
        assert_int_equal(leaf->wants, 2);
        node_free(leaf);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_counts_from_when_the_request_came),
        cmocka_unit_test(time_on_the_way_counts),
        cmocka_unit_test(time_that_the_parent_took_to_ask_does_not),
        cmocka_unit_test(a_node_that_was_stopped_does_not_believe_what_lay_in_its_socket),
        cmocka_unit_test(no_time_is_too_long_or_in_the_future),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
