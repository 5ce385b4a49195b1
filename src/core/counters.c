/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of the counters, from the one list in counters.h. */
#include "core/counters.h"

#include <stddef.h>

const char *cu_counter_name(enum cu_counter counter)
{
    static const char *const names[CU_COUNTER_COUNT] = {
#define X(name) #name,
        CU_COUNTERS(X)
#undef X
    };

    return (unsigned)counter < CU_COUNTER_COUNT ? names[counter] : NULL;
}
