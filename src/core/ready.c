/* SPDX-License-Identifier: BSD-3-Clause */
/* Readiness, counted up tree 0: a node is ready when its mount stands and every tree is joined.
 * Each node holds the set of ready ranks of each child and of itself; their union goes to its
 * parent when it changed: at once when its whole subtree is ready, else a little later, so that a
 * large job sends few messages. What a lost child had said is forgotten with it; those below it are
 * counted again where they join. */
#include "core/ready.h"

#include "core/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READY_DELAY_NS (5 * MS_NS)

static size_t set_size(const struct cu_core *core)
{
    return (core->config.node_count + 7) / 8;
}

int cu_ready_init(struct cu_core *core)
{
    core->ready_bits = calloc(set_size(core), 1);
    return core->ready_bits ? 0 : -ENOMEM;
}

static void add_bit(uint8_t *set, uint32_t rank)
{
    set[rank / 8] |= (uint8_t)(1u << rank % 8);
}

static uint32_t count_bits(const uint8_t *set, size_t size)
{
    uint32_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += (uint32_t)__builtin_popcount(set[i]);
    return count;
}

static void changed(struct cu_core *core)
{
    uint32_t whole = cu_tree_subtree_size(&core->routes[0].tree, core->config.rank);

    core->ready_changed = true;
    cu_pending_add(core, &core->news, PENDING_NEWS);
    if (core->ready_count >= whole)
        core->ready_ns = core->now_ns;
    else if (!core->ready_ns)
        core->ready_ns = core->now_ns + READY_DELAY_NS;
    cu_ready_tick(core);
}

/* Computes the union again. It is small and changes rarely. */
static void update(struct cu_core *core)
{
    size_t size = set_size(core);
    bool differs = false;

    for (size_t i = 0; i < size; i++) {
        bool mine = core->self_ready && i == core->config.rank / 8;
        unsigned now = mine ? 1u << core->config.rank % 8 : 0, was = core->ready_bits[i];

        cu_list_for_each (link, &core->neighbors) {
            const struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

            if (neighbor->ready)
                now |= neighbor->ready[i];
        }
        differs |= now != was;
        core->ready_bits[i] = (uint8_t)now;
    }
    if (!differs)
        return;
    core->ready_count = count_bits(core->ready_bits, size);
    changed(core);
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
    struct neighbor *neighbor;

    if (!core->ready_ns || core->now_ns < core->ready_ns)
        return;
    core->ready_ns = 0;
    if (parent == CU_RANK_NONE || parent == core->config.rank)
        return; /* sent when there is a parent */
    neighbor = cu_neighbors_find(core, parent);
    if (neighbor && neighbor->state == PARENT_UP)
        cu_neighbors_todo(core, neighbor, SEND_READY);
}

void cu_ready_later(struct cu_core *core)
{
    core->ready_ns = core->now_ns + READY_DELAY_NS;
}

void cu_ready_check_self(struct cu_core *core)
{
    if (!core->mounted || core->self_ready)
        return;
    for (uint32_t t = 0; t < core->config.tree_count; t++)
        if (!core->routes[t].joined)
            return;
    core->self_ready = true;
    update(core);
}

void cu_ready_hear(struct cu_core *core, struct neighbor *child, uint32_t first, uint32_t count,
                   const uint8_t *bits)
{
    size_t size = set_size(core);

    if (!child->ready)
        child->ready = malloc(size);
    if (!child->ready) {
        COUNT(core, no_memory); /* it stays unready here, and says so */
        return;
    }
    memset(child->ready, 0, size);
    for (uint32_t i = 0; i < count && (uint64_t)first + i < core->config.node_count; i++)
        if (bits[i / 8] & 1u << i % 8)
            add_bit(child->ready, first + i);
    update(core);
}

void cu_ready_forget(struct cu_core *core, struct neighbor *child)
{
    if (!child->ready)
        return;
    free(child->ready);
    child->ready = NULL;
    update(core);
}
