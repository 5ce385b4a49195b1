/* SPDX-License-Identifier: BSD-3-Clause */
/* How long answers took on a node, in microseconds. A row for each operation of the kernel and
 * place where its answer was found; and two for each kind of storage operation: how long it waited
 * for a worker, and how long the calls took. The front and the storage count into it, on the loop
 * thread. */
#ifndef CU_CORE_LATENCY_H
#define CU_CORE_LATENCY_H

#include "base/histogram.h"
#include "core/core.h"

#include <stdbool.h>
#include <stdint.h>

#define CU_WHERES (CU_WHERE_STORAGE + 1)

/* Operations of the kernel that are answered; open, access and what changes something are OTHER. */
enum cu_latency_op {
    CU_LATENCY_LOOKUP,
    CU_LATENCY_GETATTR,
    CU_LATENCY_READLINK,
    CU_LATENCY_READ,
    CU_LATENCY_READDIR,
    CU_LATENCY_GETXATTR,
    CU_LATENCY_LISTXATTR,
    CU_LATENCY_STATFS,
    CU_LATENCY_IOCTL,
    CU_LATENCY_LSEEK,
    CU_LATENCY_OTHER,
    CU_LATENCY_OPS,
};

#define CU_LATENCY_STORAGE (CU_LATENCY_OPS * CU_WHERES) /* the first row of storage operations */
#define CU_LATENCY_ROWS    (CU_LATENCY_STORAGE + 2 * (CU_KIND_COUNT - 1))

struct cu_latency {
    struct {
        uint64_t errors; /* of those counted */
        struct cu_histogram us;
    } rows[CU_LATENCY_ROWS];
};

/* An answer to the kernel. error: positive errno; such as say that there is nothing of that name,
 * and those that the kernel gets instead of an operation that it then does itself, are no errors.
 */
void cu_latency_answered(struct cu_latency *latency, enum cu_latency_op op,
                         enum cu_core_where where, int error, uint64_t ns);
/* A storage operation; storage.h tells which errors are answers. */
void cu_latency_stored(struct cu_latency *latency, enum cu_kind kind, bool failed, uint64_t wait_ns,
                       uint64_t call_ns);
/* Adds a row of another node. */
void cu_latency_add_row(struct cu_latency *latency, uint32_t row, uint64_t errors,
                        const struct cu_histogram *us);
/* What a row is of: "lookup" "parent", "storage_read" "call". */
void cu_latency_names(uint32_t row, const char **op, const char **where);

#endif
