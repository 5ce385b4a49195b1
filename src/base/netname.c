/* SPDX-License-Identifier: BSD-3-Clause */
/* A name rule without a '.' changes the host's first label and leaves its domain; one with a '.'
 * makes the whole name. */
#include "base/netname.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BYTES(family) ((family) == AF_INET ? 4u : 16u)

/* The bits up to the slash, and how many. The family, or AF_UNSPEC. */
static int parse_network(const char *rule, uint8_t network[16], unsigned *bits)
{
    const char *slash = strchr(rule, '/');
    char address[INET6_ADDRSTRLEN];
    uint64_t n;
    int family;

    if (!slash || (size_t)(slash - rule) >= sizeof(address))
        return AF_UNSPEC;
    memcpy(address, rule, (size_t)(slash - rule));
    address[slash - rule] = '\0';
    family = strchr(address, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, address, network) != 1 ||
        cu_parse_u64(slash + 1, 1, BYTES(family) * 8 - 1, &n) != 0)
        return AF_UNSPEC;
    *bits = (unsigned)n;
    return family;
}

/* Of the i-th byte of an address of which the first `bits` bits are the network. */
static unsigned mask_of(unsigned bits, unsigned i)
{
    unsigned here = bits > i * 8 ? bits - i * 8 : 0;

    return here >= 8 ? 0xffu : 0xffu << (8 - here) & 0xffu;
}

static bool is_name_rule(const char *rule)
{
    const char *at = strstr(rule, CU_NETNAME_OWN);

    if (!at || strlen(rule) >= CU_NETNAME_MAX)
        return false;
    for (const char *p = rule; *p != '\0'; p++) {
        if (p == at)
            p++;
        else if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-' && *p != '_')
            return false;
    }
    return true;
}

bool cu_netname_is_network(const char *rule)
{
    uint8_t network[16];
    unsigned bits;

    return parse_network(rule, network, &bits) != AF_UNSPEC;
}

bool cu_netname_is_rule(const char *rule)
{
    return is_name_rule(rule) || cu_netname_is_network(rule);
}

static bool is_address(const char *host)
{
    return strspn(host, "0123456789.") == strlen(host) || strchr(host, ':');
}

int cu_netname_apply(const char *rule, const char *host, char name[CU_NETNAME_MAX])
{
    const char *at = strstr(rule, CU_NETNAME_OWN);
    size_t label = strcspn(host, ".");
    int len;

    if (!at || is_address(host) || strcmp(rule, CU_NETNAME_OWN) == 0)
        len = snprintf(name, CU_NETNAME_MAX, "%s", host);
    else
        len = snprintf(name, CU_NETNAME_MAX, "%.*s%.*s%s%s", (int)(at - rule), rule, (int)label,
                       host, at + 2, strchr(rule, '.') ? "" : host + label);
    return len < (int)CU_NETNAME_MAX ? 0 : -ENAMETOOLONG;
}

bool cu_netname_move(const char *rule, int family, uint8_t *address)
{
    uint8_t network[16];
    unsigned bits = 0;

    if (family == AF_UNSPEC || parse_network(rule, network, &bits) != family)
        return false;
    for (unsigned i = 0; i < BYTES(family); i++)
        address[i] = (uint8_t)((network[i] & mask_of(bits, i)) | (address[i] & ~mask_of(bits, i)));
    return true;
}

void cu_netname_network(int family, const uint8_t *address, unsigned bits,
                        char rule[CU_NETNAME_MAX])
{
    uint8_t network[16] = {0};
    char text[INET6_ADDRSTRLEN] = "";

    for (unsigned i = 0; i < BYTES(family); i++)
        network[i] = (uint8_t)(address[i] & mask_of(bits, i));
    (void)inet_ntop(family, network, text, sizeof(text));
    (void)snprintf(rule, CU_NETNAME_MAX, "%s/%u", text, bits);
}

bool cu_netname_same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(a, b, whole) == 0 &&
           (rest == 0 || ((a[whole] ^ b[whole]) & mask_of(bits, whole)) == 0);
}
