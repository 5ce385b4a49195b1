/* SPDX-License-Identifier: BSD-3-Clause */
/* A recipe as a field of a result: there and back, and whatever else a peer may send. */
#include "control/recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void there_and_back(void **state)
{
    struct cu_recipe *recipe = cu_recipe_new(), *again;
    json_t *text;

    (void)state;
    assert_int_equal(cu_recipe_note(recipe, "/a/b", 4, CU_RECIPE_CONTENT, 900), 0);
    text = cu_recorded_json(recipe);
    assert_true(json_is_string(text));
    again = cu_recorded_read(text);
    assert_non_null(again);
    assert_int_equal(cu_recipe_count(again), 1);
    assert_int_equal(cu_recipe_get(again, 0).size, 900);
    cu_recipe_free(again);
    cu_recipe_free(recipe);
    json_decref(text);
}

static void anything_else_is_none(void **state)
{
    static const char *const texts[] = {
        "", "A", "====", "Q1VSRUNJUEU=", "\xc3\xa9", "Q1VSRUNJUEUBAAAAAAAAAAAAAAAAAAAA"};
    json_t *number = json_integer(5);

    (void)state;
    assert_null(cu_recorded_read(NULL));
    assert_null(cu_recorded_read(number));
    json_decref(number);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        json_t *text = json_string(texts[i]);

        assert_null(cu_recorded_read(text));
        json_decref(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(anything_else_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
