/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests down a tree and results up, and the order of a stop. */
#include "commands_node.h"

static json_int_t summed(const char *name)
{
    return json_integer_value(json_object_get(json_object_get(node.reply, "sum"), name));
}

static void test_gather_stats(void **state)
{
    uint64_t id;

    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    cu_core_counters(node.core)[CU_COUNT_fuse_lookup] = 5;
    cu_core_counters(node.core)[CU_COUNT_loop_longest_us] = 900;
    request("{\"op\":\"stats\",\"all\":true,\"timeout_ms\":800}");
    assert_null(node.reply);
    assert_int_equal(node.sent_count, 2);
    assert_true(node.outbox[0].peer.side == CU_CHILD && node.outbox[1].peer.side == CU_CHILD);
    assert_int_equal(node.outbox[0].peer.rank + node.outbox[1].peer.rank, 4);
    assert_true(json_is_true(json_object_get(node.outbox[0].json, "below")));
    assert_null(json_object_get(node.outbox[0].json, "all"));
    assert_int_equal(json_integer_value(json_object_get(node.outbox[0].json, "timeout_ms")), 700);
    id = node.outbox[0].id;
    result_from(
        cu_peer_child(1), id,
        "{\"ok\":true,\"ranks\":\"1-2\",\"sum\":{\"fuse_lookup\":30,\"loop_longest_us\":700,"
        "\"evictions\":\"x\"}}");
    assert_null(node.reply);
    result_from(cu_peer_child(1), id, "{\"ok\":true,\"ranks\":\"3\"}");      /* again: not taken */
    result_from(cu_peer_child(2), id, "{\"ok\":true,\"ranks\":\"3\"}");      /* was not asked */
    result_from(cu_peer_parent(3), id, "{\"ok\":true,\"ranks\":\"3\"}");     /* wrong side */
    result_from(cu_peer_child(3), id + 99, "{\"ok\":true,\"ranks\":\"3\"}"); /* wrong id */
    assert_null(node.reply);
    pass_ms(800);
    assert_true(ok());
    assert_int_equal(summed("fuse_lookup"), 35);
    assert_int_equal(summed("loop_longest_us"), 900); /* the longest of all, no sum */
    assert_int_equal(number("answered"), 3);
    assert_null(json_object_get(node.reply, "nodes"));
    assert_int_equal(number("silent_count"), 1);
    assert_string_equal(listed(node.reply, "silent", 0), "node3");
    assert_null(json_object_get(node.reply, "ranks"));
    result_from(cu_peer_child(3), id, "{\"ok\":true,\"ranks\":\"3\"}"); /* too late */
}

static void test_gather_each_node(void **state)
{
    const json_t *nodes, *own;

    (void)state;
    start(0);
    join_child(1);
    cu_core_counters(node.core)[CU_COUNT_fuse_lookup] = 5;
    request("{\"op\":\"stats\",\"all\":true,\"each\":true}");
    assert_true(json_is_true(json_object_get(node.outbox[0].json, "each")));
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1\",\"sum\":{\"fuse_lookup\":7,"
                "\"loop_longest_us\":3},\"nodes\":["
                "{\"host\":\"node1\",\"rank\":1,\"counters\":{\"fuse_lookup\":7}}]}");
    assert_int_equal(summed("fuse_lookup"), 12);
    assert_int_equal(summed("loop_longest_us"), 3);
    assert_non_null(json_object_get(json_object_get(node.reply, "sum"), "fuse_read"));
    nodes = json_object_get(node.reply, "nodes");
    assert_int_equal(json_array_size(nodes), 2);
    own = json_object_get(json_array_get(nodes, 0), "counters");
    assert_int_equal(json_integer_value(json_object_get(own, "fuse_lookup")), 5);
    assert_null(json_object_get(own, "fuse_read")); /* it is zero */
}

/* A node that changed its parent is in two results: no figure counts twice. */
static void test_gather_counts_nobody_twice(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    request("{\"op\":\"stats\",\"all\":true}");
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1-2\",\"sum\":{\"fuse_lookup\":30}}");
    result_from(cu_peer_child(3), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"2-3\",\"sum\":{\"fuse_lookup\":20}}");
    assert_int_equal(summed("fuse_lookup"), 30);
    assert_int_equal(number("answered"), 3);
    assert_string_equal(listed(node.reply, "silent", 0), "node3");
}

static void test_gather_broken_results(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    request("{\"op\":\"refresh\",\"all\":true,\"path\":\"/a/../b//c\"}");
    assert_int_equal(node.sent_count, 2);
    assert_string_equal(json_string_value(json_object_get(node.outbox[0].json, "path")), "/b/c");
    assert_int_equal(cu_core_generation(node.core), 1);
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1,9999999\",\"nodes\":3}");
    result_from(cu_peer_child(3), node.outbox[0].id, "nonsense");
    assert_true(ok());
    assert_int_equal(number("nodes"), 2);
    assert_string_equal(listed(node.reply, "silent", 0), "node2");
    assert_string_equal(listed(node.reply, "silent", 1), "node3");
}

static void test_gather_lost_child(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    request("{\"op\":\"stats\",\"all\":true}");
    cu_commands_peer_down(node.commands, cu_peer_child(3), node.now_ns);
    assert_null(node.reply);
    cu_commands_peer_down(node.commands, cu_peer_parent(1), node.now_ns);
    assert_null(node.reply);
    cu_commands_peer_down(node.commands, cu_peer_child(1), node.now_ns);
    assert_true(ok());
    assert_int_equal(number("silent_count"), 3);
    node.ask_error = -ENOTCONN;
    request("{\"op\":\"stats\",\"all\":true}");
    assert_int_equal(number("silent_count"), 3);
}

static void test_stats_here(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    request("{\"op\":\"stats\"}");
    assert_true(ok());
    assert_int_equal(node.sent_count, 0);
    assert_int_equal(json_array_size(json_object_get(node.reply, "nodes")), 1);
    assert_null(json_object_get(node.reply, "silent"));
}

static void test_stop_waits_for_ends(void **state)
{
    uint64_t id;

    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    request("{\"op\":\"stop\",\"all\":true}");
    assert_int_equal(node.sent_count, 2);
    id = node.outbox[0].id;
    result_from(cu_peer_child(1), id, "{\"ok\":true,\"ranks\":\"1-2\"}");
    result_from(cu_peer_child(3), id, "{\"ok\":true,\"ranks\":\"3\",\"lingers\":true}");
    assert_int_equal(node.stops, 0); /* node1's process has not ended yet */
    cu_commands_peer_down(node.commands, cu_peer_child(1), node.now_ns);
    assert_int_equal(node.stops, 1);
    assert_int_equal(json_integer_value(json_object_get(node.stop_result, "stopped")), 4);
    assert_int_equal(json_integer_value(json_object_get(node.stop_result, "silent_count")), 0);
    assert_ptr_equal(node.stop_origin.owner, &asker);
    assert_null(node.reply); /* the driver's to send, when the mount has gone */
}

static void test_stop_goes_on_without_asker(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    request("{\"op\":\"stop\",\"all\":true}");
    cu_commands_gone(node.commands, &asker);
    pass_ms(5000);
    assert_int_equal(node.stops, 1);
    assert_null(node.stop_origin.owner);
}

static void test_stop_here(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    request("{\"op\":\"stop\"}");
    assert_int_equal(node.sent_count, 0);
    assert_int_equal(node.stops, 1);
    assert_int_equal(json_integer_value(json_object_get(node.stop_result, "stopped")), 1);
    request("{\"op\":\"wait\"}");
    cu_commands_stopping(node.commands);
    assert_string_equal(error_text(), "this daemon is stopping");
    request("{\"op\":\"status\"}");
    assert_string_equal(error_text(), "this daemon is stopping");
    assert_false(cu_commands_lingers(node.commands));
}

static void test_below(void **state)
{
    (void)state;
    start_child();
    join_child(2);
    request("{\"op\":\"refresh\",\"path\":\"/\",\"below\":true}");
    assert_int_equal(node.sent_count, 1);
    assert_int_equal(node.outbox[0].peer.rank, 2);
    result_from(cu_peer_child(2), node.outbox[0].id, "{\"ok\":true,\"ranks\":\"2\"}");
    assert_true(ok());
    assert_string_equal(json_string_value(json_object_get(node.reply, "ranks")), "1-2");
    assert_null(json_object_get(node.reply, "silent"));
}

static void test_refresh_waits_for_the_kernels(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    node.forgetting = true;
    request("{\"op\":\"refresh\",\"all\":true,\"path\":\"/\"}");
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1-3\",\"failed\":2}");
    assert_null(node.reply);
    node.forgetting = false;
    node.forget_failures = 5; /* of what was told meanwhile */
    drain();
    assert_true(ok());
    assert_int_equal(number("nodes"), 4);
    assert_int_equal(number("failed"), 3);
    node.forgetting = true;
    request("{\"op\":\"refresh\",\"path\":\"/\",\"timeout_ms\":10}");
    node.now_ns += 11 * MS;
    cu_commands_tick(node.commands, node.now_ns);
    assert_true(ok());
    assert_int_equal(number("nodes"), 0); /* it cannot say that it is done */
}

/* A stop that came in here and went up: this node is stopped from above before it can answer. */
static void test_stop_lingers(void **state)
{
    (void)state;
    start_child();
    request("{\"op\":\"stop\",\"all\":true}");
    assert_int_equal(node.sent_count, 1);
    request_as(&other_asker, 9, "{\"op\":\"stop\",\"below\":true}");
    assert_int_equal(node.stops, 1);
    assert_ptr_equal(node.stop_origin.owner, &other_asker);
    cu_commands_stopping(node.commands);
    assert_true(cu_commands_lingers(node.commands));
    assert_null(node.reply);
    result_from(cu_peer_parent(0), node.outbox[0].id, "{\"ok\":true,\"stopped\":4}");
    assert_int_equal(number("stopped"), 4);
    assert_ptr_equal(node.reply_owner, &asker);
    /* whoever asked takes this node's end for that of all: the parent's comes first */
    assert_true(cu_commands_lingers(node.commands));
    cu_commands_peer_down(node.commands, cu_peer_child(0), node.now_ns);
    cu_commands_peer_down(node.commands, cu_peer_parent(2), node.now_ns);
    assert_true(cu_commands_lingers(node.commands));
    cu_commands_peer_down(node.commands, cu_peer_parent(0), node.now_ns);
    assert_false(cu_commands_lingers(node.commands));
}

static void test_stop_does_not_linger_for_ever(void **state)
{
    (void)state;
    start_child();
    request("{\"op\":\"stop\",\"all\":true}");
    cu_commands_stopping(node.commands);
    result_from(cu_peer_parent(0), node.outbox[0].id, "{\"ok\":true,\"stopped\":4}");
    pass_ms(CU_COMMANDS_END_MS - 1);
    assert_true(cu_commands_lingers(node.commands));
    pass_ms(1);
    assert_false(cu_commands_lingers(node.commands));
}

static void test_who_answers_a_stop_and_does_not_end_is_silent(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    request("{\"op\":\"stop\",\"all\":true}");
    result_from(cu_peer_child(1), node.outbox[0].id, "{\"ok\":true,\"ranks\":\"1-2\"}");
    result_from(cu_peer_child(3), node.outbox[0].id, "{\"ok\":true,\"ranks\":\"3\"}");
    cu_commands_peer_down(node.commands, cu_peer_child(3), node.now_ns);
    pass_ms(5000);
    assert_int_equal(node.stops, 1);
    assert_int_equal(json_integer_value(json_object_get(node.stop_result, "stopped")), 3);
    assert_string_equal(listed(node.stop_result, "silent", 0), "node1");
}

static void test_stop_lingers_in_vain(void **state)
{
    (void)state;
    start_child();
    request("{\"op\":\"stop\",\"all\":true}");
    cu_commands_stopping(node.commands);
    cu_commands_peer_down(node.commands, cu_peer_parent(0), node.now_ns);
    assert_string_equal(error_text(), "node0 ended before it answered");
    assert_false(cu_commands_lingers(node.commands));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gather_stats),
        TEST(test_gather_each_node),
        TEST(test_gather_counts_nobody_twice),
        TEST(test_gather_broken_results),
        TEST(test_gather_lost_child),
        TEST(test_stats_here),
        TEST(test_stop_waits_for_ends),
        TEST(test_stop_goes_on_without_asker),
        TEST(test_stop_here),
        TEST(test_below),
        TEST(test_refresh_waits_for_the_kernels),
        TEST(test_stop_lingers),
        TEST(test_stop_lingers_in_vain),
        TEST(test_stop_does_not_linger_for_ever),
        TEST(test_who_answers_a_stop_and_does_not_end_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
