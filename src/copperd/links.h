/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of connections by rank. Two daemons can have two: one that we opened (the other side is
 * our parent) and one that it opened (it is our child). */
#ifndef CU_COPPERD_LINKS_H
#define CU_COPPERD_LINKS_H

#include "core/peer.h"
#include "net/transport.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_links_slot {
    struct cu_link *link; /* borrowed from the transport; NULL: none */
    bool up;              /* proven; false while it is being opened */
    int failed;           /* errno with which opening it failed last; 0: not since it was up */
    char *failed_at;      /* the name of the link that failed, with the address; owned, or NULL */
    uint32_t asked;       /* CONTROLs that it has not answered */
    uint8_t instance[CU_PUBLIC_BYTES]; /* of a child that is up: its instance */
};

struct cu_links {
    uint32_t node_count;
    uint32_t up_count;
    struct cu_links_slot *slots; /* owned: two a rank, by side; untouched pages cost nothing */
};

__attribute__((warn_unused_result)) int cu_links_init(struct cu_links *links, uint32_t node_count);
/* peer.rank < node_count. Puts the slot into the link's data, so that cu_links_who finds it. */
void cu_links_set(struct cu_links *links, struct cu_peer peer, struct cu_link *link, bool up);
/* May a child with this instance take the rank? Not while a child with another instance has it. */
bool cu_links_may_have(const struct cu_links *links, uint32_t rank,
                       const uint8_t instance[CU_PUBLIC_BYTES]);
/* The child that is up with this rank is this one. */
void cu_links_bind(struct cu_links *links, uint32_t rank, const uint8_t instance[CU_PUBLIC_BYTES]);
void cu_links_clear(struct cu_links *links, struct cu_peer peer);
/* The link that is up, or NULL. */
struct cu_link *cu_links_get(const struct cu_links *links, struct cu_peer peer);
/* The link, up or being opened, or NULL. */
struct cu_link *cu_links_any(const struct cu_links *links, struct cu_peer peer);
/* Notes that the link of that name (net/transport.h) to this parent could not be opened. */
void cu_links_failed(struct cu_links *links, uint32_t rank, int error, const char *name);
/* With which errno, the last time; 0: not since it was up. */
int cu_links_failure(const struct cu_links *links, uint32_t rank);
/* A CONTROL went out over the link that is up, or its RESULT has come. */
void cu_links_asked(struct cu_links *links, struct cu_peer peer);
void cu_links_answered(struct cu_links *links, struct cu_peer peer);
bool cu_links_is_asked(const struct cu_links *links, struct cu_peer peer);
/* The peer of the link. False for a link that is in no slot (a client's). */
bool cu_links_who(const struct cu_links *links, const struct cu_link *link, struct cu_peer *peer);
/* The peer of the slot. */
struct cu_peer cu_links_peer(const struct cu_links *links, const struct cu_links_slot *slot);

#endif
