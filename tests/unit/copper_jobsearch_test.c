/* SPDX-License-Identifier: BSD-3-Clause */
/* The better order of search paths, and what is said about it. */
#include "copper/jobsearch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct cu_survey_limits limits = {.nodes = 4, .trees = 1, .top = 10};

static struct cu_keyed_entry *at(struct cu_survey *s, enum cu_survey_list list, const char *key,
                                 size_t len)
{
    struct cu_keyed_entry *entry = cu_keyed_at(&s->lists[list], key, len);

    assert_non_null(entry);
    return entry;
}

static void add_dir(struct cu_survey *s, const char *path, uint64_t vain, uint64_t found,
                    uint64_t listings)
{
    uint64_t *numbers = at(s, CU_SURVEY_SEARCHED, path, strlen(path))->numbers;

    numbers[CU_SURVEY_PATH_lookups] = vain + found;
    numbers[CU_SURVEY_PATH_missing] = vain;
    numbers[CU_SURVEY_PATH_listings] = listings;
    numbers[CU_SURVEY_PATH_nodes] = 2;
}

static void add_pair(struct cu_survey *s, const char *vain, const char *found, uint64_t count)
{
    char key[100];
    size_t len = (size_t)snprintf(key, sizeof(key), "%s%c%s", vain, 0, found);
    uint64_t *numbers = at(s, CU_SURVEY_PAIRS, key, len)->numbers;

    numbers[CU_SURVEY_PATH_got] = count;
    numbers[CU_SURVEY_PATH_nodes] = 2;
}

/* original: of processes for which original paths are served. */
static void add_value_of(struct cu_survey *s, const char *text, uint64_t processes, bool original)
{
    uint64_t *numbers = at(s, CU_SURVEY_SEARCHES_SEEN, text, strlen(text))->numbers;

    numbers[CU_SURVEY_PATH_got] = processes;
    numbers[CU_SURVEY_PATH_here] = original ? 1 : 0;
}

static void add_value(struct cu_survey *s, const char *text, uint64_t processes)
{
    add_value_of(s, text, processes, true);
}

static json_int_t in(const json_t *list, size_t i, const char *name)
{
    return json_integer_value(json_object_get(json_array_get(list, i), name));
}

static void check_advice(const json_t *search, const char *wanted, uint64_t wanted_saves)
{
    char text[500];
    uint64_t saves, us;

    assert_int_equal(cu_jobsearch_advice(search, text, sizeof(text), &saves, &us), strlen(wanted));
    assert_string_equal(text, wanted);
    assert_int_equal(saves, wanted_saves);
}

/* 100 names are in the third, 10 in the first, 5 in none; the second has nothing. */
static struct cu_survey *made(void)
{
    struct cu_survey *s = cu_survey_new(&limits);

    assert_non_null(s);
    add_dir(s, "/a", 105, 10, 0);
    add_dir(s, "/b", 105, 0, 0);
    add_dir(s, "/c", 5, 100, 0);
    add_pair(s, "/a", "/c", 100);
    add_pair(s, "/b", "/c", 100);
    return s;
}

static void test_the_better_order(void **state)
{
    struct cu_survey *s = made();
    json_t *search, *value, *entries;

    (void)state;
    add_value(s, "LD_LIBRARY_PATH=/m/a:/b:c:/c", 6);
    add_value(s, "PATH=/usr/bin:/bin", 9); /* nothing was looked for there */
    search = cu_jobsearch_make(s, "/m");
    assert_int_equal(json_array_size(search), 1);
    value = json_array_get(search, 0);
    entries = json_object_get(value, "entries");
    assert_string_equal(json_string_value(json_object_get(value, "variable")), "LD_LIBRARY_PATH");
    assert_int_equal(in(search, 0, "processes"), 6);
    assert_int_equal(json_array_size(entries), 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(entries, 0), "path")),
                        "/a");
    assert_true(json_is_null(json_object_get(json_array_get(entries, 2), "path")));
    assert_int_equal(in(entries, 0, "vain"), 105);
    assert_int_equal(in(entries, 3, "found"), 100);
    /* It costs 10 in the third, and saves 100 in each of the others. */
    assert_int_equal(in(entries, 3, "better"), 1);
    assert_int_equal(in(entries, 0, "better"), 2);
    assert_true(json_is_null(json_object_get(json_array_get(entries, 1), "better")));
    assert_int_equal(in(search, 0, "vain"), 215);
    assert_int_equal(in(search, 0, "vain_better"), 215 - 190 - 5);
    check_advice(search, "put /c first in LD_LIBRARY_PATH: saves 190 lookups on 2 nodes", 190);
    json_decref(search);
    cu_survey_free(s);
}

/* An order that is right is left as it is, whatever is found at its end. */
static void test_the_right_order(void **state)
{
    struct cu_survey *s = cu_survey_new(&limits);
    json_t *search;

    (void)state;
    assert_non_null(s);
    add_dir(s, "/a", 90, 100, 0);
    add_dir(s, "/b", 0, 90, 0);
    add_pair(s, "/a", "/b", 90);
    add_value(s, "PATH=/a:/b", 1);
    search = cu_jobsearch_make(s, "/m");
    assert_true(json_is_null(json_object_get(json_array_get(search, 0), "move")));
    assert_int_equal(in(search, 0, "vain_better"), 90);
    check_advice(search, "", 0);
    json_decref(search);
    cu_survey_free(s);
}

static void test_what_only_costs(void **state)
{
    struct cu_survey *s = cu_survey_new(&limits);
    json_t *search;

    (void)state;
    assert_non_null(s);
    add_dir(s, "/a", 0, 0, 300);
    add_dir(s, "/b", 2, 9, 300);
    add_value(s, "PYTHONPATH=/m/a:/m/b:/m/absent", 1);
    search = cu_jobsearch_make(s, "/m");
    check_advice(search,
                 "leave /m/a out of PYTHONPATH, nothing was found in it: saves 300 requests on 2 "
                 "nodes",
                 300);
    json_decref(search);
    cu_survey_free(s);
}

/* Directories in no variable, in the order in which they were searched. */
static void test_without_a_variable(void **state)
{
    struct cu_survey *s = made();
    json_t *search, *entries;

    (void)state;
    add_dir(s, "/x", 4, 0, 0);
    add_dir(s, "/y", 0, 4, 0);
    add_pair(s, "/x", "/y", 4);
    add_pair(s, "/b", "/a", 1);
    at(s, CU_SURVEY_PAIRS, "nothing", 7); /* a peer's */
    search = cu_jobsearch_make(s, "/m");
    /* /x and /y are another list, in which too little was looked up in vain. */
    assert_int_equal(json_array_size(search), 1);
    entries = json_object_get(json_array_get(search, 0), "entries");
    assert_int_equal(json_array_size(entries), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(entries, 0), "entry")),
                        "/b");
    assert_string_equal(json_string_value(json_object_get(json_array_get(entries, 2), "entry")),
                        "/c");
    assert_int_equal(in(entries, 2, "better"), 1);
    json_decref(search);
    cu_survey_free(s);
}

/* What is not below the mount is read there, and not through Copper, but by a process for which
 * original paths are served. */
static void test_entries_outside_of_the_view(void **state)
{
    struct cu_survey *s = made();
    json_t *search, *entries;

    (void)state;
    add_value_of(s, "PATH=/a:/b:/c", 9, false);
    add_value_of(s, "LD_LIBRARY_PATH=/m/a:/b:/m/c", 3, false);
    search = cu_jobsearch_make(s, "/m");
    assert_int_equal(json_array_size(search), 2);
    entries = json_object_get(json_array_get(search, 0), "entries");
    assert_string_equal(json_string_value(json_object_get(json_array_get(search, 0), "variable")),
                        "LD_LIBRARY_PATH");
    assert_string_equal(json_string_value(json_object_get(json_array_get(entries, 0), "path")),
                        "/a");
    assert_true(json_is_null(json_object_get(json_array_get(entries, 1), "path")));
    assert_int_equal(in(entries, 1, "vain"), 0);
    /* /b was searched, by others: it is in a list of no variable. */
    assert_string_equal(json_string_value(json_object_get(json_array_get(search, 1), "variable")),
                        "");
    json_decref(search);
    cu_survey_free(s);
}

/* Of two changes the one that saves more time, not the one that saves more lookups. */
static void test_the_change_that_saves_most_time(void **state)
{
    struct cu_survey *s = made();
    json_t *search;

    (void)state;
    add_dir(s, "/slow", 150, 0, 0);
    at(s, CU_SURVEY_SEARCHED, "/slow", 5)->numbers[CU_SURVEY_PATH_wait_us] = 90000;
    at(s, CU_SURVEY_SEARCHED, "/a", 2)->numbers[CU_SURVEY_PATH_wait_us] = 11500; /* 100 each */
    add_value(s, "LD_LIBRARY_PATH=/m/a:/b:/c", 6);
    add_value(s, "PYTHONPATH=/slow", 6);
    search = cu_jobsearch_make(s, "/m");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_array_get(search, 0), "move"), "wait_us")),
                     10000);
    check_advice(search,
                 "leave /slow out of PYTHONPATH, nothing was found in it: saves 150 requests on 2 "
                 "nodes",
                 150);
    json_decref(search);
    cu_survey_free(s);
}

/* More entries than are told; a value without any, or without a name. */
static void test_bounds(void **state)
{
    struct cu_survey *s = cu_survey_new(&limits);
    char text[3000] = "PATH=";
    size_t len = 5;
    json_t *search;

    (void)state;
    assert_non_null(s);
    for (int i = 0; i < 200; i++) {
        char path[16];

        snprintf(path, sizeof(path), "/d%d", i);
        add_dir(s, path, 1, 1, 0);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s:", path);
    }
    add_value(s, text, 1);
    add_value(s, "PATH=", 1);
    add_value(s, "nonsense", 1);
    search = cu_jobsearch_make(s, "/m");
    assert_int_equal(json_array_size(search), 1);
    assert_int_equal(json_array_size(json_object_get(json_array_get(search, 0), "entries")), 64);
    json_decref(search);
    cu_survey_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_better_order),
        cmocka_unit_test(test_the_right_order),
        cmocka_unit_test(test_what_only_costs),
        cmocka_unit_test(test_without_a_variable),
        cmocka_unit_test(test_entries_outside_of_the_view),
        cmocka_unit_test(test_the_change_that_saves_most_time),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
