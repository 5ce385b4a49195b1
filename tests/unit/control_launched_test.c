/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a launch: who need not be there, and daemons whose launcher has gone. */
#include "commands_node.h"

#define LIMIT_MS 25000 /* of the launch, and for the launcher's word to come */

static void a_wait_goes_without_some(void **state)
{
    (void)state;
    start(0);
    cu_core_mounted(node.core, node.now_ns);
    drain();
    join_child(1);
    request_as(&other_asker, 8, "{\"op\":\"wait\",\"timeout_ms\":500,\"missing\":2}");
    assert_null(node.reply);
    ready_from(1, 1, 1, 1); /* two of four */
    assert_true(ok());
    assert_int_equal(number("missing_count"), 2);
    request("{\"op\":\"wait\",\"timeout_ms\":500,\"missing\":1}");
    assert_null(node.reply);
    pass_ms(500);
    assert_string_equal(error_text(), "2 of 4 nodes are not ready: node2, node3");
    request("{\"op\":\"wait\",\"missing\":101}");
    assert_string_equal(error_text(), "\"missing\" is out of range");
}

static void who_was_left_out_is_waited_for_no_more(void **state)
{
    (void)state;
    start(0);
    node.job.allow_missing = 3;
    cu_core_mounted(node.core, node.now_ns);
    drain();
    request("{\"op\":\"launched\",\"all\":true,\"left_out\":\"1,2-4\"}");
    assert_non_null(strstr(error_text(), "\"left_out\" is not a list of ranks"));
    request("{\"op\":\"launched\",\"all\":true,\"left_out\":\"1-3\"}");
    assert_true(ok());
    request("{\"op\":\"wait\"}");
    assert_true(ok());
    assert_int_equal(number("missing_count"), 0);
    assert_int_equal(number("left_out_count"), 3);
    assert_string_equal(listed(node.reply, "left_out", 2), "node3");
    join_child(1); /* it has come after all */
    ready_from(1, 1, 1, 1);
    request("{\"op\":\"status\"}");
    assert_int_equal(number("ready"), 2);
    assert_int_equal(number("left_out_count"), 2);
    request("{\"op\":\"stop\",\"all\":true}");
    pass_ms(5000);
    assert_non_null(node.stop_result);
    assert_int_equal(json_integer_value(json_object_get(node.stop_result, "silent_count")), 0);
}

static void a_root_without_its_launcher_ends(void **state)
{
    (void)state;
    start_confirm = true;
    start(0);
    pass_ms(LIMIT_MS - 1);
    assert_int_equal(node.stops, 0);
    pass_ms(1);
    assert_int_equal(node.stops, 1);
}

static void a_root_that_was_told_stays(void **state)
{
    (void)state;
    start_confirm = true;
    start(0);
    request("{\"op\":\"status\"}");
    assert_false(json_is_true(json_object_get(node.reply, "launched")));
    request("{\"op\":\"launched\",\"all\":true}");
    assert_true(ok());
    pass_ms(LIMIT_MS);
    assert_int_equal(node.stops, 0);
    request("{\"op\":\"doctor\"}");
    assert_int_equal(json_array_size(json_object_get(node.reply, "requests")), 0);
}

/* One that was started later asks, and believes its tree. */
static void a_child_asks_its_root(void **state)
{
    static const struct {
        const char *answer;
        unsigned stops;
    } cases[] = {{"{\"ok\":true,\"launched\":true}", 0},
                 {"{\"ok\":true,\"launched\":false}", 1},
                 {"{\"ok\":false,\"error\":\"x\"}", 1},
                 {"nonsense", 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start_confirm = true;
        start_child();
        pass_ms(LIMIT_MS);
        assert_int_equal(node.sent_count, 1);
        result_from(cu_peer_parent(0), node.outbox[0].id, cases[i].answer);
        assert_int_equal(node.stops, cases[i].stops);
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            stop_node(state);
    }
}

static void a_node_that_nobody_answers_ends(void **state)
{
    (void)state;
    start_confirm = true;
    start_child();
    pass_ms(LIMIT_MS);
    pass_ms(6000);
    assert_int_equal(node.stops, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wait_goes_without_some),
        TEST(who_was_left_out_is_waited_for_no_more),
        TEST(a_root_without_its_launcher_ends),
        TEST(a_root_that_was_told_stays),
        TEST(a_child_asks_its_root),
        TEST(a_node_that_nobody_answers_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
