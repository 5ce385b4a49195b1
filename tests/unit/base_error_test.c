/* SPDX-License-Identifier: BSD-3-Clause */
/* Error lines: whole, cut, and safe to print. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void returns_code_and_text(void **state)
{
    struct cu_error err;

    (void)state;
    errno = EBUSY;
    assert_int_equal(cu_error_set(&err, -EINVAL, "-k: \"%s\" is wrong", "x"), -EINVAL);
    assert_string_equal(err.text, "-k: \"x\" is wrong");
    assert_int_equal(errno, EBUSY);
    assert_int_equal(cu_error_set(NULL, -EIO, "%d", 1), -EIO);
}

static void cuts_long_text(void **state)
{
    struct cu_error err;
    char longest[CU_ERROR_TEXT_MAX];

    (void)state;
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    (void)cu_error_set(&err, -1, "%s", longest);
    assert_string_equal(err.text, longest);
    (void)cu_error_set(&err, -1, "%sb", longest);
    assert_int_equal(strlen(err.text), CU_ERROR_TEXT_MAX - 1);
    assert_string_equal(err.text + CU_ERROR_TEXT_MAX - 5, "a...");
}

static void cuts_between_characters(void **state)
{
    struct cu_error err;
    char text[2 * CU_ERROR_TEXT_MAX] = "";

    (void)state;
    for (int i = 0; i < CU_ERROR_TEXT_MAX / 2; i++)
        strcat(text, "\xc3\xa4"); /* a umlaut */
    (void)cu_error_set(&err, -1, "%s", text);
    assert_int_equal(strlen(err.text) % 2, 1); /* whole characters and three dots */
    assert_string_equal(err.text + strlen(err.text) - 5, "\xc3\xa4...");
}

static void replaces_control_bytes(void **state)
{
    struct cu_error err;

    (void)state;
    (void)cu_error_set(&err, -1, "a\nb\x1b[2Jc\x7f \xc3\xa4");
    assert_string_equal(err.text, "a\\x0ab\\x1b[2Jc\\x7f \xc3\xa4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(returns_code_and_text),
        cmocka_unit_test(cuts_long_text),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(replaces_control_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
