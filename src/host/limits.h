/* SPDX-License-Identifier: BSD-3-Clause */
/* The limits of this process (ulimit): too low ones would be hit later, at a place that says
 * nothing of them, or end the process, as libuv does when it cannot have its threads. */
#ifndef CU_HOST_LIMITS_H
#define CU_HOST_LIMITS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_limits_need {
    uint64_t files;         /* open files */
    unsigned tasks;         /* threads and processes beside this one */
    uint64_t address_bytes; /* address space; 0: any will do */
};

/* Raises the soft limits as far as the hard ones allow, and sets the size of stacks. Then checks
 * that all of need can be had. where: "this node", "this shell". 0, or -E2BIG with err, which names
 * the limit, its value and what is needed. Call it while there are no other threads. */
__attribute__((warn_unused_result)) int cu_limits_check(const struct cu_limits_need *need,
                                                        const char *where, struct cu_error *err);
/* How many threads or processes can be started now, at most max. Found by trying: the user's other
 * processes count, and the control group has a limit, too. */
unsigned cu_limits_tasks(unsigned max);
/* The address space that this process may have in all; UINT64_MAX: no limit. */
uint64_t cu_limits_address_bytes(void);

#endif
