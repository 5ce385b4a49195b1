/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines about links that end. Thousands of strangers may connect from many hosts, and who has
 * the key may connect again and again, so these have a limited number of lines per minute; the rest
 * are counted, and the count is logged with the first line of a later minute. */
#include "net/tcp.h"

#include "host/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REFUSED_LINES 10u /* a minute */
#define ENDED_LINES   100u

static const char *reason(enum cu_tcp_state state, int error)
{
    const char *refused = cu_handshake_strerror(error);

    if (error == -EBADMSG && state == CU_TCP_UP)
        return "sent what is no message";
    if (error == -EREMCHG)
        return "another rank than the host list says answers there";
    if (error == -ETIMEDOUT && state == CU_TCP_HANDSHAKE)
        return "no proof of the job's key in time";
    if (error == -ETIMEDOUT && state == CU_TCP_UP)
        return "sends a large message too slowly";
    if (error == -ETIMEDOUT)
        return "timed out";
    if (error == -ENOBUFS)
        return "does not take what is sent to it, or more was under way than there is room for";
    return refused ? refused : strerror(-error);
}

void cu_tcp_log_init(struct cu_tcp *tcp)
{
    tcp->refused.most = REFUSED_LINES;
    tcp->ended.most = ENDED_LINES;
}

bool cu_tcp_may_log_refusal(const struct cu_tcp *tcp)
{
    return cu_log_limit_has_room(&tcp->refused, uv_hrtime());
}

static void log_refusal(struct cu_tcp *tcp, const char *host, const char *why)
{
    unsigned left_out;

    if (!cu_log_limit_take(&tcp->refused, uv_hrtime(), &left_out))
        return;
    if (left_out > 0)
        cu_log_warn("refused %u more connections since the last such line", left_out);
    cu_log_warn("refused a connection from %s: %s", host[0] ? host : "unknown", why);
}

static void log_ended(struct cu_tcp *tcp, const char *name, const char *why)
{
    unsigned left_out;

    if (!cu_log_limit_take(&tcp->ended, uv_hrtime(), &left_out))
        return;
    if (left_out > 0)
        cu_log_warn("%u more connections ended since the last such line", left_out);
    cu_log_warn("connection to %s ended: %s", name, why);
}

void cu_tcp_log_end(const struct cu_tcp_link *link, int error)
{
    const char *why = reason(link->state, error);
    struct cu_error text;

    if (link->state == CU_TCP_HANDSHAKE && error == -EPROTONOSUPPORT) {
        (void)cu_handshake_explain(&link->opening->handshake, error, &text);
        why = text.text;
    }

    if (link->state == CU_TCP_UP && error)
        log_ended(link->tcp, link->base.name, why);
    else if (link->state == CU_TCP_UP)
        cu_log_debug("connection to %s ended", link->base.name);
    else if (link->accepted)
        log_refusal(link->tcp, link->opening->host, why);
    else if (error != 0 && -error == link->base.hushed)
        cu_log_debug("still cannot connect to %s: %s", link->base.name, why);
    else if (link->state == CU_TCP_HANDSHAKE)
        cu_log_warn("cannot join %s: %s", link->base.name, why);
    else
        cu_log_info("cannot connect to %s: %s", link->base.name, why);
}

/* "10.0.0.3" and port; an IPv4 address is shown as such. */
static void address_text(const union cu_address *address, char *text, size_t size, unsigned *port)
{
    if (address->any.sa_family == AF_INET6) {
        (void)uv_ip6_name(&address->v6, text, size);
        *port = ntohs(address->v6.sin6_port);
        if (strncmp(text, "::ffff:", 7) == 0)
            memmove(text, text + 7, strlen(text + 7) + 1);
    } else {
        (void)uv_ip4_name(&address->v4, text, size);
        *port = ntohs(address->v4.sin_port);
    }
}

/* Of the socket's other end. */
static void peer_text(const struct cu_tcp_link *link, char *text, size_t size, unsigned *port)
{
    union cu_address address;
    int length = sizeof(address);

    memset(&address, 0, sizeof(address));
    snprintf(text, size, "unknown");
    *port = 0;
    if (uv_tcp_getpeername(&link->socket, &address.any, &length) == 0)
        address_text(&address, text, size, port);
}

void cu_tcp_name_attempt(struct cu_tcp_link *link, const union cu_address *address)
{
    char text[INET6_ADDRSTRLEN];
    unsigned port;

    address_text(address, text, sizeof(text), &port);
    if (strcmp(text, link->opening->host) == 0 || link->opening->host[0] == '\0')
        snprintf(link->base.name, sizeof(link->base.name), "%s:%u", text, port);
    else
        snprintf(link->base.name, sizeof(link->base.name), "%.90s %s:%u", link->opening->host, text,
                 port);
}

void cu_tcp_name(struct cu_tcp_link *link)
{
    char text[INET6_ADDRSTRLEN];
    unsigned port;

    peer_text(link, text, sizeof(text), &port);
    if (link->accepted && link->state == CU_TCP_UP && link->rank != CU_RANK_NONE)
        snprintf(link->base.name, sizeof(link->base.name), "rank %u at %s:%u", link->rank, text,
                 port);
    else if (link->accepted || strcmp(text, link->opening->host) == 0)
        snprintf(link->base.name, sizeof(link->base.name), "%s:%u", text, port);
    else
        snprintf(link->base.name, sizeof(link->base.name), "%.90s %s:%u", link->opening->host, text,
                 port);
    if (link->accepted) /* without the port, so that the log recognises a repeated refusal */
        snprintf(link->opening->host, sizeof(link->opening->host), "%s", text);
}
