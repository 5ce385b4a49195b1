/* SPDX-License-Identifier: BSD-3-Clause */
/* Host lists of people, Slurm, PBS and machine files. */
#include "base/error.h"
#include "base/parse.h"
#include "fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parses text and joins the names with blanks. */
static const char *parsed(const char *text)
{
    static char joined[4096];
    struct cu_hosts hosts;
    struct cu_error err;
    size_t len = 0;

    if (cu_parse_hosts(text, strlen(text), &hosts, &err) != 0) {
        assert_null(hosts.names);
        assert_int_equal(hosts.count, 0);
        snprintf(joined, sizeof(joined), "! %s", err.text);
        return joined;
    }
    joined[0] = '\0';
    for (size_t i = 0; i < hosts.count; i++)
        len += (size_t)snprintf(joined + len, sizeof(joined) - len, "%s%s", i > 0 ? " " : "",
                                hosts.names[i]);
    cu_parse_hosts_free(&hosts);
    return joined;
}

static void accepts(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"\n\n  # nothing\n", ""},
        {"node10\nnode2\nnode1\n", "node1 node2 node10"},
        {"b,a c\td\r\n", "a b c d"},
        {"a\nb\na\nb\nb", "a b"},
        {"a # the first\nb#c\n#d\ne", "a b e"},
        {"node1:4\nnode2 slots=2 max_slots=4\nnode3:1 slots=1\n", "node1 node2 node3"},
        {"node1:4 binding=user:0,1,2+3\nnode2 binding=map=core,numa\n", "node1 node2"},
        {"node[1-3,7]", "node1 node2 node3 node7"},
        {"node[08-11]", "node08 node09 node10 node11"},
        {"node[098-101].site.org", "node098.site.org node099.site.org node100.site.org "
                                   "node101.site.org"},
        {"x[1-2]n[01,03]s,y", "x1n01s x1n03s x2n01s x2n03s y"},
        {"n[5],m[1-2]:8", "m1 m2 n5"},
        {"10.0.0.10 10.0.0.9", "10.0.0.9 10.0.0.10"},
        {"a_b-c.D", "a_b-c.D"},
        {"\xef\xbb\xbfnode2\r\nNODE1\r\n\r\nnode1\r\n", "node1 node2"},
        {"node1 Node2 node2 N10 n9", "n9 N10 node1 node2"},
        {"\xef\xbb\xbf", ""},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8:0:0::0010,[2001:db8::2]:16 [::1]\r\n2001:db8::10 slots=4",
         "2001:db8::2 2001:db8::10 "
         "::1"},
        {"2001:db8::[9-11]", "2001:db8::9 2001:db8::10 2001:db8::11"},
        {"fd00::1,n[1-2]:8,10.0.0.1:2", "10.0.0.1 fd00::1 n1 n2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(parsed(cases[i][0]), cases[i][1]);
}

static void refuses(void **state)
{
    static const char *const bad[] = {"-oProxyCommand=x",
                                      "a;b",
                                      "a/b",
                                      "$(x)",
                                      "a@b",
                                      ".a",
                                      "n[",
                                      "n[]",
                                      "n]",
                                      "n[1",
                                      "n[1-]",
                                      "n[-1]",
                                      "n[2-1]",
                                      "n[1,]",
                                      "n[,1]",
                                      "n[a]",
                                      "n[1 2]",
                                      "n[[1]]",
                                      "n[1--2]",
                                      "a:",
                                      "a:b",
                                      "a:1:2",
                                      "slots=2",
                                      "a =2",
                                      "n[1-1000000000]",
                                      "\xc3\xa4",
                                      "n[1-2]x;",
                                      ":4",
                                      "fe80::1",
                                      "[fe80::1]:4",
                                      "fe80::1%eth0",
                                      "2001:db8::g",
                                      "[2001:db8::1",
                                      "[2001:db8::1]4",
                                      "[2001:db8::1]:",
                                      "[::1]x",
                                      ":::1",
                                      "a\x01"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_memory_equal(parsed(bad[i]), "! host list, line 1: \"", 22);
    assert_string_equal(parsed("a\n\nb c;d e\n"),
                        "! host list, line 3: \"c;d\" is not a host name; allowed are letters, "
                        "digits, '.', '-' and '_', and IPv6 addresses");
}

static void refuses_nul_bytes(void **state)
{
    struct cu_hosts hosts;
    struct cu_error err;

    (void)state;
    assert_int_equal(cu_parse_hosts("ab\0cd", 5, &hosts, &err), -EINVAL);
    assert_memory_equal(err.text, "host list, line 1: \"ab\\x00cd\" is not a host name", 48);
    assert_int_equal(cu_parse_hosts("ab\0cd", 2, &hosts, NULL), 0);
    assert_string_equal(hosts.names[0], "ab");
    cu_parse_hosts_free(&hosts);
}

static void name_length(void **state)
{
    char name[CU_HOST_NAME_MAX + 20];

    (void)state;
    memset(name, 'n', sizeof(name));
    name[CU_HOST_NAME_MAX] = '\0';
    assert_string_equal(parsed(name), name);
    assert_true(cu_parse_is_host(name, CU_HOST_NAME_MAX));
    name[CU_HOST_NAME_MAX] = 'n';
    name[CU_HOST_NAME_MAX + 1] = '\0';
    assert_memory_equal(parsed(name), "! ", 2);
    assert_false(cu_parse_is_host(name, CU_HOST_NAME_MAX + 1));
    memcpy(name + CU_HOST_NAME_MAX - 1, "[1-9]", 6);
    assert_int_not_equal(parsed(name)[0], '!');
    memcpy(name + CU_HOST_NAME_MAX - 1, "[9-10]", 7);
    assert_memory_equal(parsed(name), "! ", 2);
    assert_false(cu_parse_is_host("", 0));
    assert_false(cu_parse_is_host("-a", 2));
}

static void bounds_the_number_of_hosts(void **state)
{
    struct cu_hosts hosts;
    struct cu_error err;

    (void)state;
    assert_int_equal(cu_parse_hosts("n[1-100000]", 11, &hosts, &err), 0);
    assert_int_equal(hosts.count, CU_HOSTS_MAX);
    assert_string_equal(hosts.names[99999], "n100000");
    cu_parse_hosts_free(&hosts);
    assert_int_equal(cu_parse_hosts("n[0-100000]", 11, &hosts, &err), -EINVAL);
    assert_string_equal(err.text,
                        "host list, line 1: \"n[0-100000]\" makes more than 100000 hosts");
    assert_int_equal(cu_parse_hosts("n[0-9][0-999999999]", 19, &hosts, &err), -EINVAL);
}

/* PBS writes a node once a slot, here in turn, which no comparison with the last name sees. */
static void repeats_do_not_count(void **state)
{
    struct cu_hosts hosts;
    size_t lines = 0, size = 0;
    char *text = malloc(300000 * 8);

    (void)state;
    assert_non_null(text);
    for (; lines < 300000; lines++)
        size += (size_t)sprintf(text + size, "n%zu\n", lines % 1000);
    assert_int_equal(cu_parse_hosts(text, size, &hosts, NULL), 0);
    assert_int_equal(hosts.count, 1000);
    assert_string_equal(hosts.names[999], "n999");
    cu_parse_hosts_free(&hosts);
    free(text);
}

static void every_allocation_may_fail(void **state)
{
    static const char text[] = "a b c n[1-200]";
    struct cu_hosts hosts;
    struct cu_error err;
    int rc;
    long n = 0;

    (void)state;
    for (;
         fail_alloc_at(n), rc = cu_parse_hosts(text, strlen(text), &hosts, &err), fail_alloc_hit();
         n++) {
        assert_int_equal(rc, -ENOMEM);
        assert_null(hosts.names);
    }
    assert_int_equal(rc, 0);
    assert_true(n > 203);
    assert_int_equal(hosts.count, 203);
    cu_parse_hosts_free(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_nul_bytes),
        cmocka_unit_test(name_length),
        cmocka_unit_test(bounds_the_number_of_hosts),
        cmocka_unit_test(repeats_do_not_count),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
