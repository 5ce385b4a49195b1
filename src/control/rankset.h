/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of ranks, and its text "0-3,7": how results gathered from a tree say whom they speak for.
 */
#ifndef CU_CONTROL_RANKSET_H
#define CU_CONTROL_RANKSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_rankset {
    uint32_t limit; /* ranks are below it */
    uint32_t count;
    uint8_t *bits; /* owned */
};

__attribute__((warn_unused_result)) int cu_rankset_init(struct cu_rankset *set, uint32_t limit);
void cu_rankset_free(struct cu_rankset *set);
bool cu_rankset_has(const struct cu_rankset *set, uint32_t rank);
/* True when rank was not in it (and is below the limit). */
bool cu_rankset_add(struct cu_rankset *set, uint32_t rank);
void cu_rankset_remove(struct cu_rankset *set, uint32_t rank);
/* Is a rank in both? The limits are the same. */
bool cu_rankset_meet(const struct cu_rankset *a, const struct cu_rankset *b);
void cu_rankset_add_all(struct cu_rankset *set, const struct cu_rankset *more);
/* Adds the ranks of text. -EINVAL when it is not such a text or names a rank at or over the limit;
 * what stood before that is added. */
__attribute__((warn_unused_result)) int cu_rankset_add_text(struct cu_rankset *set,
                                                            const char *text);
/* New text, NULL when out of memory. */
char *cu_rankset_text(const struct cu_rankset *set);

#endif
