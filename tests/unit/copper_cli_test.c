/* SPDX-License-Identifier: BSD-3-Clause */
/* Options and operands of the commands, in any order. */
#include "copper/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cu_command words = {
    .name = "words",
    .synopsis = "",
    .summary = "",
    .details = "",
    .options = "vOCj",
    .operands = true,
};
static const struct cu_command runs = {
    .name = "runs",
    .synopsis = "",
    .summary = "",
    .details = "",
    .options = "vOj",
    .operands = true,
    .runs = true,
};
static const struct cu_command bare = {
    .name = "bare",
    .synopsis = "",
    .summary = "",
    .details = "",
    .options = "vj",
};

#define WORDS_MAX 20

static char *argv[WORDS_MAX + 1];
static int argc;
static struct cu_cli_options options;

/* The line's words, blanks between; the operands must be what wanted has. */
static int parse(const struct cu_command *command, const char *line)
{
    static char text[200];

    snprintf(text, sizeof(text), "%s", line);
    argc = 0;
    for (char *at = strtok(text, " "); at; at = strtok(NULL, " ")) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = at;
    }
    argv[argc] = NULL;
    return cu_cli_parse(command, argc, argv, &options);
}

static void check_operands(const char *wanted)
{
    char text[200] = "";
    size_t len = 0;

    for (int i = options.first; i < argc && len < sizeof(text); i++)
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? " " : "", argv[i]);
    assert_string_equal(text, wanted);
    assert_null(argv[argc]);
}

static void test_any_order(void **state)
{
    static const char *const lines[] = {
        "words -o FILE --csv=DIR --json a b -c- d",
        "words a -o FILE b --csv DIR --json -- -c- d",
        "words a b -oFILE --json --csv DIR -- -c- d",
        "words a --js b --cs DIR -- -c- d -o FILE",
    };

    (void)state;
    assert_int_equal(parse(&words, "words a -o FILE b --csv DIR --json -- -c- d"), -1);
    check_operands("a b -c- d");
    assert_string_equal(options.output, "FILE");
    assert_string_equal(options.csv, "DIR");
    assert_true(options.json);
    assert_int_equal(parse(&words, lines[2]), -1);
    check_operands("a b -c- d");
    assert_string_equal(options.output, "FILE");
    assert_int_equal(parse(&words, lines[0]), CU_EXIT_USAGE); /* -c- is no option */
    assert_int_equal(parse(&words, lines[3]), -1);            /* behind --, all are operands */
    check_operands("a b -c- d -o FILE");
    assert_null(options.output);
    assert_int_equal(parse(&words, "words a - -v /m"), -1); /* - is a word */
    check_operands("a -");
    assert_string_equal(options.mount, "/m");
    assert_int_equal(parse(&words, "words -v /m"), -1);
    check_operands("");
    assert_int_equal(parse(&words, "words a -o"), CU_EXIT_USAGE);
}

/* What POSIX wants of others. */
static void test_the_environment_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(setenv("POSIXLY_CORRECT", "1", 1), 0);
    assert_int_equal(parse(&words, "words a -o FILE b"), -1);
    check_operands("a b");
    assert_string_equal(options.output, "FILE");
    assert_int_equal(unsetenv("POSIXLY_CORRECT"), 0);
}

static void test_a_command_keeps_its_options(void **state)
{
    (void)state;
    assert_int_equal(parse(&runs, "runs --json ls -o x --json -- y"), -1);
    check_operands("ls -o x --json -- y");
    assert_true(options.json);
    assert_null(options.output);
    assert_int_equal(parse(&runs, "runs -- -v x"), -1);
    check_operands("-v x");
}

static void test_no_operands(void **state)
{
    (void)state;
    assert_int_equal(parse(&bare, "bare more --json"), CU_EXIT_USAGE);
    assert_int_equal(parse(&bare, "bare --json -- more"), CU_EXIT_USAGE);
    assert_int_equal(parse(&bare, "bare --json --"), -1);
    check_operands("");
    assert_int_equal(parse(&bare, "bare --nothing"), CU_EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_the_environment_changes_nothing),
        cmocka_unit_test(test_a_command_keeps_its_options),
        cmocka_unit_test(test_no_operands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
