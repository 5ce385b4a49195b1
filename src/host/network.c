/* SPDX-License-Identifier: BSD-3-Clause */
/* All nodes of a site are alike: the rule that leads from this node's name to its own interface
 * leads from a peer's name to the peer's. A node for which that is not so notices it at its start.
 * network_here.c asks the kernel and the name service. */
#include "host/network.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void cu_network_init(struct cu_network *network)
{
    memset(network, 0, sizeof(*network));
    (void)snprintf(network->rule, sizeof(network->rule), "%s", CU_NETNAME_OWN);
}

static bool is_there(const void *context, const union cu_address *address)
{
    const struct cu_network *network = context;

    for (unsigned i = 0; i < network->net_count; i++)
        if (cu_address_shares(&network->nets[i].address, address, network->nets[i].bits))
            return true;
    return false;
}

/* --- which interface a rule leads to ---------------------------------------------------------- */

static bool is_named(const struct cu_interface *interface, const char *wanted)
{
    return !wanted || strcmp(interface->name, wanted) == 0;
}

/* A rule that is a network changes the addresses that were found; those of the other family go. */
static void move_all(const char *rule, struct cu_addresses *found)
{
    unsigned kept = 0;

    if (!cu_netname_is_network(rule))
        return;
    for (unsigned i = 0; i < found->count; i++) {
        union cu_address moved = found->of[i];

        if (cu_netname_move(rule, moved.any.sa_family, cu_address_bytes(&moved)))
            found->of[kept++] = moved;
    }
    found->count = kept;
}

/* The addresses that a rule makes of a host's name. */
static int follow(int (*look_up)(const char *, uint16_t, struct cu_addresses *), const char *rule,
                  const char *host, uint16_t port, struct cu_addresses *found)
{
    char name[CU_NETNAME_MAX];
    int rc;

    found->count = 0;
    if (cu_netname_apply(rule, host, name) != 0)
        return EAI_NONAME;
    rc = look_up(name, port, found);
    if (rc != 0)
        return rc;
    move_all(rule, found);
    return found->count > 0 ? 0 : EAI_NONAME;
}

/* The best interface that has one of these addresses (exact) or a network with one. NULL: none. */
static const struct cu_interface *interface_with(const struct cu_network_config *config,
                                                 const struct cu_addresses *addresses, bool exact,
                                                 const char *wanted)
{
    const struct cu_interface *best = NULL;

    for (size_t i = 0; i < config->interface_count; i++) {
        const struct cu_interface *interface = &config->interfaces[i];

        for (unsigned k = 0; k < addresses->count && is_named(interface, wanted); k++)
            if ((exact ? cu_address_equal(&interface->address, &addresses->of[k])
                       : cu_address_shares(&interface->address, &addresses->of[k],
                                           interface->bits)) &&
                (!best || cu_interface_compare(interface, best) > 0))
                best = interface;
    }
    return best;
}

static const struct cu_interface *led_to(const struct cu_network_config *config, const char *rule,
                                         const char *wanted)
{
    struct cu_addresses addresses;

    if (follow(config->look_up, rule, config->host, 0, &addresses) != 0)
        return NULL;
    return interface_with(config, &addresses, true, wanted);
}

/* Where the hosts' own names lead. */
struct own {
    const struct cu_interface *at; /* the best; NULL: to none */
    const struct cu_interface *wanted;
    bool known; /* they lead somewhere */
};

/* A host may call itself 127.0.1.1. Its peers do not: then a peer's name tells the network. */
static void find_own(const struct cu_network_config *config, struct own *own)
{
    struct cu_addresses addresses;
    bool exact = true;

    memset(own, 0, sizeof(*own));
    if (follow(config->look_up, CU_NETNAME_OWN, config->host, 0, &addresses) != 0)
        addresses.count = 0;
    own->at = interface_with(config, &addresses, true, NULL);
    if (!own->at && config->peer) {
        exact = false;
        if (follow(config->look_up, CU_NETNAME_OWN, config->peer, 0, &addresses) != 0)
            addresses.count = 0;
        own->at = interface_with(config, &addresses, false, NULL);
    }
    own->wanted = interface_with(config, &addresses, exact, config->interface);
    own->known = addresses.count > 0 && !cu_address_is_loopback(&addresses.of[0]);
}

/* Has the interface the host's address in another network? Writes that network as a rule. */
static bool same_place(const struct cu_interface *interface, const struct cu_interface *own,
                       char rule[CU_NETNAME_MAX])
{
    union cu_address moved;
    int family = interface->address.any.sa_family;

    if (!own || own->address.any.sa_family != family || !interface->fabric)
        return false;
    moved = interface->address;
    cu_netname_network(family, cu_address_bytes(&moved), interface->bits, rule);
    moved = own->address;
    return cu_netname_move(rule, family, cu_address_bytes(&moved)) &&
           cu_address_equal(&moved, &interface->address);
}

static void name_rule(const char *interface, char rule[CU_NETNAME_MAX])
{
    (void)snprintf(rule, CU_NETNAME_MAX, "%s-%s", CU_NETNAME_OWN, interface);
}

/* Finds a rule that leads to the interface: by name, and for a fabric by number. */
static const struct cu_interface *find_rule(const struct cu_network_config *config,
                                            const char *interface, const struct own *own,
                                            char rule[CU_NETNAME_MAX])
{
    const struct cu_interface *at;

    name_rule(interface, rule);
    at = led_to(config, rule, interface);
    for (size_t i = 0; i < config->interface_count && !at; i++)
        if (is_named(&config->interfaces[i], interface) &&
            same_place(&config->interfaces[i], own->at, rule))
            at = &config->interfaces[i];
    return at;
}

static void take(const struct cu_network_config *config, const struct cu_interface *at,
                 const char *rule, struct cu_network *network)
{
    (void)snprintf(network->interface, sizeof(network->interface), "%s", at->name);
    (void)snprintf(network->rule, sizeof(network->rule), "%s", rule);
    network->address = at->address;
    network->mbits = at->mbits;
    for (size_t i = 0; i < config->interface_count; i++) {
        const struct cu_interface *one = &config->interfaces[i];

        if (!is_named(one, at->name) || network->net_count == CU_NETWORK_NETS_MAX)
            continue;
        network->nets[network->net_count].address = one->address;
        network->nets[network->net_count++].bits = one->bits;
    }
}

/* --- choosing --------------------------------------------------------------------------------- */

static int no_interface(const struct cu_network_config *config, struct cu_error *err)
{
    char names[200] = "";
    size_t len = 0;

    for (size_t i = 0; i < config->interface_count && len < sizeof(names); i++)
        if (i == 0 || strcmp(config->interfaces[i].name, config->interfaces[i - 1].name) != 0)
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len > 0 ? ", " : "",
                                    config->interfaces[i].name);
    return cu_error_set(err, -ENODEV,
                        "-n: this node has no network interface \"%s\" that is up and has an "
                        "address; it has %s",
                        config->interface, names[0] != '\0' ? names : "none");
}

/* The one that -n names. */
static const struct cu_interface *find_named(const struct cu_network_config *config)
{
    for (size_t i = 0; i < config->interface_count; i++)
        if (is_named(&config->interfaces[i], config->interface))
            return &config->interfaces[i];
    return NULL;
}

static int choose_given(const struct cu_network_config *config, const struct own *own,
                        struct cu_network *network, struct cu_error *err)
{
    const char *name = config->interface;
    const struct cu_interface *any = find_named(config), *at = own->wanted;
    char rule[CU_NETNAME_MAX] = CU_NETNAME_OWN, text[CU_ADDRESS_TEXT_MAX];

    network->given = true;
    if (!config->peer) {
        take(config, any, CU_NETNAME_OWN, network);
        return 0;
    }
    if (!at)
        at = find_rule(config, name, own, rule);
    if (at) {
        take(config, at, rule, network);
        return 0;
    }
    if (!own->known) {
        take(config, any, CU_NETNAME_OWN, network);
        (void)snprintf(network->note, sizeof(network->note),
                       "no name of this node is known here, so it is not known whether the names "
                       "of the hosts lead to %s",
                       name);
        return 0;
    }
    name_rule(name, rule);
    cu_address_text(&any->address, text);
    return cu_error_set(
        err, -ENODEV,
        "-n tcp:%s: neither %.100s nor %.100s as %s leads to this node's address "
        "there, %s: set the rule for the hosts' addresses with --address (copper.conf(5))",
        name, config->host, config->host, rule, text);
}

/* The best interface that is better than `than` and, by name, was not tried before. */
static const struct cu_interface *next_best(const struct cu_network_config *config,
                                            const struct cu_interface *than,
                                            const struct cu_interface *before)
{
    const struct cu_interface *best = NULL;

    for (size_t i = 0; i < config->interface_count; i++) {
        const struct cu_interface *one = &config->interfaces[i];
        int behind = !before ? 1 : cu_interface_compare(before, one);

        if (!one->leads || (!than ? !one->fabric : cu_interface_compare(one, than) <= 0))
            continue;
        /* Those that are equal are taken in the order of the list. */
        if (behind < 0 || (behind == 0 && one <= before) ||
            (before && strcmp(one->name, before->name) == 0))
            continue;
        if (!best || cu_interface_compare(one, best) > 0)
            best = one;
    }
    return best;
}

static void choose_fastest(const struct cu_network_config *config, const struct own *own,
                           struct cu_network *network)
{
    const struct cu_interface *first = next_best(config, own->at, NULL), *at;
    char rule[CU_NETNAME_MAX], speed[32];

    for (const struct cu_interface *it = first; it != NULL; it = next_best(config, own->at, it)) {
        at = find_rule(config, it->name, own, rule);
        if (at) {
            take(config, at, rule, network);
            return;
        }
    }
    if (own->at)
        take(config, own->at, CU_NETNAME_OWN, network);
    /* Where the driver does not report how fast the present one is, nobody knows which is faster.
     */
    if (!first || (!first->fabric && (!own->at || own->at->mbits == 0)))
        return;
    name_rule(first->name, rule);
    cu_interface_speed(first->mbits, speed, sizeof(speed));
    (void)snprintf(network->note, sizeof(network->note),
                   "%s%s is faster, but no name of this node as %s leads there: set the rule for "
                   "the hosts' addresses with --address (copper.conf(5))",
                   first->name, speed, rule);
}

int cu_network_choose(const struct cu_network_config *config, struct cu_network *network,
                      struct cu_error *err)
{
    const struct cu_interface *at;
    struct own own = {0};

    cu_network_init(network);
    if (!config->peer && !config->interface)
        return 0;
    if (config->interface && !find_named(config))
        return no_interface(config, err);
    if (config->peer && config->rule) {
        at = led_to(config, config->rule, config->interface);
        network->given = config->interface != NULL;
        if (at) {
            take(config, at, config->rule, network);
            return 0;
        }
    }
    if (config->peer)
        find_own(config, &own);
    if (config->interface)
        return choose_given(config, &own, network, err);
    if (!config->rule) {
        choose_fastest(config, &own, network);
        return 0;
    }
    if (own.at)
        take(config, own.at, CU_NETNAME_OWN, network);
    (void)snprintf(network->note, sizeof(network->note),
                   "the rule %.100s (--address) leads to no address of this node", config->rule);
    return 0;
}

/* --- resolving -------------------------------------------------------------------------------- */

/* Moves those for which it holds to the front, otherwise in their order. How many. */
static unsigned prefer(struct cu_addresses *found,
                       bool (*is)(const void *context, const union cu_address *address),
                       const void *context)
{
    struct cu_addresses first = {.count = 0}, rest = {.count = 0};
    unsigned count;

    for (unsigned i = 0; i < found->count; i++)
        cu_addresses_add(is(context, &found->of[i]) ? &first : &rest, &found->of[i]);
    count = first.count;
    for (unsigned i = 0; i < rest.count; i++)
        cu_addresses_add(&first, &rest.of[i]);
    *found = first;
    return count;
}

int cu_network_name(const struct cu_network *network, const char *host, char name[CU_NETNAME_MAX])
{
    return cu_netname_apply(network->rule, host, name);
}

bool cu_network_take(const struct cu_network *network, bool detour, struct cu_addresses *found,
                     unsigned *count)
{
    bool own = strcmp(network->rule, CU_NETNAME_OWN) == 0;
    unsigned there;

    move_all(network->rule, found);
    there = prefer(found, is_there, network);
    *count = found->count;
    if (own && there > 0 && !network->given) {
        *count = there;
        if (!detour)
            found->count = there;
    }
    return !own && !network->given && (detour || found->count == 0);
}

struct near {
    const struct cu_network_config *config;
    const struct cu_interface *than; /* that of the host's own name; NULL: of none */
};

/* Is it on one of this host's networks that are better than that of the host's own name? */
static bool is_near(const void *context, const union cu_address *address)
{
    const struct near *near = context;
    const struct cu_addresses one = {.of = {*address}, .count = 1};
    const struct cu_interface *at =
        interface_with(near->config, &one, false, near->config->interface);

    return at && (near->config->interface ||
                  (!near->than ? at->fabric : cu_interface_compare(at, near->than) > 0));
}

static void add_by(const struct cu_network_config *config, const char *rule, uint16_t port,
                   struct cu_addresses *found)
{
    struct cu_addresses more;

    if (follow(config->look_up, rule, config->host, port, &more) != 0)
        return;
    for (unsigned i = 0; i < more.count; i++)
        cu_addresses_add(found, &more.of[i]);
}

int cu_network_candidates_of(const struct cu_network_config *config, uint16_t port,
                             struct cu_addresses *found)
{
    struct near near = {.config = config};
    char rule[CU_NETNAME_MAX];
    int rc = follow(config->look_up, CU_NETNAME_OWN, config->host, port, found);

    if (rc != 0)
        found->count = 0;
    near.than = interface_with(config, found, false, NULL);
    if (config->rule)
        add_by(config, config->rule, port, found);
    if (config->interface) {
        name_rule(config->interface, rule);
        add_by(config, rule, port, found);
    }
    for (const struct cu_interface *it = next_best(config, near.than, NULL);
         it && !config->interface; it = next_best(config, near.than, it)) {
        name_rule(it->name, rule);
        add_by(config, rule, port, found);
    }
    (void)prefer(found, is_near, &near);
    /* A guess comes last. */
    for (size_t i = 0; i < config->interface_count; i++) {
        const struct cu_interface *one = &config->interfaces[i];
        union cu_address address = one->address;

        if (!one->fabric || !is_named(one, config->interface))
            continue;
        cu_netname_network(address.any.sa_family, cu_address_bytes(&address), one->bits, rule);
        add_by(config, rule, port, found);
    }
    return found->count > 0 ? 0 : rc != 0 ? rc : EAI_NONAME;
}

void cu_network_text(const struct cu_network *network, char *text, size_t size)
{
    char speed[32], address[CU_ADDRESS_TEXT_MAX];

    if (network->interface[0] == '\0') {
        (void)snprintf(text, size, "where the names of the hosts lead");
        return;
    }
    cu_interface_speed(network->mbits, speed, sizeof(speed));
    cu_address_text(&network->address, address);
    (void)snprintf(text, size, "%s, %s%s, hosts as %s", network->interface, address, speed,
                   network->rule);
}
