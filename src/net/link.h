/* SPDX-License-Identifier: BSD-3-Clause */
/* What the transports share, inside src/net only: each kind of link and of transport begins with
 * one of these structs and fills in its operations; link.c carries the calls of net/transport.h
 * over.
 */
#ifndef CU_NET_LINK_H
#define CU_NET_LINK_H

#include "net/transport.h"

/* The transports, by their words in -n. A new one is a file beside tcp.c with its create function,
 * a line here, and its word in proto/job.c. */
#define CU_TRANSPORTS(X) X(tcp)

#define CU_TRANSPORT_CREATE(word)                                                                  \
    struct cu_transport *cu_transport_##word##_create(const struct cu_transport_config *config,    \
                                                      struct cu_error *err);
CU_TRANSPORTS(CU_TRANSPORT_CREATE)

#define CU_LINK_NAME_MAX 160 /* a long host name is cut; the address is short */

struct cu_link_ops {
    int (*send)(struct cu_link *link, const struct cu_msg *msg);
    uint64_t (*queued)(const struct cu_link *link);
    void (*close)(struct cu_link *link);
};

struct cu_link {
    const struct cu_link_ops *ops;
    void *data; /* the user's */
    uint64_t heard_ns;
    bool detour; /* not at an address of the data network */
    int hushed;  /* connecting may fail with this errno without a log line; 0: none */
    char name[CU_LINK_NAME_MAX];
};

struct cu_transport_ops {
    uint16_t (*port)(const struct cu_transport *transport);
    struct cu_link *(*connect)(struct cu_transport *transport, uint32_t rank, const char *host,
                               uint16_t port, uint32_t timeout_ms, bool detour);
    void (*prepare)(const struct cu_transport *transport, struct cu_buf *bytes);
    void (*unlisten)(struct cu_transport *transport);
    void (*destroy)(struct cu_transport *transport);
};

struct cu_transport {
    const struct cu_transport_ops *ops;
};

#endif
