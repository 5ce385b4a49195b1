/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of copperd. */
#include "copperd/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int parse(struct cu_options *options, struct cu_error *err, const char *a, const char *b,
                 const char *c)
{
    const char *const words[] = {"copperd", a, b, c};
    static char kept[4][64]; /* options point into it */
    char *argv[5] = {NULL};
    int argc = 0;

    while (argc < 4 && words[argc] != NULL) {
        strcpy(kept[argc], words[argc]);
        argv[argc] = kept[argc];
        argc++;
    }
    return cu_options_parse(argc, argv, options, err);
}

static void test_defaults(void **state)
{
    struct cu_options options;
    struct cu_error err;

    (void)state;
    assert_int_equal(parse(&options, &err, NULL, NULL, NULL), 0);
    assert_false(options.foreground || options.help || options.version);
    assert_null(options.node);
    assert_null(options.job_path);
}

static void test_values(void **state)
{
    struct cu_options options;
    struct cu_error err;

    (void)state;
    assert_int_equal(parse(&options, &err, "--foreground", "--node=node3", NULL), 0);
    assert_true(options.foreground);
    assert_string_equal(options.node, "node3");
    assert_int_equal(parse(&options, &err, "--job", "/x/y", "--foreground"), 0);
    assert_string_equal(options.job_path, "/x/y");
    assert_true(options.foreground);
    assert_int_equal(parse(&options, &err, "--version", "--bad", NULL), 0);
    assert_true(options.version);
}

static void test_wrong(void **state)
{
    static const struct {
        const char *a, *b, *text;
    } cases[] = {
        {"--frob", NULL, "\"--frob\" is not an option; copperd --help lists them"},
        {"job", NULL, "\"job\" is not an option; copperd --help lists them"},
        {"--nodes", "x", "\"--nodes\" is not an option; copperd --help lists them"},
        {"--node", NULL, "--node needs a value"},
        {"--node", "", "--node needs a value"},
        {"--job=", NULL, "--job needs a value"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cu_options options;
        struct cu_error err = {""};

        assert_int_equal(parse(&options, &err, cases[i].a, cases[i].b, NULL), -EINVAL);
        assert_string_equal(err.text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
