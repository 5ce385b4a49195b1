/* SPDX-License-Identifier: BSD-3-Clause */
/* What is learned from lookups, and what is not. */
#include "ahead/habit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

enum { SITE = 1, PACKAGE = 2, CACHE = 3, OTHER = 4 };

/* Python imports a module of the package. */
static void import(struct cu_habit *h, const char *module)
{
    char name[512];

    snprintf(name, sizeof(name), "%s.py", module);
    cu_habit_lookup(h, PACKAGE, SITE, "package", name);
    snprintf(name, sizeof(name), "%s.cpython-311.pyc", module);
    cu_habit_lookup(h, CACHE, PACKAGE, "__pycache__", name);
}

static void learns_a_companion(void **state)
{
    struct cu_habit h = {0};
    char file[CU_HABIT_NAME_MAX + 1];
    const char *sub;

    (void)state;
    import(&h, "one");
    assert_false(cu_habit_companion(&h, "three.py", &sub, file));
    import(&h, "two");
    assert_true(cu_habit_companion(&h, "three.py", &sub, file));
    assert_string_equal(sub, "__pycache__");
    assert_string_equal(file, "three.cpython-311.pyc");
    assert_false(cu_habit_companion(&h, "three.txt", &sub, file));
    assert_false(cu_habit_companion(&h, "three", &sub, file));
    assert_false(cu_habit_companion(&h, ".py", &sub, file));
    assert_false(cu_habit_companion(&h, "", &sub, file));
}

static void same_stem_elsewhere_is_no_companion(void **state)
{
    struct cu_habit h = {0};
    char file[CU_HABIT_NAME_MAX + 1];
    const char *sub;

    (void)state;
    for (int i = 0; i < 4; i++) {
        cu_habit_lookup(&h, PACKAGE, SITE, "package", "a.py");
        cu_habit_lookup(&h, OTHER, SITE, "other", "a.pyc");
        cu_habit_lookup(&h, CACHE, PACKAGE, "__pycache__", "ab.pyc");
        cu_habit_lookup(&h, CACHE, PACKAGE, "__pycache__", "b.pyc");
    }
    assert_false(cu_habit_companion(&h, "c.py", &sub, file));
}

static void wrong_guesses_end(void **state)
{
    struct cu_habit h = {0};
    char file[CU_HABIT_NAME_MAX + 1];
    const char *sub;
    int guesses = 0;

    (void)state;
    import(&h, "one");
    import(&h, "two");
    while (guesses < 1000 && cu_habit_companion(&h, "three.py", &sub, file))
        guesses++;
    assert_int_equal(guesses, 16);
    for (int i = 0; i < 100; i++)
        import(&h, "more");
    assert_true(cu_habit_companion(&h, "three.py", &sub, file));
}

static void long_names_are_let_be(void **state)
{
    struct cu_habit h = {0};
    char file[CU_HABIT_NAME_MAX + 1], name[256];
    const char *sub;

    (void)state;
    memset(name, 'n', sizeof(name));
    for (size_t len = 1; len < 255; len++) {
        char module[300];

        snprintf(module, sizeof(module), "%.*s", (int)len, name);
        import(&h, module);
        if (len > 2)
            assert_int_equal(cu_habit_companion(&h, strcat(module, ".py"), &sub, file),
                             len <= CU_HABIT_STEM_MAX);
    }
}

static void what_is_absent_here_is_absent_there(void **state)
{
    struct cu_habit h = {0};

    (void)state;
    assert_false(cu_habit_absent(&h, "a.so", 4));
    cu_habit_found(&h, "a.so", 4, false);
    assert_true(cu_habit_absent(&h, "a.so", 4));
    assert_false(cu_habit_absent(&h, "b.so", 4));
    cu_habit_found(&h, "b.so", 4, true);
    assert_true(cu_habit_absent(&h, "a.so", 4));
    cu_habit_found(&h, "a.so", 4, true);
    assert_false(cu_habit_absent(&h, "a.so", 4));
}

/* A directory of this name is found, listed or not; was it foreseen? */
static bool dir(struct cu_habit *h, const char *name, bool listed)
{
    bool foreseen = cu_habit_lists(h, name, strlen(name));

    cu_habit_dir(h, name, strlen(name));
    if (listed)
        cu_habit_listed(h, name, strlen(name));
    return foreseen;
}

static void directories_are_listed_by_habit(void **state)
{
    struct cu_habit h = {0};
    char name[16];

    (void)state;
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        assert_false(dir(&h, name, true));
    }
    assert_true(dir(&h, "package", true));
    /* One name is never listed, and spoils nothing for the others. */
    assert_true(dir(&h, "__pycache__", false));
    for (int i = 0; i < 100; i++)
        assert_false(dir(&h, "__pycache__", false));
    assert_true(dir(&h, "another", true));
    /* A name that is known stands for itself. */
    assert_true(dir(&h, "another", true));
}

static void directories_that_are_not_listed_are_let_be(void **state)
{
    struct cu_habit h = {0};
    char name[16];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        assert_false(dir(&h, name, i % 2 == 0));
    }
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "e%d", i);
        (void)dir(&h, name, true);
    }
    assert_true(dir(&h, "new", true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_a_companion),
        cmocka_unit_test(same_stem_elsewhere_is_no_companion),
        cmocka_unit_test(wrong_guesses_end),
        cmocka_unit_test(long_names_are_let_be),
        cmocka_unit_test(what_is_absent_here_is_absent_there),
        cmocka_unit_test(directories_are_listed_by_habit),
        cmocka_unit_test(directories_that_are_not_listed_are_let_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
