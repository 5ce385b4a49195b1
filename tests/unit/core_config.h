/* SPDX-License-Identifier: BSD-3-Clause */
/* A small core for tests, each of which changes what it is about. */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "core/core.h"

/* One tree, in which each node has one child. */
static inline struct cu_core_config small_core(uint32_t rank, uint32_t count)
{
    return (struct cu_core_config){
        .rank = rank,
        .node_count = count,
        .fanout = 1,
        .tree_count = 1,
        .cache_bytes = 1 << 20,
        .max_cacheable_bytes = 10 << 20,
        .chunk_bytes = 64 << 10,
        .inline_bytes = 16 << 10,
        .enoent_ttl_ns = UINT64_C(2000000000),
        .start_grace_ns = UINT64_C(20000000000),
        .storage_slots = 4,
        .orphan_slots = 1,
    };
}

#endif
