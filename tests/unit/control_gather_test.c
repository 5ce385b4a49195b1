/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests down a tree and results up, and the order of a stop. */
#include "commands_beside.h"

#include "control/bulk.h"
#include "control/surveyed.h"
#include "core/latency.h"

#include <pthread.h>

#define MANY     10000u /* nodes */
#define AT_ONCE  1000u  /* JSON values that one step of the loop may read, write or let go */
#define CHILDREN 2u

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
    assert_int_equal(json_integer_value(json_object_get(node.outbox[0].json, "timeout_ms")), 720);
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

/* Each row of the sum is what its parts are; a part that makes no sense is left out alone. */
static void test_gather_latencies(void **state)
{
    static struct cu_latency own;
    const json_t *sum;

    (void)state;
    cu_latency_answered(&own, CU_LATENCY_LOOKUP, CU_WHERE_HERE, EIO, 5000);
    own_latency = &own;
    start(0);
    own_latency = NULL;
    join_child(1);
    join_child(3);
    request("{\"op\":\"stats\",\"all\":true,\"latency\":true}");
    assert_true(json_is_true(json_object_get(node.outbox[0].json, "latency")));
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1-2\",\"sum\":{},\"latency\":{"
                "\"lookup here\":\"2 15 7 3:1 5:1 7:1\",\"read parent\":\"0 9 9 8:1\","
                "\"getattr here\":\"1 2 3:1\",\"nothing\":\"0 1 1 1:1\"}}");
    result_from(cu_peer_child(3), node.outbox[1].id,
                "{\"ok\":true,\"ranks\":\"3\",\"sum\":{},\"latency\":{"
                "\"lookup here\":\"0 4 4 4:1\",\"read parent\":7,\"ioctl here\":\"-1 1 1 1:1\","
                "\"readdir here\":\"0 1 1 1:1 1:1\"}}");
    sum = json_object_get(node.reply, "latency");
    assert_string_equal(json_string_value(json_object_get(sum, "lookup here")),
                        "3 24 7 3:1 4:1 5:2 7:1");
    assert_string_equal(json_string_value(json_object_get(sum, "read parent")), "0 9 9 8:1");
    assert_int_equal(json_object_size(sum), 2);
    request("{\"op\":\"stats\"}"); /* not asked for */
    assert_null(json_object_get(node.reply, "latency"));
}

/* The first command of a node tells; of several nodes the first name in the alphabet counts. */
static void test_gather_a_recipe_that_commands_name(void **state)
{
    static char learn[] = "auto", recipe[] = "/r/x.recipe";

    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    request("{\"op\":\"learn\",\"name\":\"m\",\"path\":\"/r/m.recipe\"}");
    assert_false(ok()); /* it has no --learn */
    node.job.learn = learn;
    node.job.recipe = recipe;
    request("{\"op\":\"learn\",\"name\":\"m\",\"path\":\"/r/m.recipe\"}");
    assert_false(ok()); /* it has a name of its own */
    node.job.recipe = NULL;
    request("{\"op\":\"learn\",\"name\":\"../m\",\"path\":\"/r/m.recipe\"}");
    assert_false(ok());
    request("{\"op\":\"learn\",\"name\":\"m\",\"path\":\"m.recipe\"}");
    assert_false(ok());
    assert_int_equal(node.learns, 0);
    request("{\"op\":\"learn\",\"all\":true,\"name\":\"m\",\"path\":\"/r/./m.recipe\"}");
    assert_true(ok());
    request("{\"op\":\"learn\",\"below\":true,\"name\":\"a\",\"path\":\"/r/a.recipe\"}");
    assert_true(ok());
    assert_int_equal(node.sent_count, 0); /* it is for this node */
    assert_int_equal(node.learns, 1);
    assert_string_equal(node.learned, "/r/m.recipe");
    own_recipe = cu_recipe_new();
    assert_non_null(own_recipe);
    request("{\"op\":\"recipe\",\"all\":true}");
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1-2\",\"name\":\"z\"}");
    result_from(cu_peer_child(3), node.outbox[1].id,
                "{\"ok\":true,\"ranks\":\"3\",\"name\":\"/a\"}"); /* it is none */
    assert_true(ok());
    assert_string_equal(json_string_value(json_object_get(node.reply, "name")), "m");
    forget_outbox();
    request("{\"op\":\"recipe\",\"all\":true}");
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1-2\",\"name\":\"c\"}");
    result_from(cu_peer_child(3), node.outbox[1].id,
                "{\"ok\":true,\"ranks\":\"3\",\"name\":\"b\"}");
    assert_string_equal(json_string_value(json_object_get(node.reply, "name")), "b");
    cu_recipe_free(own_recipe);
    own_recipe = NULL;
    node.job.learn = NULL;
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

/* One that lies about its part of the tree can say nothing of the failures of others. */
static void test_failures_are_of_who_tells_them(void **state)
{
    static const char *const told[] = {"-2", "-9223372036854775807", "9223372036854775807", "7"};
    static const json_int_t counted[] = {1, 1, 3, 3};

    (void)state;
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        char text[128];

        start(0);
        join_child(1);
        join_child(3);
        request("{\"op\":\"refresh\",\"all\":true,\"path\":\"/\"}");
        result_from(cu_peer_child(3), node.outbox[0].id,
                    "{\"ok\":true,\"ranks\":\"3\",\"failed\":1}");
        snprintf(text, sizeof(text), "{\"ok\":true,\"ranks\":\"1-2\",\"failed\":%s}", told[i]);
        result_from(cu_peer_child(1), node.outbox[0].id, text);
        assert_int_equal(number("failed"), counted[i]);
        if (i + 1 < sizeof(told) / sizeof(told[0]))
            stop_node(state);
    }
}

/* One that lies about who is below it hides that others were not reached. Here ranks 1 and 2 are
 * below 1, and 3 is alone. */
static void test_a_child_speaks_for_its_subtree_only(void **state)
{
    static const char *const ops[] = {
        "{\"op\":\"refresh\",\"all\":true,\"path\":\"/\",\"timeout_ms\":800}",
        "{\"op\":\"stop\",\"all\":true,\"timeout_ms\":800}",
        "{\"op\":\"launched\",\"all\":true,\"timeout_ms\":800}",
        "{\"op\":\"stats\",\"all\":true,\"timeout_ms\":800}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        const json_t *result;

        if (i > 0)
            stop_node(state);
        start(0);
        join_child(1);
        join_child(3);
        request(ops[i]);
        result_from(cu_peer_child(1), node.outbox[0].id,
                    "{\"ok\":true,\"lingers\":true,\"ranks\":\"0-3\",\"failed\":3,"
                    "\"sum\":{\"fuse_lookup\":7}}");
        pass_ms(800);
        result = node.stop_result != NULL ? node.stop_result : node.reply;
        assert_non_null(result);
        if (strstr(ops[i], "stats") != NULL) {
            assert_int_equal(json_integer_value(json_object_get(result, "silent_count")), 3);
            assert_int_equal(summed("fuse_lookup"), 0); /* a sum cannot be split */
        } else {
            assert_int_equal(json_integer_value(json_object_get(result, "silent_count")), 1);
            assert_string_equal(listed(result, "silent", 0), "node3");
        }
        assert_int_equal(cu_core_counters(node.core)[CU_COUNT_ranks_refused], 1);
    }
}

/* Whom no other child would have below it may be below one of the first nodes. */
static void test_an_orphan_counts_where_it_is(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    request("{\"op\":\"refresh\",\"all\":true,\"path\":\"/\"}");
    result_from(cu_peer_child(1), node.outbox[0].id, "{\"ok\":true,\"ranks\":\"1-3\"}");
    assert_int_equal(number("nodes"), 4);
    assert_int_equal(cu_core_counters(node.core)[CU_COUNT_ranks_refused], 0);
}

static void test_figures_are_of_who_answered(void **state)
{
    static const char *const nodes[] = {
        "{\"host\":\"node3\",\"rank\":3}",
        "{\"host\":\"node1\",\"rank\":1},{\"host\":\"node1\",\"rank\":1}",
        "{\"host\":\"node1\",\"rank\":-1}",
        "{\"host\":\"node1\",\"rank\":4294967297}",
        "{\"host\":\"node1\"}",
        "7",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        char text[256];

        if (i > 0)
            stop_node(state);
        start(0);
        join_child(1);
        request("{\"op\":\"stats\",\"all\":true,\"each\":true}");
        snprintf(text, sizeof(text), "{\"ok\":true,\"ranks\":\"1-2\",\"nodes\":[%s]}", nodes[i]);
        result_from(cu_peer_child(1), node.outbox[0].id, text);
        assert_int_equal(number("silent_count"), 3);
        assert_int_equal(json_array_size(json_object_get(node.reply, "nodes")), 1);
    }
}

/* A node that says it is below one that has a lower place wants to be its own ancestor. */
static void test_a_parent_is_no_child(void **state)
{
    (void)state;
    start(1);
    join_child(0);
    join_child(2);
    request("{\"op\":\"stats\",\"below\":true,\"timeout_ms\":800}");
    assert_int_equal(node.sent_count, 1);
    assert_int_equal(node.outbox[0].peer.rank, 2);
    assert_int_equal(cu_core_counters(node.core)[CU_COUNT_bad_messages], 1);
}

/* JSON of many small values takes fifty times the memory of its text. */
static void test_a_result_has_no_more_values_than_nodes_have_figures(void **state)
{
    size_t size = 60000;
    char *text = malloc(size + 64), *at = text;

    (void)state;
    assert_non_null(text);
    start(0);
    join_child(1);
    request("{\"op\":\"stats\",\"all\":true}");
    at += sprintf(at, "{\"ok\":true,\"ranks\":\"1\",\"x\":[0");
    while (at < text + size)
        at += sprintf(at, ",[]");
    sprintf(at, "]}");
    result_from(cu_peer_child(1), node.outbox[0].id, text);
    assert_int_equal(number("answered"), 1);
    assert_int_equal(number("silent_count"), 3);
    free(text);
}

/* Longer than the message between daemons carries: what is above it is refreshed. */
static void test_refresh_of_a_long_path(void **state)
{
    char text[CU_TREE_PATH_MAX], *at = text;

    (void)state;
    start(0);
    at += sprintf(at, "{\"op\":\"refresh\",\"path\":\"");
    for (int i = 0; i < 500; i++)
        at += sprintf(at, "/directory%d", i);
    sprintf(at, "\"}");
    request(text);
    assert_true(ok());
    assert_int_equal(number("nodes"), 1);
    assert_int_equal(cu_core_generation(node.core), 1);
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

/* Of the silent nodes some ran when the stop came: what is found ended there was stopped. */
static void test_stop_counts_the_late(void **state)
{
    uint64_t id;

    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    ready_from(1, 1, 3, 2); /* node1 and node2, not node3 */
    request("{\"op\":\"stop\",\"all\":true}");
    id = node.outbox[0].id;
    result_from(cu_peer_child(1), id, "{\"ok\":true,\"ranks\":\"1\"}");
    node.now_ns += 6000 * MS; /* node1 has answered and does not end, node2 and node3 are silent */
    cu_commands_tick(node.commands, node.now_ns);
    assert_int_equal(node.stops, 1);
    assert_int_equal(json_integer_value(json_object_get(node.stop_result, "stopped")), 1);
    assert_int_equal(json_integer_value(json_object_get(node.stop_result, "silent_count")), 3);
    assert_int_equal(json_integer_value(json_object_get(node.stop_result, "late_count")), 2);
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

/* --- ten thousand nodes ----------------------------------------------------------------------- */

static pthread_t loop_thread;
static size_t on_loop, longest; /* values handled there: since the step began; in any step */

json_t *__real_json_loadb(const char *text, size_t size, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *text, size_t size, size_t flags, json_error_t *error);
size_t __real_json_dumpb(const json_t *json, char *text, size_t size, size_t flags);
size_t __wrap_json_dumpb(const json_t *json, char *text, size_t size, size_t flags);
void __real_json_delete(json_t *json);
void __wrap_json_delete(json_t *json);

/* All values in json; with owned, those that go when it goes. */
static size_t values(const json_t *json, bool owned)
{
    json_t *value;
    const char *key;
    size_t sum = 1, i;

    if (owned && json->refcount > 1)
        return 0;
    json_array_foreach ((json_t *)json, i, value)
        sum += values(value, owned);
    json_object_foreach ((json_t *)json, key, value)
        sum += values(value, owned);
    return sum;
}

static void handle(size_t count)
{
    if (node.looking || !pthread_equal(pthread_self(), loop_thread))
        return;
    on_loop += count;
    longest = on_loop > longest ? on_loop : longest;
}

json_t *__wrap_json_loadb(const char *text, size_t size, size_t flags, json_error_t *error)
{
    json_t *json = __real_json_loadb(text, size, flags, error);

    handle(json != NULL ? values(json, false) : 1);
    return json;
}

size_t __wrap_json_dumpb(const json_t *json, char *text, size_t size, size_t flags)
{
    handle(values(json, false));
    return __real_json_dumpb(json, text, size, flags);
}

void __wrap_json_delete(json_t *json)
{
    json_t *value;
    const char *key;
    size_t sum = 1, i;

    json_array_foreach (json, i, value)
        sum += values(value, true);
    json_object_foreach (json, key, value)
        sum += values(value, true);
    handle(sum);
    __real_json_delete(json);
}

static const uint32_t children[] = {1, 5001, MANY}; /* of the root, with the nodes after each */

/* What a child says that stands for its share of the nodes. */
static char *result_of(uint32_t child)
{
    uint32_t first = children[child], share = children[child + 1] - first;
    size_t size = 100 + (size_t)share * 100, at;
    char *text = malloc(size);

    assert_non_null(text);
    at = (size_t)snprintf(text, size,
                          "{\"ok\":true,\"ranks\":\"%u-%u\",\"sum\":{\"fuse_lookup\":%u},"
                          "\"nodes\":[",
                          first, first + share - 1, share);
    for (uint32_t i = 0; i < share; i++)
        at += (size_t)snprintf(text + at, size - at,
                               "%s{\"host\":\"n\",\"rank\":%u,\"counters\":{\"fuse_lookup\":1}}",
                               i > 0 ? "," : "", first + i);
    snprintf(text + at, size - at, "]}");
    return text;
}

struct cu_survey *__real_cu_surveyed_read(const json_t *text,
                                          const struct cu_survey_limits *limits);
struct cu_survey *__wrap_cu_surveyed_read(const json_t *text,
                                          const struct cu_survey_limits *limits);
json_t *__real_cu_surveyed_json(const struct cu_survey *survey);
json_t *__wrap_cu_surveyed_json(const struct cu_survey *survey);

struct cu_survey *__wrap_cu_surveyed_read(const json_t *text, const struct cu_survey_limits *limits)
{
    handle(2 * AT_ONCE); /* too much for any step */
    return __real_cu_surveyed_read(text, limits);
}

json_t *__wrap_cu_surveyed_json(const struct cu_survey *survey)
{
    handle(2 * AT_ONCE);
    return __real_cu_surveyed_json(survey);
}

/* With a survey that has a row for each of these nodes, and a path of all; or one that is none. */
static char *surveyed_result_of(uint32_t child, bool good)
{
    const struct cu_survey_limits limits = {.nodes = MANY, .trees = 1, .top = 10};
    uint32_t first = children[child], share = children[child + 1] - first;
    struct cu_survey *survey = cu_survey_new(&limits);
    json_t *json;
    char *text;

    assert_non_null(survey);
    for (uint32_t rank = first; rank < first + share; rank++) {
        unsigned char key[CU_SURVEY_KEY_BYTES];
        struct cu_keyed_entry *row;

        cu_survey_key(rank, key);
        row = cu_keyed_at(&survey->lists[CU_SURVEY_NODES], key, sizeof(key));
        assert_non_null(row);
        for (uint32_t i = 0; i < survey->kinds[CU_SURVEY_NODES].width; i++)
            row->numbers[i] = rank;
    }
    cu_keyed_at(&survey->lists[CU_SURVEY_BY_REQUESTS], "/a", 2)->weight = share;
    json = json_pack("{s:b, s:o, s:{}, s:o}", "ok", 1, "ranks",
                     json_sprintf("%u-%u", first, first + share - 1), "sum", "survey",
                     __real_cu_surveyed_json(survey));
    assert_non_null(json);
    if (!good) /* of the same length */
        json_object_set_new(
            json, "survey",
            json_sprintf("%0*d", (int)json_string_length(json_object_get(json, "survey")), 0));
    text = json_dumps(json, 0);
    json_decref(json);
    cu_survey_free(survey);
    assert_true(text && strlen(text) > CU_BULK_BYTES);
    return text;
}

static int start_many(void **state)
{
    (void)state;
    loop_thread = pthread_self();
    start_loop();
    start_beside(0, aside, MANY);
    for (uint32_t i = 0; i < CHILDREN; i++)
        join_child(children[i]);
    on_loop = longest = 0;
    request("{\"op\":\"stats\",\"all\":true,\"each\":true}");
    assert_int_equal(node.sent_count, CHILDREN);
    return 0;
}

static int stop_many(void **state)
{
    stop_node(state);
    return stop_loop();
}

static int start_surveyed(void **state)
{
    start_many(state);
    node.job.profile = true;
    node.job.top_paths = 10;
    forget_outbox();
    request("{\"op\":\"stats\",\"all\":true,\"survey\":true}");
    assert_int_equal(node.sent_count, CHILDREN);
    on_loop = longest = 0;
    return 0;
}

static void send_surveys(bool good)
{
    for (uint32_t i = 0; i < CHILDREN; i++) {
        char *text = surveyed_result_of(i, good || i == 0);

        on_loop = 0;
        result_from(cu_peer_child(children[i]), node.outbox[0].id, text);
        free(text);
    }
}

static void send_results(void)
{
    for (uint32_t i = 0; i < CHILDREN; i++) {
        char *text = result_of(i);

        on_loop = 0;
        result_from(cu_peer_child(children[i]), node.outbox[0].id, text);
        free(text);
    }
}

static void turn(void)
{
    on_loop = 0;
    uv_run(&loop, UV_RUN_ONCE);
}

static void the_loop_handles_few_of_ten_thousand_nodes(void **state)
{
    const json_t *nodes;
    json_t *reply;

    (void)state;
    send_results();
    assert_null(node.reply);
    while (node.reply == NULL)
        turn();
    assert_in_range(longest, 1, AT_ONCE);
    reply = node.reply;
    assert_int_equal(number("answered"), MANY);
    assert_int_equal(summed("fuse_lookup"), MANY - 1);
    nodes = json_object_get(reply, "nodes");
    assert_int_equal(json_array_size(nodes), MANY);
    for (uint32_t i = 1; i < MANY; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(nodes, i), "rank")), i);
}

static void check_survey(uint32_t rows)
{
    const struct cu_survey_limits limits = {.nodes = MANY, .trees = 1, .top = 10};
    struct cu_survey *survey;

    assert_null(node.reply);
    while (node.reply == NULL)
        turn();
    assert_in_range(longest, 1, AT_ONCE);
    assert_int_equal(number("answered"), MANY);
    survey = __real_cu_surveyed_read(json_object_get(node.reply, "survey"), &limits);
    assert_non_null(survey);
    assert_int_equal(survey->lists[CU_SURVEY_NODES].count, rows);
    assert_int_equal(survey->lists[CU_SURVEY_BY_REQUESTS].entries[0].weight, rows);
    assert_non_null(json_object_get(node.reply, "facts"));
    cu_survey_free(survey);
}

static void surveys_are_read_and_written_beside_the_loop(void **state)
{
    (void)state;
    send_surveys(true);
    check_survey(MANY - 1);
}

static void what_is_no_survey_is_left_out_and_read_once(void **state)
{
    (void)state;
    send_surveys(false);
    check_survey(children[1] - children[0]);
}

static void who_asked_for_surveys_may_go(void **state)
{
    (void)state;
    send_surveys(true);
    cu_commands_gone(node.commands, &asker);
    turn(); /* what has not been read by now is when the thread ends */
    assert_null(node.reply);
}

/* A child that answered and went away counts; so does one whose answer is being read. */
static void a_child_that_went_after_its_answer_counts(void **state)
{
    (void)state;
    send_results();
    for (uint32_t i = 0; i < CHILDREN; i++)
        cu_commands_peer_down(node.commands, cu_peer_child(children[i]), node.now_ns);
    while (node.reply == NULL)
        turn();
    assert_int_equal(number("answered"), MANY);
}

static void an_asker_may_go_at_any_time(void **state)
{
    (void)state;
    send_results();
    cu_commands_gone(node.commands, &asker); /* the answers are being read, or have been */
    request("{\"op\":\"stats\",\"all\":true,\"each\":true}");
    forget_outbox();
    for (uint32_t i = 0; i < 3; i++)
        turn();
    assert_null(node.reply);
    assert_in_range(longest, 1, AT_ONCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_loop_handles_few_of_ten_thousand_nodes, start_many,
                                        stop_many),
        cmocka_unit_test_setup_teardown(a_child_that_went_after_its_answer_counts, start_many,
                                        stop_many),
        cmocka_unit_test_setup_teardown(an_asker_may_go_at_any_time, start_many, stop_many),
        cmocka_unit_test_setup_teardown(surveys_are_read_and_written_beside_the_loop,
                                        start_surveyed, stop_many),
        cmocka_unit_test_setup_teardown(what_is_no_survey_is_left_out_and_read_once, start_surveyed,
                                        stop_many),
        cmocka_unit_test_setup_teardown(who_asked_for_surveys_may_go, start_surveyed, stop_many),
        TEST(test_gather_stats),
        TEST(test_gather_each_node),
        TEST(test_gather_latencies),
        TEST(test_gather_a_recipe_that_commands_name),
        TEST(test_gather_counts_nobody_twice),
        TEST(test_gather_broken_results),
        TEST(test_gather_lost_child),
        TEST(test_stats_here),
        TEST(test_stop_waits_for_ends),
        TEST(test_stop_counts_the_late),
        TEST(test_stop_goes_on_without_asker),
        TEST(test_stop_here),
        TEST(test_below),
        TEST(test_failures_are_of_who_tells_them),
        TEST(test_a_child_speaks_for_its_subtree_only),
        TEST(test_an_orphan_counts_where_it_is),
        TEST(test_figures_are_of_who_answered),
        TEST(test_a_parent_is_no_child),
        TEST(test_a_result_has_no_more_values_than_nodes_have_figures),
        TEST(test_refresh_of_a_long_path),
        TEST(test_refresh_waits_for_the_kernels),
        TEST(test_stop_lingers),
        TEST(test_stop_lingers_in_vain),
        TEST(test_stop_does_not_linger_for_ever),
        TEST(test_who_answers_a_stop_and_does_not_end_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
