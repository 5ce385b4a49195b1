/* SPDX-License-Identifier: BSD-3-Clause */
/* Content prediction: learns per suffix, unlearns, and stays out of what it does not know. */
#include "ahead/predict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void look(struct cu_predict *p, const char *name, int lookups, int reads)
{
    for (int i = 0; i < lookups; i++) {
        cu_predict_lookup(p, name, strlen(name));
        if (i < reads)
            cu_predict_read(p, name, strlen(name));
    }
}

static bool guess(const struct cu_predict *p, const char *name)
{
    return cu_predict_content(p, name, strlen(name));
}

static void nothing_is_guessed_from_little(void **state)
{
    struct cu_predict p = {0};

    (void)state;
    assert_false(guess(&p, "a.pyc"));
    look(&p, "a.pyc", 3, 3);
    assert_false(guess(&p, "a.pyc"));
    look(&p, "b.pyc", 1, 1);
    assert_true(guess(&p, "c.pyc"));
}

static void a_lesson_is_taken_back(void **state)
{
    struct cu_predict p = {0};

    (void)state;
    look(&p, "a.rec", 8, 8);
    assert_true(guess(&p, "b.rec"));
    for (int i = 0; i < 10; i++)
        cu_predict_unread(&p, "a.rec", 5);
    assert_false(guess(&p, "b.rec"));
    look(&p, "a.rec", 24, 24);
    assert_true(guess(&p, "b.rec"));
}

static void suffixes_are_told_apart(void **state)
{
    struct cu_predict p = {0};

    (void)state;
    look(&p, "mod.cpython-311.pyc", 20, 20);
    look(&p, "mod.py", 20, 0);
    look(&p, "README", 20, 20);
    assert_true(guess(&p, "other.pyc"));
    assert_false(guess(&p, "other.py"));
    assert_true(guess(&p, "LICENSE"));
    assert_true(guess(&p, ".profile")); /* a leading dot is no suffix */
    assert_false(guess(&p, "x.so"));
}

static void versions_of_a_library_are_one_kind(void **state)
{
    struct cu_predict p = {0};

    (void)state;
    look(&p, "liba.so.1", 1, 1);
    look(&p, "libb.so.2.0.17", 1, 1);
    look(&p, "libc.so", 1, 1);
    look(&p, "mod.cpython-311-x86_64-linux-gnu.so", 1, 1);
    assert_true(guess(&p, "libd.so.42"));
    assert_false(guess(&p, "data.2024"));
    assert_false(guess(&p, "1.2.3"));
    assert_false(guess(&p, "."));
}

static void three_quarters_are_enough(void **state)
{
    struct cu_predict p = {0};

    (void)state;
    look(&p, "a.h", 100, 75);
    assert_true(guess(&p, "b.h"));
    look(&p, "a.h", 1, 0);
    assert_false(guess(&p, "b.h"));
}

static void habits_fade(void **state)
{
    struct cu_predict p = {0};

    (void)state;
    look(&p, "a.so", 60000, 60000);
    assert_true(guess(&p, "a.so"));
    look(&p, "a.so", 400, 0);
    assert_false(guess(&p, "a.so"));
}

static void reads_never_outnumber_lookups(void **state)
{
    struct cu_predict p = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        cu_predict_read(&p, "a.x", 3);
    assert_false(guess(&p, "a.x"));
    look(&p, "a.x", 8, 0);
    assert_false(guess(&p, "a.x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_guessed_from_little),
        cmocka_unit_test(suffixes_are_told_apart),
        cmocka_unit_test(a_lesson_is_taken_back),
        cmocka_unit_test(versions_of_a_library_are_one_kind),
        cmocka_unit_test(three_quarters_are_enough),
        cmocka_unit_test(habits_fade),
        cmocka_unit_test(reads_never_outnumber_lookups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
