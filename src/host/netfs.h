/* SPDX-License-Identifier: BSD-3-Clause */
/* Which file systems many nodes share over a network, and copper run therefore serves. The one
 * place that says so. */
#ifndef CU_HOST_NETFS_H
#define CU_HOST_NETFS_H

#include <stdbool.h>

/* type, source: as in mountinfo (proc(5)). more: further types with commas, of the site; NULL or
 * "": none. */
bool cu_netfs_is(const char *type, const char *source, const char *more);
/* 0; -EINVAL: not a list of types with commas. */
__attribute__((warn_unused_result)) int cu_netfs_check(const char *more);

#endif
