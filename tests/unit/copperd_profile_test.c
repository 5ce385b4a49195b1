/* SPDX-License-Identifier: BSD-3-Clause */
/* What a profile says of what was asked. */
#include "copperd/profile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void ask(struct cu_profile *profile, enum cu_front_asked_op op, enum cu_core_where where,
                const char *path, int error, uint64_t bytes)
{
    cu_profile_asked(profile, &(struct cu_front_asked){
                                  .op = op,
                                  .where = where,
                                  .error = error,
                                  .path = path,
                                  .path_len = strlen(path),
                                  .bytes = bytes,
                              });
}

static void check_int(const json_t *object, const char *name, json_int_t value)
{
    const json_t *member = json_object_get(object, name);

    assert_true(json_is_integer(member));
    assert_int_equal(json_integer_value(member), value);
}

static const json_t *row(const json_t *json, const char *list, size_t i, const char *name,
                         const char *text)
{
    const json_t *object = json_array_get(json_object_get(json, list), i);

    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, name)), text);
    return object;
}

static struct cu_profile *asked(uint32_t top, bool full_paths)
{
    struct cu_profile *p = cu_profile_create(top, full_paths);

    assert_non_null(p);
    ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_STORAGE, "/e/lib/python3/big.so", 0, 0);
    ask(p, CU_FRONT_ASKED_READ, CU_WHERE_PARENT, "/e/lib/python3/big.so", 0, 1000);
    ask(p, CU_FRONT_ASKED_READ, CU_WHERE_HERE, "/e/lib/python3/big.so", 0, 24);
    ask(p, CU_FRONT_ASKED_READ, CU_WHERE_STORAGE, "/e/lib/python3/small", 0, 5);
    ask(p, CU_FRONT_ASKED_READ, CU_WHERE_STORAGE, "/e/lib/python3/small", EACCES, 0);
    ask(p, CU_FRONT_ASKED_LISTING, CU_WHERE_FLIGHT, "/e", 0, 0);
    ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_HERE, "/e/lib/python3/libm.so", ENOENT, 0);
    ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_HERE, "/e/lib/libm.so", ENOENT, 0);
    ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_PARENT, "/libm.so", ENOENT, 0);
    ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_HERE, "/e/lib/other", ENOENT, 0);
    ask(p, CU_FRONT_ASKED_OTHER, CU_WHERE_HERE, "/", ENOENT, 0);
    return p;
}

static void test_totals(void **state)
{
    struct cu_profile *p = asked(10, false);
    json_t *json = cu_profile_json(p);
    const json_t *totals = json_object_get(json, "totals");

    (void)state;
    check_int(totals, "requests", 11);
    check_int(totals, "bytes", 1029);
    check_int(totals, "lookups", 5);
    check_int(totals, "missing", 4);
    check_int(totals, "reads", 4);
    check_int(totals, "listings", 1);
    check_int(totals, "others", 1);
    check_int(totals, "here", 5);
    check_int(totals, "flight", 1);
    check_int(totals, "parent", 2);
    check_int(totals, "storage", 3);
    json_decref(json);
    cu_profile_destroy(p);
}

static void test_lists(void **state)
{
    struct cu_profile *p = asked(2, false);
    json_t *json = cu_profile_json(p);
    const json_t *object;

    (void)state;
    object = row(json, "top_requests", 0, "path", ".../lib/python3/big.so");
    check_int(object, "requests", 3);
    check_int(object, "lookups", 1);
    check_int(object, "reads", 2);
    check_int(object, "storage", 1);
    check_int(object, "parent", 1);
    check_int(object, "here", 1);
    assert_null(json_object_get(object, "over"));
    object = row(json, "top_bytes", 0, "path", ".../lib/python3/big.so");
    check_int(object, "bytes", 1024);
    object = row(json, "top_bytes", 1, "path", ".../lib/python3/small");
    check_int(object, "bytes", 5);
    object = row(json, "missing_names", 0, "name", "libm.so");
    check_int(object, "requests", 3);
    row(json, "missing_names", 1, "name", "other");
    object = row(json, "missing_directories", 0, "path", "/e/lib");
    check_int(object, "requests", 2);
    row(json, "missing_directories", 1, "path", "/");
    assert_int_equal(json_array_size(json_object_get(json, "missing_directories")), 2);
    json_decref(json);
    cu_profile_destroy(p);
}

static void test_full_paths(void **state)
{
    struct cu_profile *p = asked(1, true);
    json_t *json = cu_profile_json(p);

    (void)state;
    row(json, "top_requests", 0, "path", "/e/lib/python3/big.so");
    json_decref(json);
    cu_profile_destroy(p);
}

static void test_odd_names(void **state)
{
    struct cu_profile *p = cu_profile_create(1, true);
    json_t *json;

    (void)state;
    assert_non_null(p);
    ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_HERE, "/a/\xff\n", ENOENT, 0);
    json = cu_profile_json(p);
    row(json, "top_requests", 0, "path", "/a/\\xff\\x0a");
    row(json, "missing_names", 0, "name", "\\xff\\x0a");
    json_decref(json);
    cu_profile_destroy(p);
}

static void test_no_top(void **state)
{
    struct cu_profile *p = asked(0, false);
    json_t *json = cu_profile_json(p);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(json, "top_requests")), 0);
    check_int(json_object_get(json, "totals"), "requests", 11);
    json_decref(json);
    cu_profile_destroy(p);
}

/* However many paths there are, so many are kept; the one that is asked for all the time is. */
static void test_many_paths(void **state)
{
    struct cu_profile *p = cu_profile_create(10000, true);
    char path[64];
    json_t *json;

    (void)state;
    assert_non_null(p);
    for (int i = 0; i < 50000; i++) {
        snprintf(path, sizeof(path), "/p/%d", i);
        ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_HERE, path, ENOENT, 0);
        ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_HERE, "/p/always", 0, 0);
    }
    json = cu_profile_json(p);
    assert_int_equal(json_array_size(json_object_get(json, "top_requests")), 10000);
    check_int(row(json, "top_requests", 0, "path", "/p/always"), "requests", 50000);
    check_int(row(json, "missing_directories", 0, "path", "/p"), "requests", 50000);
    json_decref(json);
    cu_profile_destroy(p);
}

static void check_same_survey(const struct cu_profile *profile, const struct cu_survey *expected)
{
    struct cu_survey *survey = cu_survey_new(&expected->limits);
    struct cu_buf *is, *should;

    assert_non_null(survey);
    assert_int_equal(cu_profile_survey(profile, survey), 0);
    is = cu_survey_encode(survey);
    should = cu_survey_encode(expected);
    assert_int_equal(is->size, should->size);
    assert_memory_equal(is->data, should->data, is->size);
    cu_buf_unref(is);
    cu_buf_unref(should);
    cu_survey_free(survey);
}

static void test_a_copy_stays_as_it_was(void **state)
{
    const struct cu_survey_limits limits = {.nodes = 1, .trees = 1, .top = 10};
    struct cu_profile *p = asked(10, true), *copy = cu_profile_copy(p);
    struct cu_survey *survey = cu_survey_new(&limits);
    json_t *before = cu_profile_json(p), *after;

    (void)state;
    assert_non_null(copy);
    assert_non_null(survey);
    assert_int_equal(cu_profile_survey(p, survey), 0);
    ask(p, CU_FRONT_ASKED_READ, CU_WHERE_HERE, "/e/lib/python3/big.so", 0, 24);
    ask(p, CU_FRONT_ASKED_LOOKUP, CU_WHERE_HERE, "/later", ENOENT, 0);
    cu_profile_destroy(p);
    after = cu_profile_json(copy);
    assert_true(json_equal(before, after));
    check_same_survey(copy, survey);
    json_decref(before);
    json_decref(after);
    cu_survey_free(survey);
    cu_profile_destroy(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_full_paths),
        cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_no_top),
        cmocka_unit_test(test_many_paths),
        cmocka_unit_test(test_a_copy_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
