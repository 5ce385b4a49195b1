/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows are counted by place, and named here. */
#include "core/latency.h"

#include <errno.h>

static void count(struct cu_latency *latency, uint32_t row, bool failed, uint64_t ns)
{
    latency->rows[row].errors += failed;
    cu_histogram_add(&latency->rows[row].us, ns / 1000);
}

static bool is_failure(enum cu_latency_op op, int error)
{
    switch (error) {
    case 0:
    case ENOSYS:
    case EROFS:
    case ENOTTY:
        return false;
    case ENOENT:
        return op != CU_LATENCY_LOOKUP;
    case ENXIO:
        return op != CU_LATENCY_LSEEK;
    case ENODATA:
    case EOPNOTSUPP:
    case ERANGE:
        return op != CU_LATENCY_GETXATTR && op != CU_LATENCY_LISTXATTR;
    default:
        return true;
    }
}

void cu_latency_answered(struct cu_latency *latency, enum cu_latency_op op,
                         enum cu_core_where where, int error, uint64_t ns)
{
    count(latency, (uint32_t)op * CU_WHERES + (uint32_t)where, is_failure(op, error), ns);
}

void cu_latency_stored(struct cu_latency *latency, enum cu_kind kind, bool failed, uint64_t wait_ns,
                       uint64_t call_ns)
{
    uint32_t row = CU_LATENCY_STORAGE + 2 * ((uint32_t)kind - CU_KIND_ATTR);

    if (kind < CU_KIND_ATTR || kind >= CU_KIND_COUNT)
        return;
    count(latency, row, false, wait_ns);
    count(latency, row + 1, failed, call_ns);
}

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a > INT64_MAX || b > INT64_MAX - a ? INT64_MAX : a + b;
}

void cu_latency_add_row(struct cu_latency *latency, uint32_t row, uint64_t errors,
                        const struct cu_histogram *us)
{
    latency->rows[row].errors = sum_of(latency->rows[row].errors, errors);
    cu_histogram_merge(&latency->rows[row].us, us);
}

void cu_latency_names(uint32_t row, const char **op, const char **where)
{
    static const char *const ops[CU_LATENCY_OPS] = {
        "lookup",    "getattr", "readlink", "read",  "readdir", "getxattr",
        "listxattr", "statfs",  "ioctl",    "lseek", "other",
    };
    static const char *const wheres[CU_WHERES] = {"here", "flight", "parent", "storage"};
    static const char *const kinds[CU_KIND_COUNT] = {
        [CU_KIND_ATTR] = "storage_stat",   [CU_KIND_DIR] = "storage_readdir",
        [CU_KIND_DATA] = "storage_read",   [CU_KIND_STATFS] = "storage_statfs",
        [CU_KIND_XATTR] = "storage_xattr", [CU_KIND_HOLES] = "storage_holes",
    };

    if (row < CU_LATENCY_STORAGE) {
        *op = ops[row / CU_WHERES];
        *where = wheres[row % CU_WHERES];
    } else {
        *op = kinds[CU_KIND_ATTR + (row - CU_LATENCY_STORAGE) / 2];
        *where = (row - CU_LATENCY_STORAGE) % 2 == 0 ? "wait" : "call";
    }
}
