/* SPDX-License-Identifier: BSD-3-Clause */
/* Which network data takes, on nodes with interfaces and names of all kinds. */
#include "host/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define NAMES_MAX 16

/* The site: what its name service knows, and what was asked. */
static struct {
    const char *name, *address;
} names[NAMES_MAX];
static size_t name_count;
static char asked[512];
static struct cu_interface interfaces[8];
static size_t interface_count;

static union cu_address address_of(const char *text)
{
    union cu_address address;

    memset(&address, 0, sizeof(address));
    address.any.sa_family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(address.any.sa_family, text, cu_address_bytes(&address)), 1);
    return address;
}

static int look_up(const char *name, uint16_t port, struct cu_addresses *found)
{
    (void)port;
    found->count = 0;
    snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%s ", name);
    for (size_t i = 0; i < name_count; i++) {
        union cu_address address;

        if (strcmp(names[i].name, name) != 0)
            continue;
        address = address_of(names[i].address);
        cu_addresses_add(found, &address);
    }
    return found->count > 0 ? 0 : EAI_NONAME;
}

static void knows(const char *name, const char *address)
{
    assert_true(name_count < NAMES_MAX);
    names[name_count].name = name;
    names[name_count++].address = address;
}

static struct cu_interface *has(const char *name, const char *address, unsigned bits,
                                unsigned mbits)
{
    struct cu_interface *one = &interfaces[interface_count++];

    memset(one, 0, sizeof(*one));
    snprintf(one->name, sizeof(one->name), "%s", name);
    one->address = address_of(address);
    one->bits = bits;
    one->mbits = mbits;
    one->fabric = strncmp(name, "hsn", 3) == 0 || strncmp(name, "ib", 2) == 0;
    one->leads = true;
    return one;
}

static int setup(void **state)
{
    (void)state;
    name_count = 0;
    interface_count = 0;
    asked[0] = '\0';
    return 0;
}

static int choose(const char *interface, const char *rule, struct cu_network *network,
                  struct cu_error *err)
{
    const struct cu_network_config config = {
        .interface = interface,
        .rule = rule,
        .host = "node7",
        .peer = "node1",
        .interfaces = interfaces,
        .interface_count = interface_count,
        .look_up = look_up,
    };

    return cu_network_choose(&config, network, err);
}

static void expect(const char *interface, const char *rule, const char *wanted_interface,
                   const char *wanted_rule)
{
    struct cu_network network;

    assert_int_equal(choose(interface, rule, &network, NULL), 0);
    assert_string_equal(network.interface, wanted_interface);
    assert_string_equal(network.rule, wanted_rule);
    assert_string_equal(network.note, "");
    assert_int_equal(network.given, interface != NULL);
}

static void two_networks(void)
{
    has("eth0", "10.0.0.7", 16, 1000);
    has("hsn0", "10.1.3.4", 16, 200000);
    knows("node7", "10.0.0.7");
    knows("node1", "10.0.0.1");
}

static void the_name_leads_to_the_fastest(void **state)
{
    (void)state;
    has("eth0", "10.0.0.7", 16, 1000);
    has("hsn0", "10.1.0.7", 16, 200000);
    knows("node7", "10.1.0.7");
    expect(NULL, NULL, "hsn0", "%h");
    assert_string_equal(asked, "node7 "); /* nothing else is looked up */
    expect("hsn0", NULL, "hsn0", "%h");
}

static void by_name(void **state)
{
    (void)state;
    two_networks();
    knows("node7-hsn0", "10.1.3.4");
    expect(NULL, NULL, "hsn0", "%h-hsn0");
    expect("hsn0", NULL, "hsn0", "%h-hsn0");
    expect("eth0", NULL, "eth0", "%h");
}

static void by_the_sites_rule(void **state)
{
    (void)state;
    two_networks();
    knows("fast-node7", "10.1.3.4");
    expect(NULL, "fast-%h", "hsn0", "fast-%h");
    expect("hsn0", "fast-%h", "hsn0", "fast-%h");
    assert_string_equal(asked, "fast-node7 fast-node7 ");
    /* -n overrules it */
    expect("eth0", "fast-%h", "eth0", "%h");
}

static void by_number(void **state)
{
    (void)state;
    has("eth0", "10.0.3.7", 16, 1000);
    has("ib0", "10.1.3.7", 16, 100000);
    knows("node7", "10.0.3.7");
    expect(NULL, NULL, "ib0", "10.1.0.0/16");
    expect("ib0", NULL, "ib0", "10.1.0.0/16");
    expect(NULL, "10.1.0.0/16", "ib0", "10.1.0.0/16");
}

/* What is no fabric may have the same number by chance, as a container's bridge has. */
static void not_by_number(void **state)
{
    struct cu_network network;

    (void)state;
    has("eth0", "10.0.0.7", 24, 1000);
    has("eth1", "172.17.0.7", 24, 10000);
    knows("node7", "10.0.0.7");
    assert_int_equal(choose(NULL, NULL, &network, NULL), 0);
    assert_string_equal(network.interface, "eth0");
    assert_non_null(strstr(network.note, "eth1, 10 Gb/s is faster, but no name of this node as "
                                         "%h-eth1 leads there"));
    interfaces[1].leads = false;
    expect(NULL, NULL, "eth0", "%h");
}

static void the_fastest_goes_first(void **state)
{
    (void)state;
    has("eth0", "10.0.0.7", 24, 1000);
    has("eth1", "10.2.0.7", 24, 25000);
    has("ib0", "10.3.0.9", 24, 0);
    has("eth2", "10.4.0.7", 24, 400000);
    has("hsn1", "10.5.0.9", 24, 0);
    knows("node7", "10.0.0.7");
    knows("node7-eth1", "10.2.0.7");
    expect(NULL, NULL, "eth1", "%h-eth1");
    assert_string_equal(asked, "node7 node7-hsn1 node7-ib0 node7-eth2 node7-eth1 ");
    knows("node7-ib0", "10.3.0.9");
    expect(NULL, NULL, "ib0", "%h-ib0");
}

static void said_when_no_name_leads_to_the_fastest(void **state)
{
    struct cu_network network;
    struct cu_error err;

    (void)state;
    two_networks();
    assert_int_equal(choose(NULL, NULL, &network, NULL), 0);
    assert_string_equal(network.interface, "eth0");
    assert_non_null(strstr(network.note, "hsn0, 200 Gb/s is faster"));
    assert_int_equal(choose("hsn0", NULL, &network, &err), -ENODEV);
    assert_non_null(strstr(err.text,
                           "-n tcp:hsn0: neither node7 nor node7 as %h-hsn0 leads to this "
                           "node's address there, 10.1.3.4"));
    assert_int_equal(choose(NULL, "%h.fast", &network, NULL), 0);
    assert_string_equal(network.interface, "eth0");
    assert_string_equal(network.note,
                        "the rule %h.fast (--address) leads to no address of this node");
}

static void a_missing_interface_is_named(void **state)
{
    struct cu_network network;
    struct cu_error err;

    (void)state;
    two_networks();
    assert_int_equal(choose("hsn7", NULL, &network, &err), -ENODEV);
    assert_string_equal(err.text, "-n: this node has no network interface \"hsn7\" that is up and "
                                  "has an address; it has eth0, hsn0");
    assert_string_equal(asked, ""); /* a name service that hangs delays it not */
}

/* Debian's installer lets a host call itself 127.0.1.1. */
static void a_host_that_calls_itself_loopback(void **state)
{
    struct cu_network network;

    (void)state;
    has("eth0", "10.0.0.7", 16, 1000);
    has("ib0", "10.1.0.7", 16, 100000);
    knows("node7", "127.0.1.1");
    knows("node1", "10.1.0.1");
    expect(NULL, NULL, "ib0", "%h");
    names[1].address = "10.0.0.1";
    expect(NULL, NULL, "ib0", "10.1.0.0/16");
    /* nothing is known */
    name_count = 0;
    assert_int_equal(choose("ib0", NULL, &network, NULL), 0);
    assert_string_equal(network.rule, "%h");
    assert_true(network.given);
    assert_non_null(strstr(network.note, "not known"));
}

static void both_families(void **state)
{
    struct cu_network network;
    struct cu_addresses found = {.count = 0};
    unsigned count;

    (void)state;
    has("eth0", "10.0.0.7", 16, 1000);
    has("eth0", "fd00::7", 64, 1000);
    has("hsn0", "fd00:1::7", 64, 200000);
    knows("node7", "10.0.0.7");
    knows("node7", "fd00::7");
    knows("node7-hsn0", "fd00:1::7");
    expect("eth0", NULL, "eth0", "%h");
    expect(NULL, NULL, "hsn0", "%h-hsn0");
    /* a name with addresses on two networks: that of the data goes first, and only it */
    assert_int_equal(choose("eth0", NULL, &network, NULL), 0);
    network.given = false;
    for (unsigned i = 0; i < 2; i++) {
        bool detour = i == 1;
        union cu_address fast = address_of("fd00:1::3"), v4 = address_of("10.0.0.3"),
                         v6 = address_of("fd00::3");

        found.count = 0;
        cu_addresses_add(&found, &fast);
        cu_addresses_add(&found, &v4);
        cu_addresses_add(&found, &v6);
        assert_false(cu_network_take(&network, detour, &found, &count));
        assert_int_equal(count, 2);
        assert_int_equal(found.count, detour ? 3 : 2);
        assert_true(cu_address_equal(&found.of[0], &v4));
        assert_true(cu_address_equal(&found.of[1], &v6));
    }
}

static void addresses_by_a_network(void **state)
{
    struct cu_network network;
    struct cu_addresses found = {.count = 0};
    union cu_address from = address_of("10.0.3.9"), to = address_of("10.1.3.9"),
                     v6 = address_of("fd00::9");
    char name[CU_NETNAME_MAX];
    unsigned count;

    (void)state;
    cu_network_init(&network);
    snprintf(network.rule, sizeof(network.rule), "10.1.0.0/16");
    assert_int_equal(cu_network_name(&network, "node9", name), 0);
    assert_string_equal(name, "node9");
    cu_addresses_add(&found, &v6);
    cu_addresses_add(&found, &from);
    assert_false(cu_network_take(&network, false, &found, &count));
    assert_int_equal(count, 1);
    assert_true(cu_address_equal(&found.of[0], &to));
    /* others: after a failure, and when there is none */
    assert_true(cu_network_take(&network, true, &found, &count));
    found.count = 0;
    assert_true(cu_network_take(&network, false, &found, &count));
    network.given = true;
    assert_false(cu_network_take(&network, true, &found, &count));
}

static void candidates(const char *interface, const char *rule, const char *wanted)
{
    struct cu_addresses found;
    const struct cu_network_config config = {
        .interface = interface,
        .rule = rule,
        .host = "node1",
        .interfaces = interfaces,
        .interface_count = interface_count,
        .look_up = look_up,
    };
    char list[512] = "";

    assert_int_equal(cu_network_candidates_of(&config, 1, &found), 0);
    for (unsigned i = 0; i < found.count; i++) {
        char text[CU_ADDRESS_TEXT_MAX];

        cu_address_text(&found.of[i], text);
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s ", text);
    }
    assert_string_equal(list, wanted);
}

static void where_a_command_tries(void **state)
{
    (void)state;
    knows("node1", "10.0.0.1");
    knows("node1-hsn0", "10.1.3.1");
    /* a login node on the first network only */
    has("eth0", "10.0.0.99", 16, 1000);
    candidates(NULL, NULL, "10.0.0.1 ");
    candidates(NULL, "%h-hsn0", "10.0.0.1 10.1.3.1 ");
    candidates("hsn0", NULL, "10.0.0.1 10.1.3.1 ");
    /* on both */
    has("hsn0", "10.1.3.99", 16, 200000);
    candidates(NULL, NULL, "10.1.3.1 10.0.0.1 10.1.0.1 ");
    candidates("hsn0", NULL, "10.1.3.1 10.0.0.1 10.1.0.1 ");
    candidates("eth0", NULL, "10.0.0.1 ");
}

static void as_text(void **state)
{
    struct cu_network network;
    char text[CU_NETWORK_TEXT_MAX];

    (void)state;
    two_networks();
    knows("node7-hsn0", "10.1.3.4");
    assert_int_equal(choose(NULL, NULL, &network, NULL), 0);
    cu_network_text(&network, text, sizeof(text));
    assert_string_equal(text, "hsn0, 10.1.3.4, 200 Gb/s, hosts as %h-hsn0");
    cu_network_init(&network);
    cu_network_text(&network, text, sizeof(text));
    assert_string_equal(text, "where the names of the hosts lead");
}

static void this_host(void **state)
{
    struct cu_network_config config = {.interface = "nosuch0", .host = "localhost"};
    struct cu_network network;
    struct cu_error err;

    (void)state;
    assert_int_equal(cu_network_choose_here(&config, &network, &err), -ENODEV);
    assert_non_null(strstr(err.text, "no network interface \"nosuch0\""));
    config.interface = NULL;
    assert_int_equal(cu_network_choose_here(&config, &network, &err), 0);
    assert_string_equal(network.rule, "%h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_name_leads_to_the_fastest, setup),
        cmocka_unit_test_setup(by_name, setup),
        cmocka_unit_test_setup(by_the_sites_rule, setup),
        cmocka_unit_test_setup(by_number, setup),
        cmocka_unit_test_setup(not_by_number, setup),
        cmocka_unit_test_setup(the_fastest_goes_first, setup),
        cmocka_unit_test_setup(said_when_no_name_leads_to_the_fastest, setup),
        cmocka_unit_test_setup(a_missing_interface_is_named, setup),
        cmocka_unit_test_setup(a_host_that_calls_itself_loopback, setup),
        cmocka_unit_test_setup(both_families, setup),
        cmocka_unit_test_setup(addresses_by_a_network, setup),
        cmocka_unit_test_setup(where_a_command_tries, setup),
        cmocka_unit_test_setup(as_text, setup),
        cmocka_unit_test_setup(this_host, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
