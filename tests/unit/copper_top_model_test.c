/* SPDX-License-Identifier: BSD-3-Clause */
/* What keys do to what copper top shows, and what it takes from an answer. */
#include "copper/top_model.h"

#include "screen/screen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cu_top_model model;

static void take(const char *text)
{
    json_t *answer = json_loads(text, 0, NULL);

    assert_non_null(answer);
    assert_true(cu_top_model_take(&model, answer));
    json_decref(answer);
}

static int begin(void **state)
{
    json_t *status = json_pack("{s:[sssss], s:i, s:s}", "hosts", "node1", "node2", "node3", "gpu4",
                               "gpu\n5", "fanout", 2, "job", "0123456789abcdef");

    (void)state;
    assert_int_equal(cu_top_model_init(&model, status), 0);
    json_decref(status);
    take("{\"ok\":true,\"answered\":3,\"dead\":\"3\",\"dead_count\":1,\"silent\":\"4\","
         "\"silent_count\":1,\"sample\":{\"answers\":\"10 7 5:30\",\"nodes\":["
         "\"0 5 30 3000 0 1\",\"1 8000 9000 1000 5000 7\",\"2 6 20 2000 0 0\"],"
         "\"links\":[\"1 0 100 200 300 50\",\"2 0 90 400 300 40\"],"
         "\"paths\":[\"3000 0 0 0 /lus/b\",\"2000 9000 0 0 /lus/a\"]}}");
    return 0;
}

static int end(void **state)
{
    (void)state;
    cu_top_model_free(&model);
    return 0;
}

static void type(const char *keys)
{
    for (; *keys != '\0'; keys++)
        assert_true(cu_top_model_key(&model, *keys, 10));
}

/* The ranks in the order of the view. */
static uint32_t ranks(uint32_t out[CU_SAMPLE_NODES_MAX])
{
    const struct cu_sample_row *rows[CU_SAMPLE_NODES_MAX];
    uint32_t count = cu_top_rows(&model, model.view, rows);

    for (uint32_t i = 0; i < count; i++)
        out[i] = rows[i]->rank;
    return count;
}

static void assert_ranks(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t out[CU_SAMPLE_NODES_MAX];

    assert_int_equal(ranks(out), 3);
    assert_int_equal(out[0], a);
    assert_int_equal(out[1], b);
    assert_int_equal(out[2], c);
}

static void test_model_states(void **state)
{
    (void)state;
    assert_int_equal(model.node_count, 5);
    assert_string_equal(model.job, "01234567");
    assert_string_equal(cu_top_host(&model, 4), "gpu\\x0a5"); /* nothing for a terminal */
    assert_string_equal(cu_top_host(&model, 99), "?");
    assert_int_equal(cu_top_state(&model, 0), CU_TOP_ANSWERS);
    assert_int_equal(cu_top_state(&model, 1), CU_TOP_SLOW);
    assert_int_equal(cu_top_state(&model, 3), CU_TOP_DEAD);
    assert_int_equal(cu_top_state(&model, 4), CU_TOP_SILENT);
}

static void test_model_sorts(void **state)
{
    (void)state;
    assert_string_equal(cu_top_sort_name(&model, CU_TOP_NODES), "p99");
    assert_ranks(1, 0, 2);
    type(">");
    assert_string_equal(cu_top_sort_name(&model, CU_TOP_NODES), "requests");
    assert_ranks(0, 2, 1);
    type("r");
    assert_ranks(1, 2, 0);
    type("r>>>");
    assert_string_equal(cu_top_sort_name(&model, CU_TOP_NODES), "name");
    assert_ranks(0, 1, 2);
    type(">>");
    assert_string_equal(cu_top_sort_name(&model, CU_TOP_NODES), "p99");
    type("<<");
    assert_string_equal(cu_top_sort_name(&model, CU_TOP_NODES), "name");
    type("t<>"); /* has one order */
    assert_string_equal(cu_top_sort_name(&model, CU_TOP_TREE), "p99");
    type("n");
    assert_string_equal(cu_top_sort_name(&model, CU_TOP_NODES), "name"); /* each has its own */
    assert_true(cu_top_model_key(&model, CU_SCREEN_RIGHT, 10));
    assert_string_equal(cu_top_sort_name(&model, CU_TOP_NODES), "p50");
}

static void test_model_filters(void **state)
{
    const struct cu_sample_row *rows[CU_SAMPLE_NODES_MAX];
    uint32_t out[CU_SAMPLE_NODES_MAX];

    (void)state;
    type("/node3q"); /* q is a letter here */
    assert_true(model.typing);
    assert_int_equal(ranks(out), 0);
    assert_true(cu_top_model_key(&model, CU_SCREEN_ERASE, 10));
    assert_int_equal(ranks(out), 1);
    assert_int_equal(out[0], 2);
    type("\n");
    assert_false(model.typing);
    type("l"); /* the same for the links, by either end */
    assert_int_equal(cu_top_rows(&model, CU_TOP_LINKS, rows), 1);
    type("\033"); /* no filter */
    assert_int_equal(cu_top_rows(&model, CU_TOP_LINKS, rows), 2);
    type("/node1\n");
    assert_int_equal(cu_top_rows(&model, CU_TOP_LINKS, rows), 2);
    type("p/\033/lus/a\n");
    assert_int_equal(cu_top_rows(&model, CU_TOP_PATHS, rows), 1);
    assert_string_equal(rows[0]->path, "/lus/a");
    type("/");
    for (int i = 0; i < 1000; i++)
        type("x"); /* has an end */
    assert_true(strlen(model.filter) < CU_TOP_FILTER_BYTES);
    model.filter[0] = '\0';
    type("a\xc3\xbc"); /* two bytes, one character */
    assert_true(cu_top_model_key(&model, 0xc3, 10) && cu_top_model_key(&model, 0xbc, 10));
    model.filter[0] = '\0';
    (void)(cu_top_model_key(&model, 0xc3, 10) && cu_top_model_key(&model, 0xbc, 10));
    assert_true(cu_top_model_key(&model, CU_SCREEN_ERASE, 10));
    assert_string_equal(model.filter, "");
}

static void test_model_keys(void **state)
{
    (void)state;
    type("?");
    assert_true(model.help);
    type("x");
    assert_false(model.help);
    type("\t");
    assert_int_equal(model.view, CU_TOP_LINKS);
    type(" ");
    assert_true(model.paused);
    assert_true(cu_top_model_key(&model, CU_SCREEN_PAGE_DOWN, 10));
    assert_true(cu_top_model_key(&model, CU_SCREEN_UP, 10));
    assert_int_equal(model.scroll, 9);
    assert_true(cu_top_model_key(&model, CU_SCREEN_PAGE_UP, 10));
    assert_int_equal(model.scroll, 0);
    assert_true(cu_top_model_key(&model, CU_SCREEN_END, 10));
    assert_true(cu_top_model_key(&model, CU_SCREEN_DOWN, 10));
    assert_int_equal(model.scroll, UINT32_MAX);
    for (int key = -2; key < 300; key++)
        if (key != 'q' && key != 'Q' && key != '/')
            assert_true(cu_top_model_key(&model, key, 10));
    assert_false(cu_top_model_key(&model, 'q', 10));
}

/* Whatever a daemon answers. */
static void test_model_takes_anything(void **state)
{
    static const char *const wrong[] = {"{}", "{\"ok\":true}", "{\"ok\":true,\"sample\":3}",
                                        "{\"ok\":false,\"sample\":{}}", "[]"};
    json_t *answer;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        answer = json_loads(wrong[i], 0, NULL);
        assert_false(cu_top_model_take(&model, answer));
        json_decref(answer);
    }
    assert_int_equal(model.answered, 3); /* the last sample stays */
    take("{\"ok\":true,\"dead\":\"1-99999\",\"dead_count\":12,\"silent\":7,\"sample\":{"
         "\"nodes\":[\"5 1 1 1 1 1\",\"4 1 1 1 1 1\"]}}");
    assert_int_equal(model.sample.lists[CU_SAMPLE_NODES].count, 1); /* there is no rank 5 */
    assert_int_equal(model.dead_count, 12);
    assert_int_equal(model.silent_count, 0);
}

static void test_model_of_nothing(void **state)
{
    struct cu_top_model none;
    json_t *status = json_object();

    (void)state;
    assert_int_equal(cu_top_model_init(&none, status), -EINVAL);
    json_decref(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model_states, begin, end),
        cmocka_unit_test_setup_teardown(test_model_sorts, begin, end),
        cmocka_unit_test_setup_teardown(test_model_filters, begin, end),
        cmocka_unit_test_setup_teardown(test_model_keys, begin, end),
        cmocka_unit_test_setup_teardown(test_model_takes_anything, begin, end),
        cmocka_unit_test(test_model_of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
