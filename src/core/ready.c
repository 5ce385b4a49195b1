/* SPDX-License-Identifier: BSD-3-Clause */
/* Readiness, counted up tree 0: a node is ready when its mount stands and every tree is joined.
 * Each node holds the set of ready ranks of each child and of itself; their union goes to its
 * parent when it changed: at once when its whole subtree is ready, else a little later, so that a
 * large job sends few messages. What a lost child had said is forgotten with it; those below it are
 * counted again where they join. What a child says of ranks for which it may not speak (claims.h)
 * does not count. */
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
    core->ready_scratch = calloc(set_size(core), 2);
    return core->ready_bits && core->ready_scratch ? 0 : -ENOMEM;
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

/* The ranks of a child that do not belong below another child. */
static const uint8_t *believed(struct cu_core *core, const struct neighbor *child, uint8_t *scratch)
{
    if (!child->ready_wide)
        return child->ready;
    memcpy(scratch, child->ready, set_size(core));
    cu_list_for_each (link, &core->neighbors) {
        const struct neighbor *other = CU_LIST_ENTRY(link, struct neighbor, link);

        if (other != child && other->child && (other->child_trees & 1) != 0)
            cu_claims_cut_of(&core->routes[0].tree, child->rank, other->rank, scratch);
    }
    return scratch;
}

/* Computes the union again. It is small and changes rarely. */
static void update(struct cu_core *core)
{
    size_t size = set_size(core);
    uint8_t *now = core->ready_scratch;

    memset(now, 0, size);
    if (core->self_ready)
        add_bit(now, core->config.rank);
    cu_list_for_each (link, &core->neighbors) {
        const struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);
        const uint8_t *more = neighbor->ready ? believed(core, neighbor, now + size) : NULL;

        for (size_t i = 0; more && i < size; i++)
            now[i] |= more[i];
    }
    if (memcmp(now, core->ready_bits, size) == 0)
        return;
    memcpy(core->ready_bits, now, size);
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
    if (cu_claims_cut(&core->routes[0].tree, child->rank, child->ready) > 0)
        COUNT(core, ranks_refused);
    child->ready_wide = !cu_claims_own(&core->routes[0].tree, child->rank, child->ready);
    update(core);
}

void cu_ready_joined(struct cu_core *core)
{
    cu_list_for_each (link, &core->neighbors) {
        const struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);

        if (neighbor->ready && neighbor->ready_wide) {
            update(core);
            return;
        }
    }
}

void cu_ready_forget(struct cu_core *core, struct neighbor *child)
{
    if (!child->ready)
        return;
    free(child->ready);
    child->ready = NULL;
    update(core);
}
