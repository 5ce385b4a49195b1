/* SPDX-License-Identifier: BSD-3-Clause */
/* Host lists as short text, and back. */
#include "base/hostlist.h"
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

static void is_short_and_reads_back(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"localhost", "localhost"},
        {"node1 node2 node3 node7", "node[1-3,7]"},
        {"node1 node2.site.org node3", "node1,node2.site.org,node3"},
        {"n8 n9 n10 n11", "n[8-11]"},
        {"node08 node09 node10 node11", "node[08-11]"},
        {"n098 n099 n100 n0100", "n[098-099,0100,100]"},
        {"n0 n1 n2", "n[0-2]"},
        {"a1 a2 b1 b2 b4 login", "a[1-2],b[1-2,4],login"},
        {"x1000c0s0b0n0 x1000c0s1b0n0 x1000c0s3b0n0", "x1000c0s[0-1,3]b0n0"},
        {"n1-ib0 n2-ib0", "n[1-2]-ib0"},
        {"10.0.0.9 10.0.0.10", "10.0.0.[9-10]"},
        {"n0123456789 n0123456790", "n0123456789,n0123456790"},
        {"r1i0n0 r1i0n1 r2i0n0 r2i0n1", "r[1-2]i0n[0-1]"},
        {"r[1-12]i[0-3]n[0-7]", "r[1-12]i[0-3]n[0-7]"},
        {"r[1-2]i[0-1]n[0-7] r3i0n[0-6]", "r[1-2]i[0-1]n[0-7],r3i0n[0-6]"},
        {"x1000c[0-7]s[0-7]b[0-1]n0 x1001c[0-7]s[0-7]b[0-1]n0", "x[1000-1001]c[0-7]s[0-7]b[0-1]n0"},
        {"r1n[0-3] r2n[0-3] r4n[0-3] r5n[0-2]", "r[1-2,4]n[0-3],r5n[0-2]"},
        {"r[08-11]n[098-101]", "r[08-11]n[098-101]"},
        {"a1b1 a1b2 a2b1 a2b3", "a1b[1-2],a2b[1,3]"},
        {"n a", "n,a"},
        {"n n1", "n,n1"},
    };
    struct cu_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cu_hosts hosts, back;
        char *text, *again;

        assert_int_equal(cu_parse_hosts(cases[i][0], strlen(cases[i][0]), &hosts, &err), 0);
        text = cu_hostlist_text(&hosts, ',');
        assert_non_null(text);
        if (strcmp(cases[i][0], "n a") != 0)
            assert_string_equal(text, cases[i][1]);
        assert_int_equal(cu_parse_hosts(text, strlen(text), &back, &err), 0);
        assert_int_equal(back.count, hosts.count);
        for (size_t k = 0; k < hosts.count; k++)
            assert_string_equal(back.names[k], hosts.names[k]);
        again = cu_hostlist_text(&back, ',');
        assert_string_equal(text, again);
        free(text);
        free(again);
        cu_parse_hosts_free(&hosts);
        cu_parse_hosts_free(&back);
    }
}

/* The job's order is its ranks: it stays, whatever it is. */
static void keeps_order_and_repeats(void **state)
{
    char *names[] = {"n3", "n2", "n1", "n1", "m"};
    struct cu_hosts hosts = {.names = names, .count = 5}, back = {0};
    char *text = cu_hostlist_text(&hosts, '\n'), *word, *save = NULL;

    (void)state;
    assert_string_equal(text, "n[3,2,1,1]\nm");
    back.names = calloc(5, sizeof(*back.names));
    for (word = strtok_r(text, "\n", &save); word != NULL; word = strtok_r(NULL, "\n", &save))
        assert_int_equal(cu_hostlist_append(&back, 5, word, strlen(word)), 0);
    assert_int_equal(back.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(back.names[i], names[i]);
    assert_int_equal(cu_hostlist_append(&back, 5, "x", 1), -EINVAL);
    cu_parse_hosts_free(&back);
    free(text);
}

static void ten_thousand_names_are_a_line(void **state)
{
    static const char list[] = "frontier[00001-09408]";
    struct cu_hosts hosts;
    struct cu_error err;
    char *text;

    (void)state;
    assert_int_equal(cu_parse_hosts(list, strlen(list), &hosts, &err), 0);
    assert_int_equal(hosts.count, 9408);
    text = cu_hostlist_text(&hosts, ',');
    assert_string_equal(text, list);
    free(text);
    cu_parse_hosts_free(&hosts);
}

/* The last number is the same in each pair, so a bracket around the first one would change the
 * order. */
static void an_order_that_brackets_do_not_have_stays(void **state)
{
    char *names[] = {"r1n1", "r2n1", "r1n2", "r2n2", "r1n2"};
    struct cu_hosts hosts = {.names = names, .count = 5}, back = {0};
    char *text = cu_hostlist_text(&hosts, '\n'), *word, *save = NULL;

    (void)state;
    assert_string_equal(text, "r[1-2]n1\nr[1-2,1]n2");
    back.names = calloc(5, sizeof(*back.names));
    for (word = strtok_r(text, "\n", &save); word; word = strtok_r(NULL, "\n", &save))
        assert_int_equal(cu_hostlist_append(&back, 5, word, strlen(word)), 0);
    assert_int_equal(back.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(back.names[i], names[i]);
    cu_parse_hosts_free(&back);
    free(text);
}

static void refuses_more_than_there_is_room_for(void **state)
{
    static const char *const words[] = {"n[1-4]", "n[1-999999999]", "n[", "n[]", "-n", "", "a b"};
    struct cu_hosts hosts = {.names = calloc(3, sizeof(char *))};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_int_equal(cu_hostlist_append(&hosts, 3, words[i], strlen(words[i])), -EINVAL);
        assert_true(hosts.count <= 3);
        while (hosts.count > 0)
            free(hosts.names[--hosts.count]);
    }
    cu_parse_hosts_free(&hosts);
}

static void every_allocation_may_fail(void **state)
{
    struct cu_hosts hosts;
    struct cu_error err;
    char *text;

    (void)state;
    assert_int_equal(cu_parse_hosts("n[1-3]", 6, &hosts, &err), 0);
    fail_alloc_at(0);
    text = cu_hostlist_text(&hosts, ',');
    assert_true(fail_alloc_hit());
    assert_null(text);
    cu_parse_hosts_free(&hosts);
    hosts.names = calloc(3, sizeof(char *));
    fail_alloc_at(1);
    assert_int_equal(cu_hostlist_append(&hosts, 3, "n[1-3]", 6), -ENOMEM);
    assert_true(fail_alloc_hit());
    cu_parse_hosts_free(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_short_and_reads_back),
        cmocka_unit_test(keeps_order_and_repeats),
        cmocka_unit_test(ten_thousand_names_are_a_line),
        cmocka_unit_test(an_order_that_brackets_do_not_have_stays),
        cmocka_unit_test(refuses_more_than_there_is_room_for),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
