/* SPDX-License-Identifier: BSD-3-Clause */
/* A table by rank, not a hash: at 100,000 nodes it is 3 MB of address space of which a few pages
 * are touched. */
#include "copperd/links.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cu_links_init(struct cu_links *links, uint32_t node_count)
{
    *links = (struct cu_links){.node_count = node_count};
    links->slots = calloc((size_t)node_count * CU_SIDES, sizeof(*links->slots));
    return links->slots ? 0 : -ENOMEM;
}

static struct cu_links_slot *slot_of(const struct cu_links *links, struct cu_peer peer)
{
    return peer.rank < links->node_count ? &links->slots[(size_t)peer.rank * CU_SIDES + peer.side]
                                         : NULL;
}

struct cu_peer cu_links_peer(const struct cu_links *links, const struct cu_links_slot *slot)
{
    size_t i = (size_t)(slot - links->slots);

    assert(i < (size_t)links->node_count * CU_SIDES);
    return (struct cu_peer){.rank = (uint32_t)(i / CU_SIDES), .side = i % CU_SIDES};
}

static void forget_failure(struct cu_links_slot *slot)
{
    slot->failed = 0;
    free(slot->failed_at);
    slot->failed_at = NULL;
}

void cu_links_set(struct cu_links *links, struct cu_peer peer, struct cu_link *link, bool up)
{
    struct cu_links_slot *slot = slot_of(links, peer);

    if (!slot)
        return;
    links->up_count += up ? 1 : 0;
    links->up_count -= slot->up ? 1 : 0;
    if (up)
        forget_failure(slot);
    *slot = (struct cu_links_slot){
        .link = link, .up = up, .failed = slot->failed, .failed_at = slot->failed_at};
    cu_link_set_data(link, slot);
}

bool cu_links_may_have(const struct cu_links *links, uint32_t rank,
                       const uint8_t instance[CU_PUBLIC_BYTES])
{
    const struct cu_links_slot *slot = slot_of(links, cu_peer_child(rank));

    return slot && (!slot->up || memcmp(slot->instance, instance, sizeof(slot->instance)) == 0);
}

void cu_links_bind(struct cu_links *links, uint32_t rank, const uint8_t instance[CU_PUBLIC_BYTES])
{
    struct cu_links_slot *slot = slot_of(links, cu_peer_child(rank));

    if (slot)
        memcpy(slot->instance, instance, sizeof(slot->instance));
}

void cu_links_clear(struct cu_links *links, struct cu_peer peer)
{
    struct cu_links_slot *slot = slot_of(links, peer);

    if (!slot)
        return;
    if (slot->up)
        links->up_count--;
    *slot = (struct cu_links_slot){.failed = slot->failed, .failed_at = slot->failed_at};
}

struct cu_link *cu_links_get(const struct cu_links *links, struct cu_peer peer)
{
    const struct cu_links_slot *slot = slot_of(links, peer);

    return slot && slot->up ? slot->link : NULL;
}

struct cu_link *cu_links_any(const struct cu_links *links, struct cu_peer peer)
{
    const struct cu_links_slot *slot = slot_of(links, peer);

    return slot ? slot->link : NULL;
}

void cu_links_failed(struct cu_links *links, uint32_t rank, int error, const char *name)
{
    struct cu_links_slot *slot = slot_of(links, cu_peer_parent(rank));

    if (!slot)
        return;
    slot->failed = error;
    if (!slot->failed_at || strcmp(slot->failed_at, name) != 0) {
        free(slot->failed_at);
        slot->failed_at = strdup(name); /* NULL: the message has no address */
    }
}

int cu_links_failure(const struct cu_links *links, uint32_t rank)
{
    const struct cu_links_slot *slot = slot_of(links, cu_peer_parent(rank));

    return slot ? slot->failed : 0;
}

void cu_links_asked(struct cu_links *links, struct cu_peer peer)
{
    struct cu_links_slot *slot = slot_of(links, peer);

    if (slot)
        slot->asked++;
}

void cu_links_answered(struct cu_links *links, struct cu_peer peer)
{
    struct cu_links_slot *slot = slot_of(links, peer);

    if (slot && slot->asked > 0)
        slot->asked--;
}

bool cu_links_is_asked(const struct cu_links *links, struct cu_peer peer)
{
    const struct cu_links_slot *slot = slot_of(links, peer);

    return slot && slot->asked > 0;
}

bool cu_links_who(const struct cu_links *links, const struct cu_link *link, struct cu_peer *peer)
{
    const struct cu_links_slot *slot = cu_link_data(link);

    if (!slot || slot->link != link)
        return false;
    *peer = cu_links_peer(links, slot);
    return true;
}
