/* SPDX-License-Identifier: BSD-3-Clause */
/* What a thread's requests tell of the directories in which it searches. */
#include "copperd/searches.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct cu_survey_limits limits = {.nodes = 4, .trees = 1, .top = 10};
static struct cu_searches *s;
static struct cu_survey *survey;

static int begin(void **state)
{
    (void)state;
    s = cu_searches_create();
    survey = cu_survey_new(&limits);
    return s && survey ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    cu_searches_destroy(s);
    cu_survey_free(survey);
    return 0;
}

static void look_up(uint32_t thread, const char *path, int error)
{
    cu_searches_asked(s, &(struct cu_front_asked){.op = CU_FRONT_ASKED_LOOKUP,
                                                  .thread = thread,
                                                  .error = error,
                                                  .path = path,
                                                  .path_len = strlen(path),
                                                  .wait_ns = 1500});
}

/* Lookups in vain in one of names that were found in the other. */
static uint64_t pair(const char *vain, const char *found)
{
    char key[200];
    size_t len = (size_t)snprintf(key, sizeof(key), "%s%c%s", vain, 0, found);
    const struct cu_keyed_entry *entry = cu_keyed_find(&survey->lists[CU_SURVEY_PAIRS], key, len);

    return entry ? entry->numbers[CU_SURVEY_PATH_got] : 0;
}

static const uint64_t *numbers(const char *dir)
{
    const struct cu_keyed_entry *entry =
        cu_keyed_find(&survey->lists[CU_SURVEY_SEARCHED], dir, strlen(dir));

    assert_non_null(entry);
    return entry->numbers;
}

static void take(void)
{
    assert_int_equal(cu_searches_survey(s, survey), 0);
}

/* As ld.so does, with the directories of variants, and the components of the paths. */
static void test_a_list_of_directories(void **state)
{
    (void)state;
    look_up(7, "/a", 0);
    look_up(7, "/a/glibc-hwcaps", ENOENT);
    look_up(7, "/a/libm.so", ENOENT);
    look_up(7, "/b", 0);
    look_up(7, "/b/glibc-hwcaps", ENOENT);
    look_up(7, "/b/libm.so", ENOENT);
    look_up(7, "/c", 0);
    look_up(7, "/c/glibc-hwcaps", ENOENT);
    look_up(7, "/c/libm.so", 0);
    look_up(7, "/a/libz.so", ENOENT);
    look_up(7, "/b/libz.so", 0);
    look_up(7, "/a/none.so", ENOENT);
    look_up(7, "/b/none.so", ENOENT);
    look_up(7, "/c/none.so", ENOENT);
    take();
    assert_int_equal(pair("/a", "/c"), 1);
    assert_int_equal(pair("/b", "/c"), 1);
    assert_int_equal(pair("/a", "/b"), 1);
    assert_int_equal(survey->lists[CU_SURVEY_PAIRS].count, 3);
    assert_int_equal(survey->lists[CU_SURVEY_PAIRS].total, 3);
    assert_int_equal(numbers("/a")[CU_SURVEY_PATH_missing], 4);
    assert_int_equal(numbers("/a")[CU_SURVEY_PATH_lookups], 4);
    assert_int_equal(numbers("/b")[CU_SURVEY_PATH_lookups], 4);
    assert_int_equal(numbers("/b")[CU_SURVEY_PATH_missing], 3);
    assert_int_equal(numbers("/b")[CU_SURVEY_PATH_wait_us], 6);
    assert_int_equal(survey->lists[CU_SURVEY_SEARCHED].total, 14);
    assert_true(cu_searches_has(s, "/b", 2));
    assert_false(cu_searches_has(s, "/d", 2));
}

/* Two that search at the same time; the third asks again for what is absent alone. */
static void test_several_processes(void **state)
{
    (void)state;
    look_up(1, "/a/x", ENOENT);
    look_up(2, "/b/x", ENOENT);
    look_up(1, "/b/x", 0);
    look_up(2, "/c/x", 0);
    look_up(3, "/a/x", ENOENT);
    take();
    assert_int_equal(pair("/a", "/b"), 2);
    assert_int_equal(pair("/b", "/c"), 1);
    assert_int_equal(pair("/a", "/c"), 0);
}

/* Python looks for __pycache__ beside each module that it finds. */
static void test_a_name_of_each_directory_is_not_searched(void **state)
{
    (void)state;
    look_up(1, "/a/one.py", 0);
    look_up(1, "/a/__pycache__", ENOENT);
    look_up(1, "/b/two.py", 0);
    look_up(1, "/b/__pycache__", 0);
    take();
    assert_int_equal(survey->lists[CU_SURVEY_PAIRS].count, 0);
}

static void test_listings(void **state)
{
    struct cu_front_asked asked = {.op = CU_FRONT_ASKED_LISTING, .path = "/a", .path_len = 2};

    (void)state;
    cu_searches_asked(s, &asked);
    asked.offset = 77; /* the rest of the same */
    cu_searches_asked(s, &asked);
    asked.offset = 0;
    asked.error = EACCES;
    cu_searches_asked(s, &asked);
    take();
    assert_int_equal(numbers("/a")[CU_SURVEY_PATH_listings], 1);
    assert_int_equal(numbers("/a")[CU_SURVEY_PATH_lookups], 0);
}

/* More than there is room for is not counted, and harms nothing. */
static void test_bounds(void **state)
{
    char path[64];

    (void)state;
    for (uint32_t i = 0; i < 3 * CU_SEARCHES_DIRS; i++) {
        snprintf(path, sizeof(path), "/d%u/x%u", i, i / 3);
        look_up(i % 200, path, i % 3 == 2 ? 0 : ENOENT);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(path, sizeof(path), "/d1/n%u", i);
        look_up(5, path, ENOENT);
        snprintf(path, sizeof(path), "/d2/n%u", i);
        look_up(5, path, 0);
    }
    take();
    cu_survey_cut(survey);
    assert_true(survey->lists[CU_SURVEY_SEARCHED].count <= cu_survey_paths(10));
    assert_int_equal(survey->lists[CU_SURVEY_SEARCHED].total, 3 * CU_SEARCHES_DIRS + 40000);
    assert_int_equal(pair("/d1", "/d2"), 20000);
}

static void test_a_copy_stays_as_it_was(void **state)
{
    struct cu_searches *copy;
    struct cu_buf *before, *after;

    (void)state;
    look_up(1, "/a/x", ENOENT);
    look_up(1, "/long/directory/x", 0);
    take();
    before = cu_survey_encode(survey);
    copy = cu_searches_copy(s);
    assert_non_null(copy);
    look_up(1, "/a/y", ENOENT);
    look_up(1, "/later/y", 0);
    cu_searches_destroy(s);
    s = copy;
    assert_true(cu_searches_has(copy, "/long/directory", 15));
    assert_false(cu_searches_has(copy, "/later", 6));
    cu_survey_free(survey);
    survey = cu_survey_new(&limits);
    take();
    after = cu_survey_encode(survey);
    assert_int_equal(pair("/a", "/long/directory"), 1);
    assert_int_equal(before->size, after->size);
    assert_memory_equal(before->data, after->data, before->size);
    cu_buf_unref(before);
    cu_buf_unref(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_list_of_directories, begin, end),
        cmocka_unit_test_setup_teardown(test_several_processes, begin, end),
        cmocka_unit_test_setup_teardown(test_a_name_of_each_directory_is_not_searched, begin, end),
        cmocka_unit_test_setup_teardown(test_listings, begin, end),
        cmocka_unit_test_setup_teardown(test_bounds, begin, end),
        cmocka_unit_test_setup_teardown(test_a_copy_stays_as_it_was, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
