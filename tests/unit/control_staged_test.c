/* SPDX-License-Identifier: BSD-3-Clause */
/* A stage goes to all nodes below, and the figures of many nodes become one. */
#include "commands_node.h"

#include "control/staged.h"

#define ASK                                                                                        \
    "{\"op\":\"stage\",\"stage\":\"0123456789abcdef\",\"path\":\"/a/../b\",\"manifest\":true}"

static struct {
    struct cu_staged_order order;
    char path[64];
    struct cu_staged staged;
    int rc;
} hooked;

static int on_stage(void *context, const struct cu_staged_order *order, struct cu_staged *staged)
{
    (void)context;
    hooked.order = *order;
    snprintf(hooked.path, sizeof(hooked.path), "%s", order->path);
    *staged = hooked.staged;
    return hooked.rc;
}

static void start_staging(uint32_t rank)
{
    memset(&hooked, 0, sizeof(hooked));
    start(rank);
    cu_commands_destroy(node.commands);
    node.commands = cu_commands_create(&(struct cu_commands_config){
        .core = node.core,
        .job = &node.job,
        .limits = {.rank = rank, .node_count = 4, .fanout = 2, .tree_count = 1},
        .started_ns = node.now_ns,
        .hooks = {.reply = on_reply, .ask = on_ask, .stop = on_stop, .stage = on_stage}});
    assert_non_null(node.commands);
}

static json_int_t staged(const char *name)
{
    return json_integer_value(json_object_get(json_object_get(node.reply, "stage"), name));
}

static const char *staged_text(const char *name)
{
    return json_string_value(json_object_get(json_object_get(node.reply, "stage"), name));
}

static void all_nodes_are_asked_and_added_up(void **state)
{
    uint64_t id;

    (void)state;
    start_staging(0);
    join_child(1);
    join_child(3);
    hooked.staged = (struct cu_staged){
        .objects = 9, .objects_done = 9, .bytes = 50, .bytes_done = 40, .room = 7};
    request(ASK);
    assert_int_equal(node.sent_count, 2);
    assert_true(json_is_true(json_object_get(node.outbox[0].json, "below")));
    assert_true(json_is_true(json_object_get(node.outbox[0].json, "manifest")));
    assert_string_equal(json_string_value(json_object_get(node.outbox[0].json, "path")), "/b");
    assert_string_equal(hooked.path, "/b");
    assert_true(hooked.order.manifest && !hooked.order.cancel);
    id = node.outbox[0].id;
    result_from(cu_peer_child(1), id,
                "{\"ok\":true,\"ranks\":\"1-2\",\"stage\":{\"nodes\":2,\"done\":1,\"bytes\":60,"
                "\"bytes_done\":30,\"objects_done\":4,\"bytes_sum\":90,\"slowest\":\"node2\","
                "\"room\":5,\"errors\":2,\"failed\":1,\"error\":\"/b/x: no\"}}");
    assert_null(node.reply);
    result_from(cu_peer_child(3), id,
                "{\"ok\":true,\"ranks\":\"3\",\"stage\":{\"nodes\":1,\"done\":-7,\"bytes\":\"x\","
                "\"bytes_done\":35,\"error\":[1],\"slowest\":3,\"room\":9}}");
    assert_true(ok());
    assert_int_equal(staged("nodes"), 4);
    assert_int_equal(staged("done"), 1);
    assert_int_equal(staged("bytes"), 60);
    assert_int_equal(staged("bytes_done"), 30);
    assert_int_equal(staged("objects_done"), 4);
    assert_int_equal(staged("bytes_sum"), 130);
    assert_int_equal(staged("room"), 5);
    assert_int_equal(staged("errors"), 2);
    assert_string_equal(staged_text("slowest"), "node2");
    assert_string_equal(staged_text("error"), "/b/x: no");
    assert_int_equal(number("nodes"), 4);
}

static void a_node_that_cannot_take_it_says_so(void **state)
{
    (void)state;
    start_staging(0);
    hooked.rc = -EBUSY;
    request_as(&other_asker, 8, ASK);
    pass_ms(6000);
    assert_true(ok());
    assert_int_equal(staged("errors"), 1);
    assert_int_equal(staged("done"), 1);
    assert_string_equal(staged_text("error"), "too many stages wait already");
}

static void wrong_requests_are_refused(void **state)
{
    (void)state;
    start_staging(0);
    request("{\"op\":\"stage\",\"stage\":\"0123456789abcdef\"}");
    assert_string_equal(error_text(), "\"path\" lacks");
    request("{\"op\":\"stage\",\"stage\":\"0123456789abcdef\",\"path\":\"x\"}");
    assert_string_equal(error_text(), "\"path\" is not an absolute path, or too long");
    request("{\"op\":\"stage\",\"stage\":\"0123\",\"path\":\"/x\"}");
    assert_string_equal(error_text(), "\"stage\" is not the id of a stage");
    request("{\"op\":\"stage\",\"stage\":7,\"path\":\"/x\"}");
    assert_string_equal(error_text(), "\"stage\" is not the id of a stage");
    request("{\"op\":\"stage\",\"stage\":\"0123456789abcdef\",\"path\":\"/x\",\"rate\":-1}");
    assert_string_equal(error_text(), "\"rate\" is not a number of bytes a second");
    assert_null(hooked.order.id);
    stop_node(NULL);
    start(0); /* one that has no stages */
    request(ASK);
    assert_string_equal(error_text(), "this daemon does not stage");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_nodes_are_asked_and_added_up),
        TEST(a_node_that_cannot_take_it_says_so),
        TEST(wrong_requests_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
