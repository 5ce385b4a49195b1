/* SPDX-License-Identifier: BSD-3-Clause */
/* What would have helped a job most. */
#include "copper/advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *parsed(const char *json)
{
    json_t *value = json_loads(json, 0, NULL);

    assert_non_null(value);
    return value;
}

static json_t *advice_of(const char *answer, const char *search)
{
    json_t *a = parsed(answer), *s = search ? parsed(search) : NULL;
    json_t *list = cu_advice_make(a, s);

    assert_true(json_is_array(list));
    json_decref(a);
    json_decref(s);
    return list;
}

static const char *text_of(const json_t *list, size_t i, const char *name)
{
    const char *text = json_string_value(json_object_get(json_array_get(list, i), name));

    return text ? text : "";
}

static void check_first(const char *answer, const char *kind, const char *text)
{
    json_t *list = advice_of(answer, NULL);

    assert_string_equal(text_of(list, 0, "kind"), kind);
    assert_non_null(strstr(text_of(list, 0, "text"), text));
    json_decref(list);
}

static void what_helps_is_told_where_there_is_enough_of_it(void **state)
{
    (void)state;
    check_first("{\"stopped\":2,\"network_note\":\"hsn0 is faster\",\"sum\":{"
                "\"hit_negative\":20000,\"hit_parent\":9000}}",
                "network", "the network: hsn0 is faster");
    check_first("{\"stopped\":2,\"sum\":{\"hit_negative\":20000,\"hit_parent\":1900}}",
                "search_path", "91% of what programs asked for does not exist");
    check_first("{\"stopped\":2,\"sum\":{\"hit_negative\":20000,\"hit_here\":20001,"
                "\"hit_parent\":3000}}",
                "recipe", "each node waited for 1,500 objects: with launch_copper.sh --learn NAME");
    check_first("{\"stopped\":2,\"learns\":true,\"sum\":{\"hit_here\":20001,\"hit_parent\":3000}}",
                "", "");
    check_first("{\"stopped\":2,\"sum\":{\"hit_negative\":9000,\"hit_parent\":1999}}", "", "");
    check_first("{\"stopped\":2,\"bypassed\":{\"bytes\":9,\"fits\":5,\"largest\":5}}",
                "max_cacheable", "9 B were read by nodes themselves");
}

static void nothing_is_said_of_nothing(void **state)
{
    static const char *const answers[] = {
        "{}", "[]",
        "{\"stopped\":4,\"sum\":[1],\"bypassed\":7,\"latency\":{\"read storage\":\"x\"}}",
        "{\"stopped\":4,\"sum\":{\"hit_here\":-7,\"storage_stat\":100},\"network_note\":\"slow\"}",
        "{\"stopped\":4,\"sum\":{\"hit_here\":99},\"network_note\":\"slow\"}"};
    json_t *list;

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        check_first(answers[i], "", "");
    list = cu_advice_make(NULL, NULL);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
}

/* 4 nodes: a quarter of the reads above -M would have been one node's in any case. */
#define PAST                                                                                       \
    "\"stopped\":4,\"bypassed\":{\"bytes\":1000,\"fits\":900,\"largest\":900},\"sum\":{"           \
    "\"bypass_bytes\":1000,\"storage_bytes\":2000}"
#define LOOKUPS                                                                                    \
    "[{\"variable\":\"PYTHONPATH\",\"entries\":[],\"move\":{\"entry\":\"/c\",\"before\":\"/a\","   \
    "\"first\":true,\"saves\":5000,\"nodes\":4,\"wait_us\":%s}}]"

static void the_first_is_what_saves_most_time(void **state)
{
    static const struct {
        const char *us, *first, *second;
    } cases[] = {{"4000000", "search_path", "max_cacheable"},
                 {"2000000", "max_cacheable", "search_path"}};
    const char *answer = "{" PAST ",\"latency\":{\"read storage\":\"0 8000000 3000000 100:80\","
                         "\"read parent\":\"0 9000000 3000000 100:80\"}}";
    char search[1000];
    json_t *list;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(search, sizeof(search), LOOKUPS, cases[i].us);
        list = advice_of(answer, search);
        assert_int_equal(json_array_size(list), 2);
        assert_string_equal(text_of(list, 0, "kind"), cases[i].first);
        assert_string_equal(text_of(list, 1, "kind"), cases[i].second);
        json_decref(list);
    }
    list = advice_of(answer, NULL);
    assert_float_equal(json_real_value(json_object_get(json_array_get(list, 0), "seconds")), 3.0,
                       1e-9);
    json_decref(list);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_helps_is_told_where_there_is_enough_of_it),
        cmocka_unit_test(nothing_is_said_of_nothing),
        cmocka_unit_test(the_first_is_what_saves_most_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
