/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts the calls of storage operations and results that exceeded a bound. Loop thread only. */
#ifndef CU_STORAGE_TALLY_H
#define CU_STORAGE_TALLY_H

#include "storage/ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_tally {
    uint64_t *counters;           /* borrowed (core/counters.h); NULL: not counted */
    size_t listing_bytes_max;     /* for the log's line */
    bool names, listings, xattrs; /* told already, each once */
};

/* Adds what one operation on path has counted. */
void cu_tally_add(struct cu_tally *tally, const struct cu_storage_counts *counts, const char *path);
/* So many operations have no result now. */
void cu_tally_waiting(struct cu_tally *tally, uint32_t count);

#endif
