/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of the counters, from the one list in counters.h. */
#include "core/counters.h"

#include <stddef.h>
#include <string.h>

const char *cu_counter_name(enum cu_counter counter)
{
    static const char *const names[CU_COUNTER_COUNT] = {
#define X(name) #name,
        CU_COUNTERS(X)
#undef X
    };

    return (unsigned)counter < CU_COUNTER_COUNT ? names[counter] : NULL;
}

enum cu_counter_kind cu_counter_kind(enum cu_counter counter)
{
    static const uint8_t kinds[CU_COUNTER_COUNT] = {
        [CU_COUNT_read_on_unused_bytes] = CU_GAUGE,
        [CU_COUNT_cached_bytes] = CU_GAUGE,
        [CU_COUNT_cached_objects] = CU_GAUGE,
        [CU_COUNT_children] = CU_GAUGE,
        [CU_COUNT_inode_bytes] = CU_GAUGE,
        [CU_COUNT_recovery_bytes] = CU_GAUGE,
        [CU_COUNT_loop_longest_us] = CU_GAUGE_WORST,
        [CU_COUNT_loop_busy_us] = CU_GAUGE_WORST,
        [CU_COUNT_bypass_largest] = CU_GAUGE_WORST,
        [CU_COUNT_bypass_fits] = CU_GAUGE_WORST,
        [CU_COUNT_requests_waiting] = CU_GAUGE,
        [CU_COUNT_requests_waiting_most] = CU_GAUGE_WORST,
        [CU_COUNT_storage_waiting] = CU_GAUGE,
        [CU_COUNT_storage_waiting_most] = CU_GAUGE_WORST,
    };

    return (unsigned)counter < CU_COUNTER_COUNT ? (enum cu_counter_kind)kinds[counter] : CU_COUNTS;
}

enum cu_counter_kind cu_counter_kind_of(const char *name)
{
    for (int i = 0; i < CU_COUNTER_COUNT; i++)
        if (strcmp(cu_counter_name((enum cu_counter)i), name) == 0)
            return cu_counter_kind((enum cu_counter)i);
    return CU_COUNTS;
}
