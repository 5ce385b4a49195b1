/* SPDX-License-Identifier: BSD-3-Clause */
/* `top` at the root: the nodes are asked about once a second, however many ask. */
#include "commands_node.h"

#define ASK "{\"op\":\"top\",\"all\":true,\"timeout_ms\":900}"

static void answer(uint32_t rank, uint64_t id, const char *ranks)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "{\"ok\":true,\"ranks\":\"%s\",\"sample\":{\"window_ms\":1000,"
                   "\"figures\":{\"requests\":5000},\"nodes\":[\"%u 10 20 5000 0 0\"],"
                   "\"tree\":[\"%u %u 0 20 5000 0 1\"]}}",
                   ranks, rank, rank, rank);
    result_from(cu_peer_child(rank), id, text);
}

static json_int_t figure(const char *name)
{
    const json_t *sample = json_object_get(node.reply, "sample");

    return json_integer_value(json_object_get(json_object_get(sample, "figures"), name));
}

static void test_sampled_gathers(void **state)
{
    const json_t *sample;

    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    ready_from(3, 3, 1, 1);
    request(ASK);
    assert_null(node.reply);
    assert_int_equal(node.sent_count, 2);
    assert_true(json_is_true(json_object_get(node.outbox[0].json, "below")));
    answer(1, node.outbox[0].id, "1");
    pass_ms(900); /* node 3 is silent, node 2 has no daemon */
    assert_true(ok());
    assert_int_equal(figure("requests"), 5000);
    assert_int_equal(number("answered"), 2);
    assert_string_equal(json_string_value(json_object_get(node.reply, "silent")), "3");
    assert_string_equal(json_string_value(json_object_get(node.reply, "dead")), "2");
    assert_int_equal(number("silent_count"), 1);
    assert_int_equal(number("dead_count"), 1);
    sample = json_object_get(node.reply, "sample");
    assert_string_equal(listed(sample, "nodes", 0), "1 10 20 5000 0 0");
    assert_string_equal(listed(sample, "tree", 0), "0 0 0 0 5000 0 2");
    assert_string_equal(listed(sample, "tree", 1), "1 0 1 20 5000 0 1");
}

static void test_sampled_is_shared(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    request_as(&asker, 7, ASK);
    request_as(&other_asker, 8, ASK);
    assert_int_equal(node.sent_count, 1); /* the second one waits for the first one's */
    cu_commands_gone(node.commands, &asker);
    answer(1, node.outbox[0].id, "1-2");
    assert_true(ok());
    assert_ptr_equal(node.reply_owner, &other_asker); /* though the first one has left */
    assert_int_equal(number("answered"), 3);
    pass_ms(800);
    request_as(&asker, 9, ASK);
    assert_int_equal(node.sent_count, 1);
    assert_int_equal(node.reply_id, 9);
    assert_int_equal(figure("requests"), 5000); /* the same again */
    pass_ms(101);
    request_as(&asker, 10, ASK);
    assert_int_equal(node.sent_count, 2);
    assert_null(node.reply);
    answer(1, node.outbox[1].id, "1-2");
    assert_int_equal(node.reply_id, 10);
}

/* Who waits for another one's answer waits no longer than a second more than that one may take. */
static void test_sampled_waits_not_for_ever(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    request_as(&asker, 7, "{\"op\":\"top\",\"all\":true,\"timeout_ms\":60000}");
    request_as(&other_asker, 8, ASK);
    pass_ms(1900);
    assert_string_equal(error_text(), "the nodes did not answer in time");
    assert_ptr_equal(node.reply_owner, &other_asker);
}

static void test_sampled_counts_nobody_twice(void **state)
{
    (void)state;
    start(0);
    join_child(1);
    join_child(3);
    request(ASK);
    answer(1, node.outbox[0].id, "1-2");
    answer(3, node.outbox[0].id, "2-3");
    assert_int_equal(figure("requests"), 5000);
    assert_int_equal(number("answered"), 3);
}

static void test_sampled_below(void **state)
{
    (void)state;
    start_child();
    request("{\"op\":\"top\",\"below\":true}");
    assert_true(ok());
    assert_string_equal(json_string_value(json_object_get(node.reply, "ranks")), "1");
    assert_null(json_object_get(node.reply, "dead"));
    request(ASK); /* is handed up */
    assert_int_equal(node.sent_count, 1);
    assert_true(node.outbox[0].peer.side == CU_PARENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sampled_gathers),
        TEST(test_sampled_is_shared),
        TEST(test_sampled_waits_not_for_ever),
        TEST(test_sampled_counts_nobody_twice),
        TEST(test_sampled_below),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
