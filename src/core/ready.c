/* Readiness, counted up tree 0: a node is ready when its mount stands and every tree is joined.
 * Each node keeps the set of ranks it knows to be ready and sends it to its parent when it grew: at
 * once when its whole subtree is ready, else a little later, so that a large job sends few
 * messages. */
#include "core/internal.h"

#include <errno.h>
#include <stdlib.h>

#define READY_DELAY_NS (5 * MS_NS)

int cu_ready_init(struct cu_core *core)
{
    core->ready_bits = calloc((core->config.node_count + 7) / 8, 1);
    return core->ready_bits ? 0 : -ENOMEM;
}

static bool set_bit(struct cu_core *core, uint32_t rank)
{
    uint8_t *byte = &core->ready_bits[rank / 8];
    uint8_t bit = (uint8_t)(1u << rank % 8);

    if (*byte & bit)
        return false;
    *byte |= bit;
    core->ready_count++;
    return true;
}

static void changed(struct cu_core *core)
{
    uint32_t whole = cu_tree_subtree_size(&core->routes[0].tree, core->config.rank);

    core->ready_changed = true;
    cu_pending_add(core, &core->forget, PENDING_FORGET);
    if (core->ready_count >= whole)
        core->ready_ns = core->now_ns;
    else if (!core->ready_ns)
        core->ready_ns = core->now_ns + READY_DELAY_NS;
    cu_ready_tick(core);
}

void cu_ready_resend(struct cu_core *core)
{
    if (core->ready_count)
        core->ready_ns = core->now_ns;
    cu_ready_tick(core);
}

void cu_ready_tick(struct cu_core *core)
{
    uint32_t parent = core->routes[0].parent;
    struct peer *peer;

    if (!core->ready_ns || core->now_ns < core->ready_ns)
        return;
    core->ready_ns = 0;
    if (parent == CU_RANK_NONE || parent == core->config.rank)
        return; /* sent when there is a parent */
    peer = cu_peers_find(core, parent);
    if (peer && peer->state == PEER_UP)
        cu_peers_todo(core, peer, SEND_READY);
}

void cu_ready_check_self(struct cu_core *core)
{
    if (!core->mounted)
        return;
    for (uint32_t t = 0; t < core->config.tree_count; t++)
        if (!core->routes[t].joined)
            return;
    if (set_bit(core, core->config.rank))
        changed(core);
}

void cu_ready_merge(struct cu_core *core, uint32_t first, uint32_t count, const uint8_t *bits)
{
    bool grew = false;

    for (uint32_t i = 0; i < count; i++) {
        if (!(bits[i / 8] & 1u << i % 8))
            continue;
        if ((uint64_t)first + i >= core->config.node_count)
            return;
        grew |= set_bit(core, first + i);
    }
    if (grew)
        changed(core);
}
