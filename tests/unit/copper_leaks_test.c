/* SPDX-License-Identifier: BSD-3-Clause */
/* What names a path: texts, variables, arguments. */
#include "copper/leaks_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_name_is_named_as_a_whole(void **state)
{
    static const struct {
        const char *text, *path;
        size_t named;
    } cases[] = {
        {"cat /lus/data/file\n", "/lus/data/file", 14},
        {"DATA=/lus/data\ncat $DATA/file", "/lus/data/file", 9},
        {"home = /lus/base/bin\n", "/lus/base/lib/python3/os.py", 9},
        {"\"/lus/data\"", "/lus/data/x", 9},
        {"It is in /lus/data.", "/lus/data/x", 9},
        {"/lus/data", "/lus/data", 9},
        /* Another, longer name, or the mount point alone. */
        {"/lus/data2/x /lus/data-x /lus/data.d", "/lus/data/file", 0},
        {"/tmp/u/copper/lus/data/file", "/lus/data/file", 0},
        {"/lus/other", "/lus/data/file", 0},
        {"/lus", "/lus/data/file", 0},
        {"", "/lus/data/file", 0},
        {"/data2 /data", "/data/x", 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *point = strncmp(cases[i].path, "/lus", 4) == 0 ? "/lus" : "/";

        print_message("%s: %s\n", cases[i].text, cases[i].path);
        assert_int_equal(cu_leaks_named(cases[i].text, strlen(cases[i].text), cases[i].path, point),
                         cases[i].named);
    }
}

static struct cu_leaks_image *image_of(const char *words, size_t arguments, size_t size)
{
    struct cu_watch_event event = {.words = (char *)(uintptr_t)words,
                                   .arguments_size = arguments,
                                   .environment_size = size - arguments};
    struct cu_leaks_image *image = cu_leaks_image_create(NULL, &event);

    assert_non_null(image);
    return image;
}

static void the_longest_entry_of_a_variable_is_meant(void **state)
{
    static const char words[] = "A=/lus\0PATH=/usr/bin:/lus/env/bin/:/lus/env\0PWD=/lus/env/bin\0"
                                "odd\0=\0E=\0F=/\0HOME=/lus/home\0OPTIONS=-x,/lus/opt";
    struct cu_leaks_image *image = image_of(words, 0, sizeof(words));
    char name[16];

    (void)state;
    assert_true(cu_leaks_image_variable(image, "/lus/env/bin/tool", "/lus", name, sizeof(name)));
    assert_string_equal(name, "PATH");
    assert_true(cu_leaks_image_variable(image, "/lus/home/x", "/lus", name, sizeof(name)));
    assert_string_equal(name, "HOME");
    assert_true(cu_leaks_image_variable(image, "/lus/opt", "/lus", name, sizeof(name)));
    assert_string_equal(name, "OPTIONS");
    assert_true(cu_leaks_image_variable(image, "/lus/env-2", "/lus", name, sizeof(name)));
    assert_string_equal(name, "A");
    assert_false(cu_leaks_image_variable(image, "/other/x", "/other", name, sizeof(name)));
    /* Above the mount point it says nothing. */
    assert_false(cu_leaks_image_variable(image, "/lus/a/b/x", "/lus/a/b", name, sizeof(name)));
    cu_leaks_image_destroy(image);
}

static void arguments_are_whole_or_lead_there(void **state)
{
    static const char words[] = "tool\0--in=/lus/data/set\0/lus/app.py";
    struct cu_leaks_image *image = image_of(words, sizeof(words), sizeof(words));

    (void)state;
    assert_true(cu_leaks_image_argument(image, "/lus/app.py", "/lus", true));
    assert_false(cu_leaks_image_argument(image, "/lus/data/set", "/lus", true));
    assert_true(cu_leaks_image_argument(image, "/lus/data/set/1", "/lus", false));
    assert_false(cu_leaks_image_argument(image, "/lus/other", "/lus", false));
    cu_leaks_image_destroy(image);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_named_as_a_whole),
        cmocka_unit_test(the_longest_entry_of_a_variable_is_meant),
        cmocka_unit_test(arguments_are_whole_or_lead_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
