/* SPDX-License-Identifier: BSD-3-Clause */
/* Network addresses, IPv4 and IPv6, and the look-up of names. */
#ifndef CU_HOST_ADDRESS_H
#define CU_HOST_ADDRESS_H

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define CU_ADDRESS_TEXT_MAX 64
#define CU_ADDRESSES_MAX    8u /* of one host: more would only prolong a failure */

union cu_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct cu_addresses {
    union cu_address of[CU_ADDRESSES_MAX];
    unsigned count;
};

/* As bind(2) and connect(2) want it. */
socklen_t cu_address_size(const union cu_address *address);
/* The 4 or 16 bytes of the address itself. */
uint8_t *cu_address_bytes(union cu_address *address);
/* Same host? Ports are not compared. */
bool cu_address_equal(const union cu_address *a, const union cu_address *b);
/* Do both lie in the network of the first `bits` bits? */
bool cu_address_shares(const union cu_address *a, const union cu_address *b, unsigned bits);
bool cu_address_is_loopback(const union cu_address *address);
/* IPv6 fe80::/10, IPv4 169.254.0.0/16: reaches no other network, and may be on each interface. */
bool cu_address_is_link_local(const union cu_address *address);
void cu_address_text(const union cu_address *address, char text[CU_ADDRESS_TEXT_MAX]);
/* All addresses of a name or of a numeric address, with that port, in the system's order; blocks.
 * 0, or the error of getaddrinfo(3) (then there are none). Any thread. */
int cu_address_look_up(const char *name, uint16_t port, struct cu_addresses *found);
/* Appends what is not there yet, as far as there is room. */
void cu_addresses_add(struct cu_addresses *to, const union cu_address *address);
/* The same with a list of getaddrinfo(3), which stays the caller's. */
void cu_addresses_add_list(struct cu_addresses *to, const struct addrinfo *list);

#endif
