/* SPDX-License-Identifier: BSD-3-Clause */
/* For which ranks a child may speak: in READY, and in results that are gathered up the tree. A
 * child answers for all nodes below it, and one that lies could hide that others are not ready, or
 * were not reached. */
#ifndef CU_CORE_CLAIMS_H
#define CU_CORE_CLAIMS_H

#include "core/tree.h"

#include <stdbool.h>

/* A node tries so many parents. Nodes at lower places than this may get children from anywhere. */
#define CU_CLAIMS_PLACES 12u

/* Each removes ranks from a set (bit r of bits: rank r) of ranks that child named, and returns how
 * many. */
/* Those that cannot be below child whichever nodes are dead: neither in its subtree, nor at a
 * higher place than one that takes in any orphan. */
uint32_t cu_claims_cut(const struct cu_tree *tree, uint32_t child, uint8_t *bits);
/* Those in the subtree of another child of the same node, and not in child's own: they would be
 * below that one. */
uint32_t cu_claims_cut_of(const struct cu_tree *tree, uint32_t child, uint32_t other,
                          uint8_t *bits);
/* Are all ranks of the set in child's subtree? */
bool cu_claims_own(const struct cu_tree *tree, uint32_t child, const uint8_t *bits);

#endif
