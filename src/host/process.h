/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of the whole process that are made before anything else. */
#ifndef CU_HOST_PROCESS_H
#define CU_HOST_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/* libuv's threads, which resolve names, write figures and trim memory. Half of them may
 * wait for a name service. Storage has its own. */
#define CU_PROCESS_WORKERS 16

/* Closes what was inherited above 2, sets limits, the allocator, signals and libuv's thread count.
 * To be called first, before any thread or descriptor of our own. */
void cu_process_prepare(void);
/* Closes all descriptors above 2. At the end, too: a thread that hangs in storage would keep them,
 * and so our connections, open after _exit. */
void cu_process_close_all(void);
/* Closes all descriptors above that one. */
void cu_process_close_above(int fd);
/* Closes all descriptors but that one: in a child that may outlive us, and holds pipes and locks
 * open. */
void cu_process_close_but(int fd);
/* fd (0, 1 or 2) becomes /dev/null. */
void cu_process_silence(int fd);
/* Resident memory, 0 when not known. */
uint64_t cu_process_resident_bytes(void);
void cu_process_cpu_ms(uint64_t *user_ms, uint64_t *system_ms);

#endif
