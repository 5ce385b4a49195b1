/* SPDX-License-Identifier: BSD-3-Clause */
/* Tree arithmetic: parents and children, computed from (rank, node count, fan-out, tree) alone.
 *
 * A tree over places [lo, hi): the head is lo; the rest is cut into k contiguous blocks of sizes
 * that differ by at most one, larger first, each a subtree. Tree 0 has place = rank. In the others
 * places are ranks rotated by an offset, and the heads take turns with nodes that have no children,
 * so that not the same nodes forward in all trees: a head of k blocks with the last places of all
 * of these but one. In k trees that differ in their turn alone each of these nodes is the head in
 * one. O(log N) each, no tables.
 *
 * A bulk tree, for large files: the ranks are cut into groups of neighbors, and in bulk tree t the
 * member t of each group is its head. The heads form a binary tree as above; the other members of a
 * group are children of its head. So each node has children in at most one of the bulk trees.
 * Places: the heads first, then the others. */
#ifndef CU_CORE_TREE_H
#define CU_CORE_TREE_H

#include <stddef.h>
#include <stdint.h>

struct cu_tree {
    uint32_t node_count; /* >= 1 */
    uint32_t fanout;     /* >= 1 */
    uint32_t offset;     /* a rank, place 0 without turns; of a bulk tree: the group of place 0 */
    uint32_t turn;       /* which of those that take turns is the head; 0: the head's own place */
    uint32_t groups;     /* 0: no bulk tree */
    uint32_t member;     /* of a bulk tree: which of each group is the head */
};

#define CU_TREE_BULK_MAX 15u

struct cu_tree cu_tree_make(uint32_t node_count, uint32_t fanout, uint32_t tree,
                            uint32_t tree_count);
/* How many bulk trees these nodes can have: 8 to CU_TREE_BULK_MAX, fewer for fewer than 8 nodes, 0
 * where one level is all that a tree has. */
uint32_t cu_tree_bulk_count(uint32_t node_count);
/* tree < tree_count <= cu_tree_bulk_count(node_count) */
struct cu_tree cu_tree_make_bulk(uint32_t node_count, uint32_t tree, uint32_t tree_count);
uint32_t cu_tree_place(const struct cu_tree *tree, uint32_t rank);
uint32_t cu_tree_rank(const struct cu_tree *tree, uint32_t place);
/* Parent's rank; own rank for the root. */
uint32_t cu_tree_parent(const struct cu_tree *tree, uint32_t rank);
/* Ancestors, nearest first, up to the root; returns how many there are (writes at most max). */
uint32_t cu_tree_ancestors(const struct cu_tree *tree, uint32_t rank, uint32_t *out, uint32_t max);
/* Children; returns how many there are (writes at most max). */
uint32_t cu_tree_children(const struct cu_tree *tree, uint32_t rank, uint32_t *out, uint32_t max);
/* Nodes in rank's subtree, itself included. */
uint32_t cu_tree_subtree_size(const struct cu_tree *tree, uint32_t rank);
/* The candidates for a node's parent, best first: its ancestors, then the nodes at the lowest
 * places that are not its ancestors, below its own place. Every candidate has a lower place, so
 * there are no loops, whichever nodes are dead. Returns how many written (<= max). A node with no
 * living candidate is a root. */
uint32_t cu_tree_candidates(const struct cu_tree *tree, uint32_t rank, uint32_t *out, uint32_t max);
/* Levels below rank. Not of a bulk tree. */
uint32_t cu_tree_height(const struct cu_tree *tree, uint32_t rank);
/* When none is given: docs/design/fanout.md. */
#define CU_TREE_FANOUT 2u

#endif
