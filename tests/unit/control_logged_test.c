/* SPDX-License-Identifier: BSD-3-Clause */
/* The log of a job, page by page: own lines and those of children, and whose are not believed. */
#include "commands_node.h"

#include "control/base64.h"
#include "control/logged.h"

/* Two lines of rank 0: at 10 and 30. */
static int add_own(void *context, const struct cu_logpage_at *after, struct cu_logpage *page)
{
    int rc = 0;

    (void)context;
    for (uint32_t i = 1; i <= 2 && rc == 0; i++) {
        const struct cu_logpage_at at = {.us = 20 * i - 10, .rank = 0, .number = i};

        if (cu_logpage_compare(&at, after) > 0)
            rc = cu_logpage_add(page, &at, i == 1 ? "own 1" : "own 2", 5);
    }
    return rc;
}

/* A result that speaks for ranks, with a line at 20 of the rank. */
static void page_from(uint32_t child, uint64_t id, const char *ranks, uint32_t rank, uint64_t us)
{
    struct cu_logpage *page = cu_logpage_new();
    const struct cu_logpage_at at = {.us = us, .rank = rank, .number = 1};
    struct cu_buf *bytes;
    json_t *result;
    char *text;

    assert_non_null(page);
    assert_int_equal(cu_logpage_add(page, &at, "theirs", 6), 0);
    bytes = cu_logpage_encode(page);
    result = json_pack("{s:b, s:s, s:o}", "ok", 1, "ranks", ranks, "page", cu_base64_json(bytes));
    assert_non_null(result);
    text = json_dumps(result, 0);
    result_from(cu_peer_child(child), id, text);
    free(text);
    json_decref(result);
    cu_buf_unref(bytes);
    cu_logpage_free(page);
}

static const char *text_at(const struct cu_logpage *page, size_t i)
{
    static char text[CU_LOGPAGE_LINE_MAX + 1];
    struct cu_logpage_at at;
    size_t len;
    const char *line = cu_logpage_line(page, i, &at, &len);

    memcpy(text, line, len);
    text[len] = '\0';
    return text;
}

static void ask(const char *text)
{
    own_log = add_own;
    start(0);
    node.job.log_level = 3;
    join_child(1);
    join_child(3);
    request(text);
    assert_null(node.reply);
    assert_int_equal(node.sent_count, 2);
}

static void test_lines_of_all(void **state)
{
    struct cu_logpage *page;

    (void)state;
    ask("{\"op\":\"log\",\"all\":true,\"asked\":true}");
    assert_true(json_is_true(json_object_get(node.outbox[0].json, "below")));
    page_from(1, node.outbox[0].id, "1-2", 2, 20);
    page_from(3, node.outbox[0].id, "3", 3, 40);
    assert_true(ok());
    assert_true(json_is_true(json_object_get(node.reply, "collects")));
    assert_string_equal(json_string_value(json_object_get(node.reply, "lacking")), "");
    page = cu_logged_read(json_object_get(node.reply, "page"));
    assert_non_null(page);
    assert_int_equal(cu_logpage_count(page), 4);
    assert_int_equal(cu_logpage_left(page), 0);
    assert_string_equal(text_at(page, 0), "own 1");
    assert_string_equal(text_at(page, 1), "theirs");
    assert_string_equal(text_at(page, 2), "own 2");
    assert_string_equal(text_at(page, 3), "theirs");
    cu_logpage_free(page);
}

static void test_behind_a_place(void **state)
{
    struct cu_logpage *page;

    (void)state;
    ask("{\"op\":\"log\",\"all\":true,\"asked\":true,\"after\":"
        "\"000000000000000a0000000000000001\"}");
    assert_string_equal(json_string_value(json_object_get(node.outbox[1].json, "after")),
                        "000000000000000a0000000000000001");
    page_from(1, node.outbox[0].id, "1-2", 2, 20);
    page_from(3, node.outbox[0].id, "3", 3, 10); /* is behind it, by its rank */
    page = cu_logged_read(json_object_get(node.reply, "page"));
    assert_non_null(page);
    assert_int_equal(cu_logpage_count(page), 3);
    assert_string_equal(text_at(page, 0), "theirs");
    cu_logpage_free(page);
}

/* Of a node that it does not speak for, or of a time that was asked for before. */
static void test_who_is_not_believed_is_silent(void **state)
{
    struct cu_logpage *page;

    (void)state;
    ask("{\"op\":\"log\",\"all\":true,\"asked\":true,\"after\":"
        "\"000000000000000a0000000000000001\"}");
    page_from(1, node.outbox[0].id, "1-2", 3, 20);
    page_from(3, node.outbox[0].id, "3", 3, 9);
    assert_true(ok());
    assert_string_equal(json_string_value(json_object_get(node.reply, "lacking")), "node[1-3]");
    assert_int_equal(number("silent_count"), 3);
    page = cu_logged_read(json_object_get(node.reply, "page"));
    assert_non_null(page);
    assert_int_equal(cu_logpage_count(page), 1);
    cu_logpage_free(page);
}

static void test_what_is_no_page(void **state)
{
    (void)state;
    ask("{\"op\":\"log\",\"all\":true,\"asked\":true,\"timeout_ms\":800}");
    result_from(cu_peer_child(1), node.outbox[0].id,
                "{\"ok\":true,\"ranks\":\"1-2\",\"page\":\"AAAA\"}");
    assert_null(node.reply);
    pass_ms(800);
    assert_true(ok());
    assert_string_equal(json_string_value(json_object_get(node.reply, "lacking")), "node[1-3]");
}

static void test_who_has_none(void **state)
{
    (void)state;
    start(0);
    node.job.log_level = 6;
    request("{\"op\":\"log\",\"all\":true}");
    assert_true(ok() && json_is_false(json_object_get(node.reply, "collects")));
    request("{\"op\":\"log\",\"all\":true,\"asked\":true}");
    assert_false(ok());
    node.job.log_level = 3;
    request("{\"op\":\"log\",\"all\":true}");
    assert_true(ok() && json_is_false(json_object_get(node.reply, "collects")));
    request("{\"op\":\"log\",\"all\":true,\"after\":\"12\"}");
    assert_false(ok());
    request("{\"op\":\"log\",\"all\":true,\"after\":12}");
    assert_false(ok());
    node.job.log_collect = true;
    request_as(&other_asker, 7, "{\"op\":\"log\",\"all\":true}");
    assert_true(ok() && json_is_true(json_object_get(node.reply, "collects")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_lines_of_all, stop_node),
        cmocka_unit_test_teardown(test_behind_a_place, stop_node),
        cmocka_unit_test_teardown(test_who_is_not_believed_is_silent, stop_node),
        cmocka_unit_test_teardown(test_what_is_no_page, stop_node),
        cmocka_unit_test_teardown(test_who_has_none, stop_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
