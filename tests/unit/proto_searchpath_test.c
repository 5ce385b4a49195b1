/* SPDX-License-Identifier: BSD-3-Clause */
/* Entries of search paths, and where they are in the view. */
#include "proto/searchpath.h"

#include "base/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_entries(void **state)
{
    const char *at = "/a::b;/c:", *none = "", *entry;
    static const char *const wanted[] = {"/a", "", "b", "/c"};
    size_t len, count = 0;

    (void)state;
    while ((entry = cu_searchpath_next(&at, &len)) && count < 4) {
        assert_int_equal(len, strlen(wanted[count]));
        assert_memory_equal(entry, wanted[count], len);
        count++;
    }
    assert_int_equal(count, 4);
    assert_null(cu_searchpath_next(&none, &len));
}

static void check_where(const char *entry, bool original, const char *wanted)
{
    char out[CU_PATH_MAX];
    size_t len = cu_searchpath_in_view(entry, strlen(entry), "/tmp/m", original, out);

    assert_int_equal(len, strlen(wanted));
    if (len > 0)
        assert_string_equal(out, wanted);
}

static void check(const char *entry, const char *wanted)
{
    check_where(entry, true, wanted);
}

static void test_in_view(void **state)
{
    char deep[CU_PATH_MAX + 2];

    (void)state;
    check("/tmp/m/lus/env/lib", "/lus/env/lib");
    check("/tmp/m//lus/./env/x/../lib/", "/lus/env/lib");
    check("/tmp/m", "/");
    check("/tmp/m/", "/");
    check("/tmp/mine", "/tmp/mine");
    check("/lus/env", "/lus/env");
    check_where("/tmp/m/lus/env", false, "/lus/env");
    check_where("/tmp/m", false, "/");
    check_where("/lus/env", false, "");
    check_where("/tmp/mine", false, "");
    check("lib", "");
    check("", "");
    memset(deep, '/', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    check(deep, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_in_view),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
