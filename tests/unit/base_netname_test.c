/* SPDX-License-Identifier: BSD-3-Clause */
/* Where hosts are reached on the network that data takes. */
#include "base/netname.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static void test_rules(void **state)
{
    static const char *const good[] = {"%h",      "%h-hsn0",     "hsn-%h",   "%h.hsn.site.org",
                                       "ib_%h.x", "10.1.0.0/16", "fd00::/64"};
    static const char *const bad[] = {
        "",           "hsn0",    "%h-%h",        "%i",         "%h hsn",      "%h;x",
        "%",          "h%",      "10.1.0.0",     "10.1.0.0/0", "10.1.0.0/32", "10.1/16",
        "fd00::/128", "fd00::/", "10.1.0.0/16x", "/16"};
    char rule[CU_NETNAME_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(cu_netname_is_rule(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(cu_netname_is_rule(bad[i]));
    memset(rule, 'a', sizeof(rule));
    memcpy(rule, "%h", 2);
    rule[CU_NETNAME_MAX] = '\0';
    assert_false(cu_netname_is_rule(rule));
    assert_true(cu_netname_is_network("10.1.0.0/16"));
    assert_false(cu_netname_is_network("%h-hsn0"));
}

static void test_a_rule_makes_names(void **state)
{
    static const struct {
        const char *rule, *host, *name;
    } cases[] = {
        {"%h", "node7.site.org", "node7.site.org"},
        {"%h-hsn0", "node7", "node7-hsn0"},
        {"%h-hsn0", "node7.site.org", "node7-hsn0.site.org"},
        {"hsn-%h", "node7", "hsn-node7"},
        {"%h.hsn.org", "node7.site.org", "node7.hsn.org"},
        {"%h-hsn0", "10.1.2.3", "10.1.2.3"},
        {"%h-hsn0", "fd00::1", "fd00::1"},
        {"10.2.0.0/16", "node7.site.org", "node7.site.org"},
    };
    char name[CU_NETNAME_MAX], host[300];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cu_netname_apply(cases[i].rule, cases[i].host, name), 0);
        assert_string_equal(name, cases[i].name);
    }
    memset(host, 'a', sizeof(host));
    host[253] = '\0';
    assert_int_equal(cu_netname_apply("%h", host, name), 0);
    assert_int_equal(cu_netname_apply("%h-hsn0", host, name), -ENAMETOOLONG);
}

static void test_a_network_moves_addresses(void **state)
{
    static const struct {
        const char *rule, *from, *to;
    } cases[] = {
        {"10.1.0.0/16", "10.0.3.7", "10.1.3.7"},       {"10.99.0.0/24", "192.168.4.9", "10.99.0.9"},
        {"172.16.0.0/12", "10.1.2.3", "172.17.2.3"},   {"10.128.0.0/9", "10.3.2.1", "10.131.2.1"},
        {"fd00:1::/64", "fd00:2::7:9", "fd00:1::7:9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int family = strchr(cases[i].from, ':') != NULL ? AF_INET6 : AF_INET;
        uint8_t address[16];
        char text[INET6_ADDRSTRLEN];

        assert_int_equal(inet_pton(family, cases[i].from, address), 1);
        assert_true(cu_netname_move(cases[i].rule, family, address));
        assert_string_equal(inet_ntop(family, address, text, sizeof(text)), cases[i].to);
        assert_false(
            cu_netname_move(cases[i].rule, family == AF_INET ? AF_INET6 : AF_INET, address));
    }
}

static void test_a_network_as_text(void **state)
{
    const uint8_t v4[] = {10, 131, 2, 1}, v6[16] = {0xfd, 0, 0, 1, [15] = 9};
    char rule[CU_NETNAME_MAX];

    (void)state;
    cu_netname_network(AF_INET, v4, 24, rule);
    assert_string_equal(rule, "10.131.2.0/24");
    cu_netname_network(AF_INET, v4, 9, rule);
    assert_string_equal(rule, "10.128.0.0/9");
    cu_netname_network(AF_INET6, v6, 64, rule);
    assert_string_equal(rule, "fd00:1::/64");
    assert_true(cu_netname_is_rule(rule));
}

static void test_same_bits(void **state)
{
    const uint8_t a[] = {10, 128, 3, 1}, b[] = {10, 131, 3, 1};

    (void)state;
    assert_true(cu_netname_same_bits(a, b, 14));
    assert_false(cu_netname_same_bits(a, b, 15));
    assert_true(cu_netname_same_bits(a, b, 8));
    assert_true(cu_netname_same_bits(a, a, 32));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_a_rule_makes_names),
        cmocka_unit_test(test_a_network_moves_addresses),
        cmocka_unit_test(test_a_network_as_text),
        cmocka_unit_test(test_same_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
