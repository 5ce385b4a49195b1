/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking requests from the kernel, and going on where an earlier daemon ended. On the loop thread.
 */
#ifndef CU_FRONT_TAKEOVER_H
#define CU_FRONT_TAKEOVER_H

#include <stdint.h>

struct cu_front;

/* Readies the buffer, and the inodes that the kernel knows already. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_front_take_over(struct cu_front *front);
/* Takes one request; 1, 0 when there is none, or -ENODEV when the mount has gone. */
__attribute__((warn_unused_result)) int cu_front_take(struct cu_front *front);
/* Records the request being taken in the recovery area, because it has to wait; 0: not recorded. */
uint32_t cu_front_record(struct cu_front *front);

#endif
