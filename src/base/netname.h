/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules that tell where a host is reached on the network that data takes. Two kinds:
 * - a name made of the host's: "%h-hsn0" is "node7-hsn0" for node7, and "node7-hsn0.site.org" for
 *   node7.site.org. "%h" is the host's own name.
 * - a network, "10.1.0.0/16" or "fd00:1::/64": the address of the host's own name, with its first
 *   16 or 64 bits replaced. 10.0.3.7 is then 10.1.3.7. */
#ifndef CU_BASE_NETNAME_H
#define CU_BASE_NETNAME_H

#include <stdbool.h>
#include <stdint.h>

#define CU_NETNAME_MAX 256u /* with its NUL */
#define CU_NETNAME_OWN "%h"

/* A rule of either kind, as a site may write it. A name has one "%h", and else letters, digits,
 * '.', '-' and '_'. */
bool cu_netname_is_rule(const char *rule);
/* Is this rule a network? */
bool cu_netname_is_network(const char *rule);
/* The name to look up: the host's by a rule of the first kind; its own for an address and for a
 * network. 0; -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int cu_netname_apply(const char *rule, const char *host,
                                                         char name[CU_NETNAME_MAX]);
/* Replaces the network part of an address (family AF_INET: 4 bytes, AF_INET6: 16). rule is a
 * network. False, and nothing changed: of the other family. */
bool cu_netname_move(const char *rule, int family, uint8_t *address);
/* Writes the network of the first `bits` bits of an address as a rule. */
void cu_netname_network(int family, const uint8_t *address, unsigned bits,
                        char rule[CU_NETNAME_MAX]);
/* Do the first `bits` bits agree? */
bool cu_netname_same_bits(const uint8_t *a, const uint8_t *b, unsigned bits);

#endif
