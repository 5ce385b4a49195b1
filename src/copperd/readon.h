/* SPDX-License-Identifier: BSD-3-Clause */
/* Drives reading on (ahead/readon.h) with the storage operations of this node. On the loop
 * thread. */
#ifndef CU_COPPERD_READON_H
#define CU_COPPERD_READON_H

#include <stdint.h>

struct cu_core_config;
struct cu_daemon;
struct cu_readon;
struct cu_value;

/* NULL: out of memory. As long as the process. */
struct cu_readon *cu_daemon_readon(struct cu_daemon *daemon, const struct cu_core_config *limits);
/* Storage has answered; to be called before the core is told. */
void cu_daemon_read_on(struct cu_daemon *daemon, uint64_t id, const struct cu_value *value);

#endif
