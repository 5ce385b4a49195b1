/* SPDX-License-Identifier: BSD-3-Clause */
/* Tree arithmetic. Invariants: every place but 0 has exactly one parent, which is a lower place;
 * the subtree of a place is the contiguous range that starts at it (of a bulk tree: the groups
 * whose heads are in that range). */
#include "core/tree.h"

#include <stdbool.h>

/* A group of 8 has 8 heads, one in each tree, and a head sends to at most 9 others an eighth of a
 * file each. */
#define GROUP_NODES  8u
#define GROUP_FANOUT 2u
#define BULK_NODES   4u /* with fewer, one level is all that a tree has */

/* The range [lo, hi) whose head is lo, and the block of it that holds a place. */
struct range {
    uint32_t lo;
    uint32_t hi;
};

/* As many trees as a head has turns differ in their turn, and further ones in the offset, which is
 * less than the distance of two that take turns with the root: each tree has another root. Where
 * nodes are too few for that, each has another offset. */
struct cu_tree cu_tree_make(uint32_t node_count, uint32_t fanout, uint32_t tree,
                            uint32_t tree_count)
{
    struct cu_tree made = {.node_count = node_count, .fanout = fanout};
    uint32_t turns = fanout < tree_count ? fanout : tree_count;
    uint32_t offsets = (tree_count + turns - 1) / turns;

    if (node_count / 2 / turns < offsets) {
        turns = 1;
        offsets = tree_count;
    }
    made.turn = tree / offsets;
    made.offset = (uint32_t)((uint64_t)(tree % offsets) * node_count / offsets / turns);
    return made;
}

/* --- groups ---------------------------------------------------------------------------------- */

/* Sizes differ by at most one, larger first. */
static uint32_t group_start(const struct cu_tree *tree, uint32_t group)
{
    uint32_t size = tree->node_count / tree->groups, larger = tree->node_count % tree->groups;

    return group * size + (group < larger ? group : larger);
}

static uint32_t group_of(const struct cu_tree *tree, uint32_t rank)
{
    uint32_t size = tree->node_count / tree->groups, larger = tree->node_count % tree->groups;

    if (rank < larger * (size + 1))
        return rank / (size + 1);
    return larger + (rank - larger * (size + 1)) / size;
}

static uint32_t head_rank(const struct cu_tree *tree, uint32_t place)
{
    return group_start(tree, (place + tree->offset) % tree->groups) + tree->member;
}

static uint32_t head_place(const struct cu_tree *tree, uint32_t group)
{
    return group >= tree->offset ? group - tree->offset : group + tree->groups - tree->offset;
}

/* The rank at a place behind the heads: number i of those that are none. */
static uint32_t other_rank(const struct cu_tree *tree, uint32_t i)
{
    uint32_t others = tree->node_count / tree->groups - 1;
    uint32_t larger = tree->node_count % tree->groups;
    uint32_t group, at;

    if (i < larger * (others + 1))
        group = i / (others + 1);
    else
        group = larger + (i - larger * (others + 1)) / others;
    at = i - (group_start(tree, group) - group);
    return group_start(tree, group) + at + (at >= tree->member ? 1 : 0);
}

uint32_t cu_tree_bulk_count(uint32_t node_count)
{
    uint32_t groups = node_count / GROUP_NODES;

    if (node_count < BULK_NODES)
        return 0;
    return groups ? node_count / groups : node_count;
}

struct cu_tree cu_tree_make_bulk(uint32_t node_count, uint32_t tree, uint32_t tree_count)
{
    struct cu_tree made = {.node_count = node_count, .fanout = GROUP_FANOUT, .member = tree};

    made.groups = node_count < GROUP_NODES ? 1 : node_count / GROUP_NODES;
    made.offset = (uint32_t)((uint64_t)tree * made.groups / tree_count);
    return made;
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* The places that are cut into blocks: those of a bulk tree's heads, or all. */
static struct range all_blocks(const struct cu_tree *tree)
{
    return (struct range){0, tree->groups ? tree->groups : tree->node_count};
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

/* Which block holds a place below the head. */
static uint32_t block_index(const struct cu_tree *tree, struct range range, uint32_t place)
{
    uint32_t rest = range.hi - range.lo - 1;
    uint32_t blocks = block_count(tree, range);
    uint32_t size = rest / blocks, larger = rest % blocks;
    uint32_t i = place - range.lo - 1;

    if (i < larger * (size + 1))
        return i / (size + 1);
    return larger + (i - larger * (size + 1)) / size;
}

static struct range block_of(const struct cu_tree *tree, struct range range, uint32_t place)
{
    return block_at(tree, range, block_index(tree, range, place));
}

/* --- turns ----------------------------------------------------------------------------------- */

/* Number i of the places that take turns with the head of a range: itself, and the last place of
 * each block but the last block, whose last place takes turns with a head further up, or with none.
 * The last place of a range has no children. */
static uint32_t turn_at(const struct cu_tree *tree, struct range range, uint32_t i)
{
    return i == 0 ? range.lo : block_at(tree, range, i - 1).hi - 1;
}

/* The place of the node that has this one at turn 0, or the other way round. */
static uint32_t take_turns(const struct cu_tree *tree, uint32_t place, bool back)
{
    struct range range = all_blocks(tree);
    uint32_t blocks = block_count(tree, range), i = 0, turn;

    if (tree->turn == 0)
        return place;
    while (place != range.lo && i == 0) {
        uint32_t block = block_index(tree, range, place);
        struct range below = block_at(tree, range, block);

        if (place == below.hi - 1 && block + 1 < blocks) {
            i = block + 1;
        } else {
            range = below;
            blocks = block_count(tree, range);
        }
    }
    if (blocks == 0)
        return place;
    turn = tree->turn % blocks;
    return turn_at(tree, range, (i + (back ? turn : blocks - turn)) % blocks);
}

/* --- places ---------------------------------------------------------------------------------- */

uint32_t cu_tree_place(const struct cu_tree *tree, uint32_t rank)
{
    uint32_t group, at;

    if (!tree->groups) {
        at = rank >= tree->offset ? rank - tree->offset : rank + tree->node_count - tree->offset;
        return take_turns(tree, at, false);
    }
    group = group_of(tree, rank);
    at = rank - group_start(tree, group);
    if (at == tree->member)
        return head_place(tree, group);
    return tree->groups + rank - group - (at > tree->member ? 1 : 0);
}

uint32_t cu_tree_rank(const struct cu_tree *tree, uint32_t place)
{
    if (!tree->groups) {
        place = take_turns(tree, place, true);
        return (uint32_t)(((uint64_t)place + tree->offset) % tree->node_count);
    }
    return place < tree->groups ? head_rank(tree, place) : other_rank(tree, place - tree->groups);
}

/* The place that is looked for among the blocks: a bulk tree's group has that of its head. */
static uint32_t block_place(const struct cu_tree *tree, uint32_t rank)
{
    return tree->groups ? head_place(tree, group_of(tree, rank)) : cu_tree_place(tree, rank);
}

/* Is it a member of a bulk tree's group, and not its head? */
static bool is_other(const struct cu_tree *tree, uint32_t rank)
{
    return tree->groups && cu_tree_place(tree, rank) >= tree->groups;
}

/* --- ancestors and children ------------------------------------------------------------------ */

/* The range headed by a place; parent receives the head above it (the place itself for the root).
 */
static struct range find_range(const struct cu_tree *tree, uint32_t place, uint32_t *parent)
{
    struct range range = all_blocks(tree);

    *parent = place;
    while (range.lo != place) {
        *parent = range.lo;
        range = block_of(tree, range, place);
    }
    return range;
}

uint32_t cu_tree_parent(const struct cu_tree *tree, uint32_t rank)
{
    uint32_t place = block_place(tree, rank), parent;

    find_range(tree, place, &parent);
    return cu_tree_rank(tree, is_other(tree, rank) ? place : parent);
}

uint32_t cu_tree_ancestors(const struct cu_tree *tree, uint32_t rank, uint32_t *out, uint32_t max)
{
    uint32_t place = block_place(tree, rank);
    struct range range = all_blocks(tree);
    uint32_t depth = is_other(tree, rank) ? 1 : 0, own = depth, count;

    while (range.lo != place) {
        range = block_of(tree, range, place);
        depth++;
    }
    /* The second descent meets the root first: ancestor i from the top is number depth-1-i. */
    range = all_blocks(tree);
    for (count = depth; count > own; count--) {
        if (count - 1 < max)
            out[count - 1] = cu_tree_rank(tree, range.lo);
        range = block_of(tree, range, place);
    }
    if (own && max > 0)
        out[0] = cu_tree_rank(tree, place);
    return depth;
}

uint32_t cu_tree_children(const struct cu_tree *tree, uint32_t rank, uint32_t *out, uint32_t max)
{
    uint32_t parent, place = block_place(tree, rank), count = 0;
    struct range range = find_range(tree, place, &parent);
    uint32_t group, end, blocks = block_count(tree, range);

    if (is_other(tree, rank))
        return 0;
    for (; count < blocks; count++)
        if (count < max)
            out[count] = cu_tree_rank(tree, block_at(tree, range, count).lo);
    if (!tree->groups)
        return count;
    group = group_of(tree, rank);
    end = group_start(tree, group + 1);
    for (uint32_t other = group_start(tree, group); other < end; other++) {
        if (other == rank)
            continue;
        if (count < max)
            out[count] = other;
        count++;
    }
    return count;
}

uint32_t cu_tree_subtree_size(const struct cu_tree *tree, uint32_t rank)
{
    uint32_t parent, first, end;
    struct range range = find_range(tree, block_place(tree, rank), &parent);

    if (!tree->groups)
        return range.hi - range.lo;
    if (is_other(tree, rank))
        return 1;
    if (range.hi - range.lo == tree->groups)
        return tree->node_count;
    first = group_start(tree, (range.lo + tree->offset) % tree->groups);
    end = group_start(tree, (range.hi + tree->offset) % tree->groups);
    return end > first ? end - first : end + tree->node_count - first;
}

uint32_t cu_tree_height(const struct cu_tree *tree, uint32_t rank)
{
    uint32_t size = cu_tree_subtree_size(tree, rank), levels = 0;

    for (; size > 1; levels++) /* the first block of a range is the largest */
        size = (size - 1 + tree->fanout - 1) / tree->fanout;
    return levels;
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
