/* SPDX-License-Identifier: BSD-3-Clause */
/* The beginning of a link that this end opens: the addresses at which the host may be reached. A
 * name is looked up by the rule of the data network, and the host's own name only when that does
 * not suffice, so that 10,000 nodes do not ask the name service twice. */
#include "net/tcp.h"

#include "host/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found);

/* 0, or negative: libuv's error. */
static int look_up(struct cu_tcp_link *link, const char *name)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char service[8];
    int r;

    snprintf(service, sizeof(service), "%u", link->opening->port);
    r = uv_getaddrinfo(link->tcp->config.loop, &link->opening->resolve, on_resolved, name, service,
                       &hints);
    if (r == 0)
        link->resolve_open = true;
    return r;
}

/* What the first look-up has found is known. Looks the host's own name up if need be. */
static void take_first(struct cu_tcp_link *link)
{
    struct cu_tcp_opening *opening = link->opening;

    opening->own_name = cu_network_take(link->tcp->config.network, opening->detour,
                                        &opening->addresses, &opening->data_count);
    if (opening->own_name && look_up(link, opening->host) == 0)
        return;
    if (opening->addresses.count > 0)
        cu_tcp_try_next(link);
    else
        cu_tcp_doom(link, -EHOSTUNREACH);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct cu_tcp_link *link = request->data;
    struct cu_tcp_opening *opening = link->opening;

    link->resolve_open = false;
    if (link->state == CU_TCP_CLOSED) {
        uv_freeaddrinfo(found);
        cu_tcp_release(link);
        return;
    }
    if (status == 0)
        cu_addresses_add_list(&opening->addresses, found);
    uv_freeaddrinfo(found);
    if (!opening->own_name) {
        if (opening->addresses.count == 0)
            cu_log_info("no address for host %s: %s", opening->host,
                        status ? uv_strerror(status) : "none found");
        take_first(link);
    } else if (opening->addresses.count > 0) {
        cu_tcp_try_next(link);
    } else {
        cu_log_info("no address for host %s: %s", opening->host,
                    status ? uv_strerror(status) : "none found");
        cu_tcp_end(link, -EHOSTUNREACH);
    }
}

/* An address needs no resolver, which shares its threads with storage that may hang. */
static bool take_address(struct cu_tcp_opening *opening, const char *name)
{
    union cu_address address;

    memset(&address, 0, sizeof(address));
    if (uv_ip4_addr(name, opening->port, &address.v4) != 0 &&
        uv_ip6_addr(name, opening->port, &address.v6) != 0)
        return false;
    cu_addresses_add(&opening->addresses, &address);
    return true;
}

struct cu_link *cu_tcp_connect(struct cu_transport *transport, uint32_t rank, const char *host,
                               uint16_t port, uint32_t timeout_ms, bool detour)
{
    struct cu_tcp *tcp = (struct cu_tcp *)transport;
    struct cu_tcp_opening *opening;
    struct cu_tcp_link *link;
    char name[CU_NETNAME_MAX];
    int r;

    if (tcp->destroyed)
        return NULL;
    link = cu_tcp_link_new(tcp, timeout_ms ? timeout_ms : tcp->config.handshake_timeout_ms);
    if (!link)
        return NULL;
    opening = link->opening;
    link->rank = rank;
    opening->port = port;
    opening->detour = detour;
    snprintf(link->base.name, sizeof(link->base.name), "%.90s:%u", host, port);
    snprintf(opening->host, sizeof(opening->host), "%s", host);
    if (cu_network_name(tcp->config.network, host, name) < 0)
        snprintf(name, sizeof(name), "%s", opening->host);
    if (take_address(opening, name)) {
        take_first(link);
        return &link->base;
    }
    r = look_up(link, name);
    if (r)
        cu_tcp_doom(link, r == UV_ENOMEM ? -ENOMEM : -EHOSTUNREACH);
    cu_tcp_watch(tcp);
    return &link->base;
}
