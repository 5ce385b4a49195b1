/* SPDX-License-Identifier: BSD-3-Clause */
#include "front/timing.h"

#include "core/latency.h"
#include "front/state.h"

#include <linux/fuse.h>

static enum cu_latency_op op_of_kind(enum cu_front_kind kind)
{
    switch (kind) {
    case CU_FRONT_LOOKUP_LISTING:
    case CU_FRONT_LOOKUP:
        return CU_LATENCY_LOOKUP;
    case CU_FRONT_GETATTR:
        return CU_LATENCY_GETATTR;
    case CU_FRONT_READLINK:
        return CU_LATENCY_READLINK;
    case CU_FRONT_READDIR:
        return CU_LATENCY_READDIR;
    case CU_FRONT_READ:
    case CU_FRONT_READ_SAME:
        return CU_LATENCY_READ;
    case CU_FRONT_GETXATTR:
        return CU_LATENCY_GETXATTR;
    case CU_FRONT_LISTXATTR:
        return CU_LATENCY_LISTXATTR;
    case CU_FRONT_STATFS:
        return CU_LATENCY_STATFS;
    case CU_FRONT_SEEK:
        break;
    }
    return CU_LATENCY_LSEEK;
}

static enum cu_latency_op op_of_opcode(uint32_t opcode)
{
    switch (opcode) {
    case FUSE_LOOKUP:
        return CU_LATENCY_LOOKUP;
    case FUSE_GETATTR:
        return CU_LATENCY_GETATTR;
    case FUSE_READLINK:
        return CU_LATENCY_READLINK;
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
        return CU_LATENCY_READDIR;
    case FUSE_READ:
        return CU_LATENCY_READ;
    case FUSE_GETXATTR:
        return CU_LATENCY_GETXATTR;
    case FUSE_LISTXATTR:
        return CU_LATENCY_LISTXATTR;
    case FUSE_STATFS:
        return CU_LATENCY_STATFS;
    case FUSE_IOCTL:
        return CU_LATENCY_IOCTL;
    case FUSE_LSEEK:
        return CU_LATENCY_LSEEK;
    default:
        return CU_LATENCY_OTHER;
    }
}

static void count(struct cu_front *front, enum cu_latency_op op, enum cu_core_where where,
                  int error, uint64_t since_ns)
{
    front->timing.now_ns = uv_hrtime();
    cu_latency_answered(front->config.latency, op, where, error, front->timing.now_ns - since_ns);
}

void cu_front_timing_begin(struct cu_front *front)
{
    if (front->config.latency)
        front->timing.now_ns = uv_hrtime();
}

void cu_front_timing_keep(struct cu_front *front, struct cu_front_request *r)
{
    front->timing.kept = true;
    r->since_ns = front->timing.now_ns;
}

void cu_front_timing_end(struct cu_front *front, const struct cu_front_request *r)
{
    if (front->config.latency)
        count(front, op_of_kind(r->kind), (enum cu_core_where)r->where, r->error, r->since_ns);
}

void cu_front_timing_done(struct cu_front *front, uint32_t opcode)
{
    if (front->config.latency && !front->timing.kept)
        count(front, op_of_opcode(opcode), CU_WHERE_HERE, front->timing.error,
              front->timing.now_ns);
}
