/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which a listing is shown, and cursors into it. An entry's cursor is made of its
 * name's hash alone, and entries are shown by ascending cursor. So a cursor means the same place in
 * every listing of the directory, whenever it was read and whoever holds it: a reader that
 * continues from a cursor, in whichever listing is current then, sees each name that existed all
 * the time exactly once. The name that a cursor was made of need not exist any more.
 *
 * Names with the same hash get consecutive cursors. In practice such names exist only when they
 * were constructed for this purpose; only if such names are created and removed during a walk,
 * another one of them can be missed. */
#ifndef CU_PROTO_ORDER_H
#define CU_PROTO_ORDER_H

#include "proto/dir.h"

/* Cursors of entries are from here to 2^62 + CU_ORDER_FIRST; below it are those of "." and "..". */
#define CU_ORDER_FIRST 3u

struct cu_order {
    const struct cu_dir_index *index; /* borrowed, must outlive it */
    uint32_t *positions;              /* owned: index->count of the index, in the order shown */
};

/* A position of a reader: the next entry, and the cursor of the one before it. */
struct cu_order_at {
    uint32_t next;
    uint64_t cursor;
};

/* 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_order_build(struct cu_order *order,
                                                       const struct cu_dir_index *index);
void cu_order_free(struct cu_order *order);
/* The place after a cursor; 0 to CU_ORDER_FIRST - 1: the beginning. */
struct cu_order_at cu_order_after(const struct cu_order *order, uint64_t cursor);
/* The entry at this place (at->next < index->count), and on to the next. */
struct cu_dirent cu_order_take(const struct cu_order *order, struct cu_order_at *at);
/* Entry i < index->count in the order shown. */
struct cu_dirent cu_order_entry(const struct cu_order *order, uint32_t i);
/* The position at which name is shown; -1: it is not in the listing. */
int64_t cu_order_find(const struct cu_order *order, const char *name, size_t name_len);

#endif
