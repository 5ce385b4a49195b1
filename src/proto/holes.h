/* SPDX-License-Identifier: BSD-3-Clause */
/* The holes of one version of a file: where storage holds nothing and a reader gets zeros. One list
 * describes the whole file, however long its holes are. On the wire and in the cache: pairs of u64
 * start and end in order of the file, none empty, none touching the next, all within INT64_MAX.
 *
 * A list may be incomplete (it ends after CU_HOLES_MAX holes): everything outside of its holes is
 * data, which may be zeros. */
#ifndef CU_PROTO_HOLES_H
#define CU_PROTO_HOLES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define CU_HOLES_MAX       65536u
#define CU_HOLES_BYTES_MAX (CU_HOLES_MAX * 16u)

struct cu_hole {
    uint64_t start;
    uint64_t end;
};

/* Appends a hole after all that are in *list (NULL: none), which may be replaced by a larger one.
 * 0, -EINVAL (empty, or not after the last one), -E2BIG (there are CU_HOLES_MAX), -ENOMEM. */
__attribute__((warn_unused_result)) int cu_holes_append(struct cu_buf **list, struct cu_hole hole);
/* Is it a list as described above? NULL is one without holes. */
bool cu_holes_is_valid(const struct cu_buf *list);
/* The first hole that ends after at; false: there is none. list is valid, or NULL. */
bool cu_holes_next(const struct cu_buf *list, uint64_t at, struct cu_hole *hole);
/* Is [start, end) in one hole? */
bool cu_holes_cover(const struct cu_buf *list, uint64_t start, uint64_t end);
/* What lseek(2) with SEEK_DATA and with SEEK_HOLE yields in a file of that size, at below it. Data:
 * size when there is none. */
uint64_t cu_holes_data_from(const struct cu_buf *list, uint64_t size, uint64_t at);
uint64_t cu_holes_hole_from(const struct cu_buf *list, uint64_t size, uint64_t at);

#endif
