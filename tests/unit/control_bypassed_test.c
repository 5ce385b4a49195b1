/* SPDX-License-Identifier: BSD-3-Clause */
/* What nodes read past the trees: each node once, the heaviest files, and bounds on what peers
 * say. */
#include "commands_node.h"

#include "control/bypassed.h"

static json_t *bypassed_in(const json_t *result)
{
    return json_object_get(result, "bypassed");
}

static json_int_t in(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static json_int_t file_bytes(const json_t *result, const char *path)
{
    return in(json_object_get(bypassed_in(result), "files"), path);
}

static void nothing_is_silent(void **state)
{
    (void)state;
    start(0);
    request("{\"op\":\"stats\"}");
    assert_null(bypassed_in(node.reply));
    request("{\"op\":\"stop\"}");
    assert_null(bypassed_in(node.stop_result));
}

static void a_stop_adds_up_its_nodes(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    cu_core_counters(node.core)[CU_COUNT_bypass_bytes] = 5;
    cu_core_counters(node.core)[CU_COUNT_bypass_largest] = 70;
    cu_core_counters(node.core)[CU_COUNT_bypass_fits] = 50;
    request("{\"op\":\"stop\",\"all\":true}");
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1-2\",\"bypassed\":{\"bytes\":30,\"largest\":90,"
                "\"fits\":60,\"files\":{\"/a\":20,\"/b\":10}}}");
    /* A node that was asked by two parents counts once. */
    result_from(cu_peer_child(3), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"2-3\",\"bypassed\":{\"bytes\":1000,\"largest\":1000,"
                "\"files\":{\"/a\":1000}}}");
    cu_commands_peer_down(node.commands, cu_peer_child(1), node.now_ns);
    cu_commands_peer_down(node.commands, cu_peer_child(3), node.now_ns);
    assert_int_equal(in(bypassed_in(node.stop_result), "bytes"), 35);
    assert_int_equal(in(bypassed_in(node.stop_result), "largest"), 90);
    assert_int_equal(in(bypassed_in(node.stop_result), "fits"), 60);
    assert_int_equal(file_bytes(node.stop_result, "/a"), 20);
    assert_int_equal(file_bytes(node.stop_result, "/b"), 10);
}

static void stats_add_up_the_same(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    request("{\"op\":\"stats\",\"all\":true}");
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1-2\",\"sum\":{\"bypass_largest\":90},\"bypassed\":{"
                "\"bytes\":30,\"largest\":90,\"files\":{\"/a\":20}}}");
    result_from(cu_peer_child(3), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"3\",\"sum\":{\"bypass_largest\":80},\"bypassed\":{"
                "\"bytes\":4,\"largest\":80,\"files\":{\"/a\":4}}}");
    assert_int_equal(in(bypassed_in(node.reply), "bytes"), 34);
    assert_int_equal(file_bytes(node.reply, "/a"), 24);
    assert_int_equal(in(json_object_get(node.reply, "sum"), "bypass_largest"), 90);
}

/* What goes up the tree has the files, too. */
static void a_parent_is_told(void **state)
{
    (void)state;
    start(1);
    cu_core_counters(node.core)[CU_COUNT_bypass_bytes] = 5;
    cu_core_counters(node.core)[CU_COUNT_bypass_largest] = 70;
    request_as(&other_asker, 9, "{\"op\":\"stats\",\"below\":true}");
    assert_int_equal(in(bypassed_in(node.reply), "bytes"), 5);
    assert_true(json_is_object(json_object_get(bypassed_in(node.reply), "files")));
}

/* Anything may come from a peer: numbers that overflow, other types, more files than it may name.
 */
static void a_peer_cannot_break_it(void **state)
{
    static const char *const broken[] = {
        "[]",
        "{}",
        "{\"bytes\":-1}",
        "{\"bytes\":\"9\"}",
        "{\"bytes\":1,\"files\":[1]}",
        "{\"bytes\":9223372036854775807,\"largest\":-3,\"files\":{\"/a\":9223372036854775807,"
        "\"\":1,\"/n\":-4,\"/s\":\"x\"}}",
    };
    json_t *sum = NULL, *many = json_object(), *more;
    char path[32];

    (void)state;
    cu_bypassed_add(&sum, NULL);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
            more = json_loads(broken[i], 0, NULL);
            assert_non_null(more);
            cu_bypassed_add(&sum, more);
            json_decref(more);
        }
    assert_true(in(sum, "bytes") == INT64_MAX);
    assert_int_equal(in(sum, "largest"), 0);
    assert_true(in(json_object_get(sum, "files"), "/a") == INT64_MAX);
    assert_null(json_object_get(json_object_get(sum, "files"), "/n"));
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "/many%d", i);
        json_object_set_new(many, path, json_integer(1000 + i));
    }
    more = json_pack("{s:i, s:o}", "bytes", 1, "files", many);
    cu_bypassed_add(&sum, more);
    json_decref(more);
    assert_true(json_object_size(json_object_get(sum, "files")) <= 2 + CU_BYPASSED_FILES_MAX);
    cu_bypassed_cut(sum);
    assert_int_equal(json_object_size(json_object_get(sum, "files")), CU_BYPASSED_FILES_MAX);
    assert_non_null(json_object_get(json_object_get(sum, "files"), "/a")); /* the heaviest */
    json_decref(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_silent),
        TEST(a_stop_adds_up_its_nodes),
        TEST(stats_add_up_the_same),
        TEST(a_parent_is_told),
        cmocka_unit_test(a_peer_cannot_break_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
