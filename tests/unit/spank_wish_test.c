/* SPDX-License-Identifier: BSD-3-Clause */
/* What the words of plugstack.conf and of --copper become. */
#include "spank/wish.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cu_error err;

static void test_words(void **state)
{
    static const struct {
        const char *text;
        bool on, required;
        size_t count;
        const char *first;
    } cases[] = {
        {"", true, false, 0, NULL},
        {" \t\n ", true, false, 0, NULL},
        {"on", true, false, 0, NULL},
        {"off", false, false, 0, NULL},
        {"required", true, true, 0, NULL},
        {"-T 4", true, false, 2, "-T"},
        {" required\t-M  1GB ", true, true, 2, "-M"},
        {"off -M 1GB", false, false, 2, "-M"},
        {"on --encrypt -T 4", true, false, 3, "--encrypt"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cu_wish wish = {.on = false};

        assert_int_equal(cu_wish_take(&wish, cases[i].text, &err), 0);
        assert_int_equal(wish.on, cases[i].on);
        assert_int_equal(wish.required, cases[i].required);
        assert_int_equal(wish.count, cases[i].count);
        if (cases[i].first != NULL)
            assert_string_equal(cu_wish_word(&wish, 0), cases[i].first);
    }
}

/* The user's words over those of the site. */
static void test_a_user_overrides_the_site(void **state)
{
    struct cu_wish wish = {.on = false};

    (void)state;
    assert_int_equal(cu_wish_take(&wish, "required -T 2 -v /m", &err), 0);
    assert_int_equal(cu_wish_take(&wish, "", &err), 0);
    assert_true(wish.on && wish.required && wish.count == 4);
    assert_string_equal(cu_wish_mount(&wish), "/m");
    assert_int_equal(cu_wish_take(&wish, "on", &err), 0);
    assert_true(wish.on && !wish.required && wish.count == 4);
    assert_int_equal(cu_wish_take(&wish, "-E 1", &err), 0);
    assert_true(wish.count == 2 && cu_wish_mount(&wish) == NULL);
    assert_int_equal(cu_wish_take(&wish, "off", &err), 0);
    assert_false(wish.on);
}

static void test_what_is_wrong_changes_nothing(void **state)
{
    struct cu_wish wish = {.on = false};
    char *text = calloc(1, 3 * CU_WISH_TEXT_MAX);

    (void)state;
    assert_int_equal(cu_wish_take(&wish, "-T 4", &err), 0);
    assert_int_equal(cu_wish_take(&wish, "yes", &err), -EINVAL);
    assert_string_equal(err.text, "\"yes\" is not known; allowed is on, off or required, and then "
                                  "options of launch_copper.sh");
    assert_int_equal(cu_wish_take(&wish, "on 4", &err), -EINVAL);
    assert_string_equal(err.text, "\"4\" is not an option of launch_copper.sh");
    for (size_t i = 0; i <= CU_WISH_WORDS_MAX; i++)
        memcpy(text + 3 * i, "-A ", 3);
    assert_int_equal(cu_wish_take(&wish, text, &err), -EINVAL);
    memset(text, '-', CU_WISH_TEXT_MAX);
    text[CU_WISH_TEXT_MAX] = '\0';
    assert_int_equal(cu_wish_take(&wish, text, &err), -EINVAL);
    text[CU_WISH_TEXT_MAX - 1] = '\0';
    assert_true(wish.on && wish.count == 2);
    assert_string_equal(cu_wish_word(&wish, 1), "4");
    assert_int_equal(cu_wish_take(&wish, text, &err), 0);
    free(text);
}

static void test_the_mount(void **state)
{
    static const struct {
        const char *text, *mount;
    } cases[] = {{"-v /a", "/a"},
                 {"-v/a -v /b", "/b"},
                 {"-T 2 -v /c -A", "/c"},
                 {"-v", NULL},
                 {"-T 4", NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cu_wish wish = {.on = false};

        assert_int_equal(cu_wish_take(&wish, cases[i].text, &err), 0);
        if (cases[i].mount == NULL)
            assert_null(cu_wish_mount(&wish));
        else
            assert_string_equal(cu_wish_mount(&wish), cases[i].mount);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_a_user_overrides_the_site),
        cmocka_unit_test(test_what_is_wrong_changes_nothing),
        cmocka_unit_test(test_the_mount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
