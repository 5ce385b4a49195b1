/* SPDX-License-Identifier: BSD-3-Clause */
/* Tree arithmetic. Invariants: every place but 0 has exactly one parent, which is a lower place;
 * the subtree of a place is the contiguous range that starts at it. */
#include "core/tree.h"

/* With a rotation by N/T alone, heads of blocks would fall on heads of blocks, so that the same
 * nodes forward in all trees (docs/design/trees.md). In a small job it does not matter. */
#define SHIFT       3u
#define SHIFT_NODES 64u

/* The range [lo, hi) whose head is lo, and the block of it that holds a place. */
struct range {
    uint32_t lo;
    uint32_t hi;
};

struct cu_tree cu_tree_make(uint32_t node_count, uint32_t fanout, uint32_t tree,
                            uint32_t tree_count)
{
    struct cu_tree made = {.node_count = node_count, .fanout = fanout};

    made.offset = (uint32_t)((uint64_t)tree * node_count / tree_count);
    if (node_count >= SHIFT_NODES && node_count / tree_count > SHIFT * (tree_count - 1))
        made.offset += SHIFT * tree;
    return made;
}

uint32_t cu_tree_place(const struct cu_tree *tree, uint32_t rank)
{
    return rank >= tree->offset ? rank - tree->offset : rank + tree->node_count - tree->offset;
}

uint32_t cu_tree_rank(const struct cu_tree *tree, uint32_t place)
{
    return (uint32_t)(((uint64_t)place + tree->offset) % tree->node_count);
}

/* Number of blocks below the head of a range. */
static uint32_t block_count(const struct cu_tree *tree, struct range range)
{
    uint32_t rest = range.hi - range.lo - 1;

    return rest < tree->fanout ? rest : tree->fanout;
}

static struct range block_at(const struct cu_tree *tree, struct range range, uint32_t i)
{
    uint32_t rest = range.hi - range.lo - 1;
    uint32_t blocks = block_count(tree, range);
    uint32_t size = rest / blocks, larger = rest % blocks;
    struct range block;

    block.lo = range.lo + 1 + i * size + (i < larger ? i : larger);
    block.hi = block.lo + size + (i < larger ? 1 : 0);
    return block;
}

static struct range block_of(const struct cu_tree *tree, struct range range, uint32_t place)
{
    uint32_t rest = range.hi - range.lo - 1;
    uint32_t blocks = block_count(tree, range);
    uint32_t size = rest / blocks, larger = rest % blocks;
    uint32_t i = place - range.lo - 1;

    if (i < larger * (size + 1))
        return block_at(tree, range, i / (size + 1));
    return block_at(tree, range, larger + (i - larger * (size + 1)) / size);
}

/* The range headed by a place; parent receives the head above it (the place itself for the root).
 */
static struct range find_range(const struct cu_tree *tree, uint32_t place, uint32_t *parent)
{
    struct range range = {0, tree->node_count};

    *parent = place;
    while (range.lo != place) {
        *parent = range.lo;
        range = block_of(tree, range, place);
    }
    return range;
}

uint32_t cu_tree_parent(const struct cu_tree *tree, uint32_t rank)
{
    uint32_t parent;

    find_range(tree, cu_tree_place(tree, rank), &parent);
    return cu_tree_rank(tree, parent);
}

uint32_t cu_tree_ancestors(const struct cu_tree *tree, uint32_t rank, uint32_t *out, uint32_t max)
{
    uint32_t place = cu_tree_place(tree, rank);
    struct range range = {0, tree->node_count};
    uint32_t depth = 0, count;

    while (range.lo != place) {
        range = block_of(tree, range, place);
        depth++;
    }
    /* The second descent meets the root first: ancestor i from the top is number depth-1-i. */
    range = (struct range){0, tree->node_count};
    for (count = depth; count > 0; count--) {
        if (count - 1 < max)
            out[count - 1] = cu_tree_rank(tree, range.lo);
        range = block_of(tree, range, place);
    }
    return depth;
}

uint32_t cu_tree_children(const struct cu_tree *tree, uint32_t rank, uint32_t *out, uint32_t max)
{
    uint32_t parent;
    struct range range = find_range(tree, cu_tree_place(tree, rank), &parent);
    uint32_t blocks = block_count(tree, range);

    for (uint32_t i = 0; i < blocks && i < max; i++)
        out[i] = cu_tree_rank(tree, block_at(tree, range, i).lo);
    return blocks;
}

uint32_t cu_tree_subtree_size(const struct cu_tree *tree, uint32_t rank)
{
    uint32_t parent;
    struct range range = find_range(tree, cu_tree_place(tree, rank), &parent);

    return range.hi - range.lo;
}

uint32_t cu_tree_candidates(const struct cu_tree *tree, uint32_t rank, uint32_t *out, uint32_t max)
{
    uint32_t place = cu_tree_place(tree, rank);
    uint32_t count = cu_tree_ancestors(tree, rank, out, max);

    if (count > max)
        count = max;
    for (uint32_t lower = 0, ancestors = count; lower < place && count < max; lower++) {
        uint32_t candidate = cu_tree_rank(tree, lower);
        uint32_t i = 0;

        while (i < ancestors && out[i] != candidate)
            i++;
        if (i == ancestors)
            out[count++] = candidate;
    }
    return count;
}

uint32_t cu_tree_default_fanout(uint32_t node_count)
{
    /* A large job is limited by a parent's CPU, not by the number of levels (7 at 10,624 nodes):
     * docs/design/fanout.md. */
    return node_count <= 16 ? 2 : 4;
}
