/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of a mountinfo file and the options in them. */
#include "host/mountinfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

static void each_line_is_a_mount(void **state)
{
    char text[] =
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "no line that the kernel writes\n"
        "30 22 0:50 /sub /a\\040b\\011\\134 ro master:2 propagate_from:3 - fuse.x h:\\040y "
        "ro,user_id=1000\n"
        "31 22 0:51 / /c ro - tmpfs  rw\n"
        "x 22 0:51 / /d ro - tmpfs tmpfs rw\n"
        "32 22 0 / /e ro - tmpfs tmpfs rw\n"
        "33 22 0:52 / /f ro - tmpfs";
    char *at = text;
    struct cu_mountinfo m;

    (void)state;
    assert_true(cu_mountinfo_next(&at, &m));
    assert_int_equal(m.id, 22);
    assert_int_equal(m.parent, 1);
    assert_int_equal(m.dev, makedev(8, 1));
    assert_string_equal(m.point, "/");
    assert_string_equal(m.source, "/dev/sda1");
    assert_true(cu_mountinfo_next(&at, &m));
    assert_string_equal(m.root, "/sub");
    assert_string_equal(m.point, "/a b\t\\");
    assert_string_equal(m.type, "fuse.x");
    assert_string_equal(m.source, "h: y");
    assert_string_equal(m.options, "ro,user_id=1000");
    assert_true(cu_mountinfo_next(&at, &m));
    assert_string_equal(m.point, "/c");
    assert_string_equal(m.source, "");
    assert_string_equal(m.options, "rw");
    assert_true(cu_mountinfo_next(&at, &m));
    assert_string_equal(m.point, "/f");
    assert_string_equal(m.options, "");
    assert_false(cu_mountinfo_next(&at, &m));
    assert_false(cu_mountinfo_next(&at, &m));
}

static void value_is(const char *options, const char *name, const char *expected)
{
    size_t len = 0;
    const char *value = cu_mountinfo_value(options, name, &len);

    if (expected == NULL) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(value, expected, len);
}

static void an_option_is_found_by_its_whole_name(void **state)
{
    (void)state;
    value_is("rw,user_id=10,group_id=1", "user_id", "10");
    value_is("rw,xuser_id=9,user_id=10", "user_id", "10");
    value_is("user_id,user_id=10", "user_id", "10");
    value_is("lowerdir+=/a,lowerdir+=/b", "lowerdir+", "/a");
    value_is("lowerdir+=/a", "lowerdir", NULL);
    value_is("user_id=", "user_id", "");
    value_is("user_id", "user_id", NULL);
    value_is("", "user_id", NULL);
    assert_true(cu_mountinfo_has("rw,serverino", "serverino"));
    assert_false(cu_mountinfo_has("rw,noserverino", "serverino"));
    assert_false(cu_mountinfo_has("serverino=1", "serverino"));
    assert_false(cu_mountinfo_has("", "serverino"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_a_mount),
        cmocka_unit_test(an_option_is_found_by_its_whole_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
