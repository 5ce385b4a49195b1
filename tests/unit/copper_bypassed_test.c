/* SPDX-License-Identifier: BSD-3-Clause */
/* The line about what was read past the trees. */
#include "copper/bypassed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is printed about the JSON text. */
static const char *printed(const char *text)
{
    static char out[4096];
    FILE *standard = stdout, *to = fmemopen(out, sizeof(out), "w");
    json_t *bypassed = text != NULL ? json_loads(text, 0, NULL) : NULL;

    assert_non_null(to);
    out[0] = '\0';
    stdout = to;
    cu_bypassed_print(bypassed);
    stdout = standard;
    fclose(to);
    json_decref(bypassed);
    return out;
}

static void nothing_says_nothing(void **state)
{
    (void)state;
    assert_string_equal(printed(NULL), "");
    assert_string_equal(printed("{}"), "");
    assert_string_equal(printed("{\"bytes\":0,\"largest\":5,\"files\":{}}"), "");
}

static void the_heaviest_are_named_first(void **state)
{
    (void)state;
    assert_string_equal(
        printed(
            "{\"bytes\":12582912,\"largest\":11534337,\"fits\":11534337,\"files\":{\"/small\":1024,"
            "\"/b\":4194304,\"/a\":5242880,\"/c\":3145728}}"),
        "copper: 12.0 MB were read by nodes themselves, past the trees, as files above -M: "
        "/a 5.0 MB, /b 4.0 MB, /c 3.0 MB, ...; -M 12MB would have avoided this\n");
}

/* The value that is named must be enough for the largest file. */
static void the_value_is_enough(void **state)
{
    static const struct {
        const char *largest, *wanted;
    } cases[] = {
        {"1", "-M 1MB "},
        {"1048576", "-M 1MB "},
        {"1048577", "-M 2MB "},
        {"10737418240", "-M 10240MB "},
        {"10737418241", "-M 11GB "},
        {"11811160064", "-M 11GB "},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "{\"bytes\":5,\"largest\":%s,\"fits\":%s}", cases[i].largest,
                 cases[i].largest);
        assert_non_null(strstr(printed(text), cases[i].wanted));
    }
}

/* A size for which there is no room, as of a sparse file, is not advised. */
static void what_has_no_room_is_not_advised(void **state)
{
    (void)state;
    assert_string_equal(
        printed(
            "{\"bytes\":1048576,\"largest\":8796093022208,\"fits\":0,\"files\":{\"/a\":1048576}}"),
        "copper: 1.0 MB were read by nodes themselves, past the trees, as files above -M: /a 1.0 "
        "MB; "
        "none of them has room in the cache (-m)\n");
    assert_string_equal(
        printed("{\"bytes\":1048576,\"largest\":8796093022208,\"fits\":20971520,\"files\":{}}"),
        "copper: 1.0 MB were read by nodes themselves, past the trees, as files above -M; -M 20MB "
        "would have avoided this for all that have room in the cache (-m)\n");
}

/* A name of another node's may hold anything: it stays one line. */
static void a_name_stays_on_its_line(void **state)
{
    const char *line = printed("{\"bytes\":5,\"largest\":5,\"files\":{\"/x\\n\\u001b[2J\":5}}");

    (void)state;
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_null(strchr(line, 0x1b));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_says_nothing),
        cmocka_unit_test(the_heaviest_are_named_first),
        cmocka_unit_test(the_value_is_enough),
        cmocka_unit_test(what_has_no_room_is_not_advised),
        cmocka_unit_test(a_name_stays_on_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
