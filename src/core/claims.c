/* SPDX-License-Identifier: BSD-3-Clause */
/* A node's parent is the nearest ancestor that lives, or one of the lowest places. So a node below
 * the lowest places has only nodes of its own subtree below it. One of the lowest places can have
 * others, too, but none for which this node has a better child: that would be their parent, or one
 * of its descendants. */
#include "core/claims.h"

struct range {
    uint32_t first;
    uint32_t end;
};

static struct range range_of(const struct cu_tree *tree, uint32_t rank)
{
    uint32_t first = cu_tree_place(tree, rank);

    return (struct range){first, first + cu_tree_subtree_size(tree, rank)};
}

static bool is_in(struct range range, uint32_t place)
{
    return place >= range.first && place < range.end;
}

static bool has(const uint8_t *bits, uint32_t rank)
{
    return (bits[rank / 8] >> rank % 8 & 1) != 0;
}

/* Removes the ranks at the places [first, end) that are not in keep. */
static uint32_t cut(const struct cu_tree *tree, struct range range, struct range keep,
                    uint8_t *bits)
{
    uint32_t removed = 0;

    for (uint32_t place = range.first; place < range.end; place++) {
        uint32_t rank = cu_tree_rank(tree, place);

        if (!has(bits, rank) || is_in(keep, place))
            continue;
        bits[rank / 8] &= (uint8_t) ~(1u << rank % 8);
        removed++;
    }
    return removed;
}

uint32_t cu_claims_cut(const struct cu_tree *tree, uint32_t child, uint8_t *bits)
{
    struct range own = range_of(tree, child);
    struct range lower = {0, own.first}, higher = {own.end, tree->node_count};
    uint32_t removed = cut(tree, lower, own, bits);

    return own.first < CU_CLAIMS_PLACES ? removed : removed + cut(tree, higher, own, bits);
}

uint32_t cu_claims_cut_of(const struct cu_tree *tree, uint32_t child, uint32_t other, uint8_t *bits)
{
    return cut(tree, range_of(tree, other), range_of(tree, child), bits);
}

bool cu_claims_own(const struct cu_tree *tree, uint32_t child, const uint8_t *bits)
{
    struct range own = range_of(tree, child);

    for (uint32_t place = 0; place < tree->node_count; place++)
        if (has(bits, cu_tree_rank(tree, place)) && !is_in(own, place))
            return false;
    return true;
}
