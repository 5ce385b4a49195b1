/* SPDX-License-Identifier: BSD-3-Clause */
/* The pages of copper top, for terminals of several sizes and a job of 10,624 nodes. */
#include "copper/top_page.h"
#include "copper/top_text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#define NODES 10624u

static struct cu_top_model model;
static struct cu_top_page page;

static void append(json_t *object, const char *name, const char *text)
{
    json_t *list = json_object_get(object, name);

    if (!list) {
        list = json_array();
        json_object_set_new(object, name, list);
    }
    json_array_append_new(list, json_string(text));
}

static void take(uint32_t nodes, const char *dead, uint32_t dead_count)
{
    json_t *sample = json_object(), *figures = json_object();
    json_t *answer =
        json_pack("{s:b, s:i, s:s, s:i}", "ok", 1, "answered", (int)(nodes - dead_count), "dead",
                  dead, "dead_count", (int)dead_count);
    uint32_t shown = nodes < 64 ? nodes : 64;
    struct cu_tree tree = cu_tree_make(nodes, 4, 0, 1);
    char text[256];

    json_object_set_new(sample, "window_ms", json_integer(1000));
    for (int f = 0; f < CU_SAMPLE_FIGURE_COUNT; f++)
        json_object_set_new(figures, cu_sample_figure_name((enum cu_sample_figure)f),
                            json_integer(123456789012345));
    json_object_set_new(sample, "figures", figures);
    json_object_set_new(sample, "answers", json_string("99 90 5:100 50:3"));
    for (uint32_t i = 0; i < shown; i++) {
        uint32_t rank = i * (nodes / shown);

        snprintf(text, sizeof(text), "%u %u 900000 %u 5000 12", rank, i == 3 ? 70000 : 5, i * 1000);
        append(sample, "nodes", text);
        if (i > 0 && i < 32) {
            snprintf(text, sizeof(text), "%u %u 150 2000 5000 99", rank,
                     cu_tree_parent(&tree, rank));
            append(sample, "links", text);
        }
    }
    for (uint32_t i = 0; i < 24; i++) {
        snprintf(text, sizeof(text),
                 "%u 1048576000 0 0 /lus/project/env/lib/python3.11/site-packages/torch/"
                 "f\xc3\xbc\\x1b[2J%u.py",
                 (24 - i) * 1000, i);
        append(sample, "paths", text);
    }
    append(sample, "tree", "0 0 0 900 123000 5000 1");

    for (uint32_t rank = 0, count = 0; rank < nodes && count < 20; rank++)
        if (cu_tree_parent(&tree, rank) == 0 && rank > 0) {
            snprintf(text, sizeof(text), "%u 0 1 900 123000 5000 2655", rank);
            append(sample, "tree", text);
            count++;
        }
    json_object_set_new(answer, "sample", sample);
    assert_true(cu_top_model_take(&model, answer));
    json_decref(answer);
}

static void begin(uint32_t nodes)
{
    json_t *hosts = json_array(), *status = json_object();
    char name[64];

    for (uint32_t i = 0; i < nodes; i++) {
        snprintf(name, sizeof(name), "x4%03uc%us7b0n%u", i / 32, i / 8 % 4, i % 8);
        json_array_append_new(hosts, json_string(name));
    }
    json_object_set_new(status, "hosts", hosts);
    json_object_set_new(status, "fanout", json_integer(4));
    json_object_set_new(status, "job", json_string("f9f59813"));
    assert_int_equal(cu_top_model_init(&model, status), 0);
    json_decref(status);
}

static int end(void **state)
{
    (void)state;
    cu_top_model_free(&model);
    cu_top_page_free(&page);
    page = (struct cu_top_page){0};
    setlocale(LC_CTYPE, "C");
    return 0;
}

/* A page has its height, and no line is wider than it, in cells. */
static void make(unsigned width, unsigned height)
{
    page.width = width;
    page.height = height;
    (void)cu_top_page_make(&page, &model);
    assert_false(page.lacks);
    assert_int_equal(page.count, height);
    for (unsigned i = 0; i < page.count; i++) {
        wchar_t wide[CU_TOP_WIDTH_MAX + 1];
        size_t len = mbstowcs(wide, page.lines[i].text, CU_TOP_WIDTH_MAX);

        assert_true(len != (size_t)-1);
        wide[len] = L'\0';
        assert_in_range(wcswidth(wide, len), 0, width);
    }
}

static const char *find(const char *text)
{
    for (unsigned i = 0; i < page.count; i++)
        if (strstr(page.lines[i].text, text))
            return page.lines[i].text;
    return NULL;
}

static enum cu_screen_style style_of(const char *text)
{
    for (unsigned i = 0; i < page.count; i++)
        if (strstr(page.lines[i].text, text))
            return page.lines[i].style;
    fail_msg("there is no line with %s", text);
    return CU_SCREEN_PLAIN;
}

static void test_page_of_all_sizes(void **state)
{
    static const unsigned sizes[][2] = {{80, 24}, {200, 60}, {1, 1},  {1, 60},    {200, 1},
                                        {40, 8},  {80, 9},   {20, 3}, {1000, 400}};

    (void)state;
    begin(NODES);
    make(80, 24); /* there is no sample yet */
    assert_non_null(find("the first sample"));
    take(NODES, "7,100-220", 122);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (const char *key = "nlpt?"; *key != '\0'; key++) {
            assert_true(cu_top_model_key(&model, *key, 10));
            make(sizes[i][0], sizes[i][1]);
            if (*key == '?')
                assert_true(cu_top_model_key(&model, 'x', 10));
        }
}

static void test_page_80x24(void **state)
{
    (void)state;
    begin(NODES);
    take(NODES, "7,100-220", 122);
    make(80, 24);
    assert_string_equal(page.lines[0].text, "copper top   job f9f59813      of the last 1.0 s");
    assert_non_null(find("nodes       10502 of 10624 answer   122 dead: x4000c0s7b0n7,"));
    assert_int_equal(style_of("122 dead"), CU_SCREEN_BAD);
    assert_non_null(find("[nodes]  links   paths   tree    by p99"));
    assert_non_null(find("p50/p99  answers 5 us/90 us  parents -  storage -"));
    assert_non_null(find("waiting"));
    assert_int_equal(style_of("slow  "), CU_SCREEN_WARN);
    assert_non_null(find("q quit"));
    assert_non_null(find("1-15/64"));
    for (int i = 0; i < 10; i++)
        assert_true(cu_top_model_key(&model, CU_SCREEN_PAGE_DOWN, 15));
    make(80, 24);
    assert_non_null(find("50-64/64")); /* the end, not an empty page */
    assert_true(cu_top_model_key(&model, 'p', 10));
    make(200, 60);
    assert_non_null(find("1-24/24"));
    assert_non_null(find("/lus/project/env/lib/python3.11/site-packages/torch/f"));
    make(80, 24);
    assert_non_null(find("..."));
    assert_non_null(find("\\x1b[2J0.py")); /* the end of a path is what tells it */
}

/* Dead nodes and slow ones are named below the last of their ancestors that is shown. */
static void test_page_tree(void **state)
{
    (void)state;
    begin(NODES);
    take(NODES, "7,100-220", 122);
    assert_true(cu_top_model_key(&model, 't', 10));
    make(100, 60);
    assert_non_null(find("x4000c0s7b0n0"));
    assert_non_null(find("2655"));
    assert_non_null(find("900 us"));
    assert_non_null(find("    x4000c0s7b0n7 ")); /* below rank 1, which is below the root */
    assert_int_equal(style_of("    x4000c0s7b0n7 "), CU_SCREEN_BAD);
    assert_non_null(find("    ... and 115 more"));
    assert_true(cu_top_model_key(&model, '/', 10));
    for (const char *key = "n7\n"; *key != '\0'; key++)
        assert_true(cu_top_model_key(&model, *key, 10));
    make(100, 60);
    assert_null(find("x4000c0s7b0n0  "));
    assert_non_null(find("x4000c0s7b0n7 "));
}

/* What a daemon tells of the tree may be a ring, or have no beginning. */
static void test_page_of_a_wrong_tree(void **state)
{
    json_t *answer = json_pack("{s:b, s:{s:[sssss]}, s:s, s:i}", "ok", 1, "sample", "tree",
                               "1 2 1 1 1 1 1", "2 1 2 1 1 1 1", "3 3 3 1 1 1 1", "3 3 3 1 1 1 1",
                               "9 8 63 1 1 1 1", "dead", "4-7", "dead_count", 4);

    (void)state;
    begin(10);
    assert_true(cu_top_model_take(&model, answer));
    json_decref(answer);
    assert_true(cu_top_model_key(&model, 't', 10));
    make(80, 24);
    assert_non_null(find("dead"));
}

static void test_page_locales(void **state)
{
    (void)state;
    begin(4);
    take(4, "", 0);
    assert_true(cu_top_model_key(&model, 'p', 10));
    make(120, 24);
    assert_non_null(find("f??\\x1b[2J")); /* a byte each */
    assert_null(find("\xc3"));
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        fail_msg("there is no locale C.UTF-8");
    make(120, 24);
    assert_non_null(find("f\xc3\xbc\\x1b[2J"));
}

static void test_page_texts(void **state)
{
    char text[32], name[64];

    (void)state;
    assert_string_equal(cu_top_rate(0, text), "0");
    assert_string_equal(cu_top_rate(1500, text), "1.5");
    assert_string_equal(cu_top_rate(9960, text), "10");
    assert_string_equal(cu_top_rate(12345678, text), "12346");
    assert_string_equal(cu_top_rate(123456789, text), "123k");
    assert_string_equal(cu_top_rate(UINT64_C(12345678901234), text), "12G");
    assert_true(strlen(cu_top_rate(INT64_MAX, text)) <= 10);
    assert_string_equal(cu_top_time(0, text), "-");
    assert_string_equal(cu_top_time(999, text), "999 us");
    assert_string_equal(cu_top_time(1500, text), "1.5 ms");
    assert_string_equal(cu_top_time(150000, text), "150 ms");
    assert_string_equal(cu_top_time(2500000, text), "2.5 s");
    assert_string_equal(cu_top_fit("abcdef", 4, false, name, sizeof(name)), "abcd");
    assert_string_equal(cu_top_fit("abcdefghi", 6, true, name, sizeof(name)), "...ghi");
    assert_string_equal(cu_top_fit("ab", 4, true, name, sizeof(name)), "ab  ");
    assert_string_equal(cu_top_fit("abcdef", 2, true, name, sizeof(name)), "ab");
    assert_string_equal(cu_top_fit("a\tb\033", 6, false, name, sizeof(name)), "a?b?  ");
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        fail_msg("there is no locale C.UTF-8");
    /* Two cells each: half of one is not shown. */
    assert_string_equal(cu_top_fit("\xe6\xbc\xa2\xe5\xad\x97", 3, false, name, sizeof(name)),
                        "\xe6\xbc\xa2 ");
    assert_string_equal(cu_top_fit("a\xff\xfe", 4, false, name, sizeof(name)), "a?? ");
    setlocale(LC_CTYPE, "C");
}

static void test_page_all(void **state)
{
    (void)state;
    begin(NODES);
    take(NODES, "7,100-220", 122);
    cu_top_page_all(&page, &model);
    assert_true(page.count > 64 + 31 + 24 + 5);
    assert_null(find("q quit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_page_of_all_sizes, end),
        cmocka_unit_test_teardown(test_page_80x24, end),
        cmocka_unit_test_teardown(test_page_tree, end),
        cmocka_unit_test_teardown(test_page_of_a_wrong_tree, end),
        cmocka_unit_test_teardown(test_page_locales, end),
        cmocka_unit_test(test_page_texts),
        cmocka_unit_test_teardown(test_page_all, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
