/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests on one node: what is refused, answered here, waited for or handed up. */
#include "commands_node.h"

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "7",
        "{\"op\":7}",
        "{\"op\":\"reboot\"}",
        "{\"op\":\"status\"} x",
        "{\"op\":\"status\",\"op\":\"stop\"}",
        "{\"op\":\"status\",\"timeout_ms\":-1}",
        "{\"op\":\"status\",\"timeout_ms\":1e9}",
        "{\"op\":\"status\",\"timeout_ms\":\"5\"}",
        "{\"op\":\"stats\",\"timeout_ms\":60001}",
        "{\"op\":\"wait\",\"timeout_ms\":86400001}",
        "{\"op\":\"refresh\"}",
        "{\"op\":\"refresh\",\"path\":\"relative\"}",
        "{\"op\":\"refresh\",\"path\":[\"/\"]}",
        "\xff\xfe",
    };

    (void)state;
    start(0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        request(texts[i]);
        assert_true(strlen(error_text()) > 0);
        assert_int_equal(node.reply_id, 7);
    }
    assert_int_equal(node.stops, 0);
    assert_false(cu_commands_lingers(node.commands));
}

static void test_deep_and_long(void **state)
{
    size_t size = CU_COMMANDS_REQUEST_MAX + 1;
    char *text = malloc(size + 1);

    (void)state;
    assert_non_null(text);
    start(0);
    memset(text, '[', size);
    text[size - 1] = '\0';
    request(text);
    assert_false(ok());
    memset(text, ' ', size);
    memcpy(text, "{\"op\":\"status\"}", 15);
    text[size] = '\0';
    request(text);
    assert_false(ok());
    text[size - 1] = '\0';
    request(text);
    assert_true(ok());
    free(text);
}

static void test_status(void **state)
{
    const json_t *tree;

    (void)state;
    start(0);
    join_child(1);
    cu_core_counters(node.core)[CU_COUNT_inode_bytes] = 5;
    cu_core_counters(node.core)[CU_COUNT_recovery_bytes] = 6;
    cu_core_counters(node.core)[CU_COUNT_recovery_full] = 7;
    request("{\"op\":\"status\"}");
    assert_true(ok());
    assert_int_equal(number("inode_bytes"), 5);
    assert_int_equal(number("recovery_bytes"), 6);
    assert_int_equal(number("recovery_full"), 7);
    assert_string_equal(json_string_value(json_object_get(node.reply, "host")), "node0");
    assert_int_equal(number("nodes"), 4);
    assert_int_equal(number("ready"), 0);
    assert_int_equal(number("missing_count"), 4);
    assert_string_equal(listed(node.reply, "missing", 3), "node3");
    tree = json_array_get(json_object_get(node.reply, "trees"), 0);
    assert_string_equal(json_string_value(json_object_get(tree, "role")), "root");
    assert_string_equal(listed(tree, "children", 0), "node1");
    request("{\"op\":\"doctor\"}");
    assert_true(json_is_true(json_object_get(node.reply, "described")));
    /* It waits until it is known what it tells, but not for ever. */
    driver_knows = false;
    request("{\"op\":\"doctor\"}");
    assert_null(node.reply);
    driver_knows = true;
    drain();
    assert_true(json_is_true(json_object_get(node.reply, "described")));
    driver_knows = false;
    request("{\"op\":\"doctor\"}");
    assert_null(node.reply);
    pass_ms(1001);
    assert_true(json_is_true(json_object_get(node.reply, "described")));
    driver_knows = true;
    request("{\"op\":\"drop\"}");
    assert_true(ok());
}

static void test_wait(void **state)
{
    (void)state;
    start(0);
    cu_core_mounted(node.core, node.now_ns);
    drain();
    join_child(1);
    join_child(3);
    request("{\"op\":\"wait\",\"timeout_ms\":500}");
    assert_null(node.reply);
    ready_from(3, 3, 1, 1);
    pass_ms(499);
    assert_null(node.reply);
    pass_ms(1);
    assert_string_equal(error_text(), "2 of 4 nodes are not ready: node1, node2");
    assert_int_equal(number("missing_count"), 2);
    assert_int_equal(number("ready"), 2);
    request("{\"op\":\"wait\",\"timeout_ms\":500}");
    assert_null(node.reply);
    ready_from(1, 1, 3, 2);
    assert_true(ok());
    assert_int_equal(number("ready"), 4);
    request("{\"op\":\"wait\",\"timeout_ms\":500}");
    assert_true(ok());
    assert_true(cu_commands_deadline(node.commands) == UINT64_MAX);
}

static void test_wait_default_limit(void **state)
{
    (void)state;
    start(0);
    request("{\"op\":\"wait\"}");
    pass_ms(19999);
    assert_null(node.reply);
    pass_ms(1);
    assert_false(ok());
}

static void test_gone_asker(void **state)
{
    (void)state;
    start(0);
    request("{\"op\":\"wait\"}");
    request_as(&other_asker, 8, "{\"op\":\"wait\"}");
    cu_commands_gone(node.commands, &asker);
    pass_ms(20000);
    assert_false(ok());
    assert_ptr_equal(node.reply_owner, &other_asker);
}

static void test_too_many(void **state)
{
    (void)state;
    start(0);
    for (unsigned i = 0; i < CU_COMMANDS_TASKS_MAX; i++) {
        request("{\"op\":\"wait\"}");
        assert_null(node.reply);
    }
    request("{\"op\":\"wait\"}");
    assert_string_equal(error_text(), "too many requests wait already");
}

static void test_parked_then_handed_up(void **state)
{
    (void)state;
    start(1);
    assert_int_equal(cu_core_parent(node.core, 0), CU_RANK_NONE);
    request("{\"op\":\"wait\",\"timeout_ms\":900}");
    pass_ms(300);
    assert_int_equal(node.sent_count, 0);
    cu_core_peer_up(node.core, cu_peer_parent(0), node.now_ns);
    drain();
    assert_int_equal(node.sent_count, 1);
    assert_int_equal(node.outbox[0].peer.side, CU_PARENT);
    assert_int_equal(node.outbox[0].peer.rank, 0);
    assert_int_equal(json_integer_value(json_object_get(node.outbox[0].json, "timeout_ms")), 600);
    result_from(cu_peer_parent(1), node.outbox[0].id, "{\"ok\":true}"); /* not who was asked */
    assert_null(node.reply);
    result_from(cu_peer_parent(0), node.outbox[0].id, "{\"ok\":true,\"from\":\"root\"}");
    assert_string_equal(json_string_value(json_object_get(node.reply, "from")), "root");
    assert_int_equal(node.reply_id, 7);
}

static void test_parked_too_long(void **state)
{
    (void)state;
    start(1);
    request("{\"op\":\"stats\",\"all\":true,\"timeout_ms\":100}");
    pass_ms(100);
    assert_string_equal(error_text(), "this node has not found its parent in the tree yet");
}

static void test_handed_up_too_long(void **state)
{
    (void)state;
    start_child();
    request("{\"op\":\"status\",\"root\":true,\"timeout_ms\":100}");
    pass_ms(1099);
    assert_null(node.reply);
    pass_ms(1);
    assert_string_equal(error_text(), "node0 did not answer in time");
}

static void test_handed_up_again(void **state)
{
    (void)state;
    start_child();
    request("{\"op\":\"status\",\"root\":true}");
    assert_int_equal(node.sent_count, 1);
    node.ask_error = -ENOTCONN;
    cu_commands_peer_down(node.commands, cu_peer_parent(0), node.now_ns);
    drain();
    assert_null(node.reply);
    node.ask_error = 0;
    drain();
    assert_int_equal(node.sent_count, 2);
    result_from(cu_peer_parent(0), node.outbox[1].id, "{\"ok\":true}");
    assert_true(ok());
}

static void test_broken_answer_from_above(void **state)
{
    (void)state;
    start_child();
    request("{\"op\":\"status\",\"root\":true}");
    result_from(cu_peer_parent(0), node.outbox[0].id, "{\"ok\":true}\n{\"ok\":false}");
    assert_string_equal(error_text(), "the answer of node0 is broken");
}

/* What a key holder adds to its requests, which may wait for a day, takes no memory. */
static void test_what_waits_keeps_what_it_needs(void **state)
{
    const json_t *entry;

    (void)state;
    start(0);
    request(
        "{\"op\":\"wait\",\"x\":[[],[],{}],\"path\":\"/long\",\"left_out\":\"1\",\"missing\":1}");
    assert_null(node.reply);
    request_as(&other_asker, 8, "{\"op\":\"doctor\"}");
    entry = json_object_get(json_array_get(json_object_get(node.reply, "requests"), 0), "request");
    assert_string_equal(json_string_value(json_object_get(entry, "op")), "wait");
    assert_int_equal(json_integer_value(json_object_get(entry, "missing")), 1);
    assert_int_equal(json_object_size(entry), 2);
    request_as(&other_asker, 9, "{\"op\":\"wait\",\"missing\":[[[]]]}");
    assert_string_equal(error_text(), "a member of the request is a list or an object");
}

/* A daemon of the job cannot make others believe that there is less to stop. */
static void test_no_more_is_left_out_than_may_be(void **state)
{
    static const char *const refused[] = {"1-3", "1,2", "3,2", "1,x"};

    (void)state;
    start(0);
    request("{\"op\":\"launched\",\"left_out\":\"1\"}");
    assert_non_null(strstr(error_text(), "more than may be missing"));
    node.job.allow_missing = 1;
    for (unsigned i = 0; i < 2; i++) { /* told twice is the same */
        request("{\"op\":\"launched\",\"left_out\":\"2\"}");
        assert_true(ok());
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char text[80];

        snprintf(text, sizeof(text), "{\"op\":\"launched\",\"left_out\":\"%s\"}", refused[i]);
        request(text);
        assert_false(ok());
    }
    request("{\"op\":\"status\"}");
    assert_int_equal(number("missing_count"), 3);
    assert_int_equal(number("left_out_count"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refused),
        TEST(test_deep_and_long),
        TEST(test_status),
        TEST(test_wait),
        TEST(test_wait_default_limit),
        TEST(test_gone_asker),
        TEST(test_too_many),
        TEST(test_parked_then_handed_up),
        TEST(test_parked_too_long),
        TEST(test_handed_up_too_long),
        TEST(test_handed_up_again),
        TEST(test_broken_answer_from_above),
        TEST(test_what_waits_keeps_what_it_needs),
        TEST(test_no_more_is_left_out_than_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
