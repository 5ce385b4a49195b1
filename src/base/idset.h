/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of small numbers and its text "0-3,7": cores as in taskset(1), ranks in results that are
 * gathered from a tree. */
#ifndef CU_BASE_IDSET_H
#define CU_BASE_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_idset {
    uint32_t limit; /* ids are below it */
    uint32_t count;
    uint8_t *bits; /* owned */
};

__attribute__((warn_unused_result)) int cu_idset_init(struct cu_idset *set, uint32_t limit);
void cu_idset_free(struct cu_idset *set);
bool cu_idset_has(const struct cu_idset *set, uint32_t id);
/* True when id was not in it (and is below the limit). */
bool cu_idset_add(struct cu_idset *set, uint32_t id);
void cu_idset_remove(struct cu_idset *set, uint32_t id);
/* Is an id in both? The limits are the same. */
bool cu_idset_meet(const struct cu_idset *a, const struct cu_idset *b);
void cu_idset_add_all(struct cu_idset *set, const struct cu_idset *more);
/* Adds the ids of text; "" has none. -EINVAL when it is not such a text (blanks are no part of it),
 * -ERANGE when it names an id at or over the limit; what stood before that is added. */
__attribute__((warn_unused_result)) int cu_idset_add_text(struct cu_idset *set, const char *text);
/* The least id at or above `from`; the limit: there is none. */
uint32_t cu_idset_next(const struct cu_idset *set, uint32_t from);
/* New text, NULL when out of memory. */
char *cu_idset_text(const struct cu_idset *set);

#endif
