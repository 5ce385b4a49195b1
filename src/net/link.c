/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport interface is one for all implementations: this file only finds the right one. */
#include "net/link.h"

#include <errno.h>
#include <string.h>

struct cu_transport *cu_transport_create(const char *network,
                                         const struct cu_transport_config *config,
                                         struct cu_error *err)
{
    size_t len = strcspn(network, ":");

#define TRY(word)                                                                                  \
    if (len == strlen(#word) && memcmp(network, #word, len) == 0)                                  \
        return cu_transport_##word##_create(config, err);
    CU_TRANSPORTS(TRY)
#undef TRY
    (void)cu_error_set(err, -EPROTONOSUPPORT, "-n: this copperd has no network \"%.32s\"", network);
    return NULL;
}

void cu_link_hush(struct cu_link *link, int error)
{
    link->hushed = error;
}

uint16_t cu_transport_port(const struct cu_transport *transport)
{
    return transport->ops->port(transport);
}

struct cu_link *cu_transport_connect(struct cu_transport *transport, uint32_t rank,
                                     const char *host, uint16_t port, uint32_t timeout_ms,
                                     bool detour)
{
    return transport->ops->connect(transport, rank, host, port, timeout_ms, detour);
}

bool cu_link_is_detour(const struct cu_link *link)
{
    return link->detour;
}

void cu_transport_prepare(const struct cu_transport *transport, struct cu_buf *bytes)
{
    transport->ops->prepare(transport, bytes);
}

void cu_transport_unlisten(struct cu_transport *transport)
{
    transport->ops->unlisten(transport);
}

void cu_transport_destroy(struct cu_transport *transport)
{
    if (transport)
        transport->ops->destroy(transport);
}

int cu_link_send(struct cu_link *link, const struct cu_msg *msg)
{
    return link->ops->send(link, msg);
}

uint64_t cu_link_queued(const struct cu_link *link)
{
    return link->ops->queued(link);
}

uint64_t cu_link_heard_ns(const struct cu_link *link)
{
    return link->heard_ns;
}

void cu_link_close(struct cu_link *link)
{
    link->ops->close(link);
}

void *cu_link_data(const struct cu_link *link)
{
    return link->data;
}

void cu_link_set_data(struct cu_link *link, void *data)
{
    link->data = data;
}

const char *cu_link_name(const struct cu_link *link)
{
    return link->name;
}
