/* SPDX-License-Identifier: BSD-3-Clause */
/* Both families are handled here, so that nothing else needs to know which one an address is of. */
#include "host/address.h"

#include "base/netname.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

socklen_t cu_address_size(const union cu_address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

uint8_t *cu_address_bytes(union cu_address *address)
{
    return address->any.sa_family == AF_INET6 ? address->v6.sin6_addr.s6_addr
                                              : (uint8_t *)&address->v4.sin_addr.s_addr;
}

static const uint8_t *bytes_of(const union cu_address *address)
{
    return address->any.sa_family == AF_INET6 ? address->v6.sin6_addr.s6_addr
                                              : (const uint8_t *)&address->v4.sin_addr.s_addr;
}

bool cu_address_shares(const union cu_address *a, const union cu_address *b, unsigned bits)
{
    return a->any.sa_family == b->any.sa_family &&
           cu_netname_same_bits(bytes_of(a), bytes_of(b), bits);
}

bool cu_address_equal(const union cu_address *a, const union cu_address *b)
{
    return cu_address_shares(a, b, a->any.sa_family == AF_INET6 ? 128 : 32);
}

bool cu_address_is_loopback(const union cu_address *address)
{
    return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr)
                                              : bytes_of(address)[0] == 127;
}

bool cu_address_is_link_local(const union cu_address *address)
{
    const uint8_t *bytes = bytes_of(address);

    return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr)
                                              : bytes[0] == 169 && bytes[1] == 254;
}

void cu_address_text(const union cu_address *address, char text[CU_ADDRESS_TEXT_MAX])
{
    if (getnameinfo(&address->any, cu_address_size(address), text, CU_ADDRESS_TEXT_MAX, NULL, 0,
                    NI_NUMERICHOST) != 0)
        (void)snprintf(text, CU_ADDRESS_TEXT_MAX, "?");
}

void cu_addresses_add(struct cu_addresses *to, const union cu_address *address)
{
    for (unsigned i = 0; i < to->count; i++)
        if (cu_address_equal(&to->of[i], address))
            return;
    if (to->count < CU_ADDRESSES_MAX)
        to->of[to->count++] = *address;
}

void cu_addresses_add_list(struct cu_addresses *to, const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        union cu_address address;

        if (a->ai_addrlen > sizeof(address))
            continue;
        memset(&address, 0, sizeof(address));
        memcpy(&address, a->ai_addr, a->ai_addrlen);
        cu_addresses_add(to, &address);
    }
}

int cu_address_look_up(const char *name, uint16_t port, struct cu_addresses *found)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];
    int rc;

    found->count = 0;
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    rc = getaddrinfo(name, service, &hints, &list);
    if (rc != 0)
        return rc;
    cu_addresses_add_list(found, list);
    freeaddrinfo(list);
    return found->count > 0 ? 0 : EAI_NONAME;
}
