/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes that the kernel gives back, a bounded number in a turn of the loop. */
#ifndef CU_FRONT_RETURNED_H
#define CU_FRONT_RETURNED_H

#include "front/fuse.h"

#include <stddef.h>

struct cu_front;

/* Before the requests of a turn are taken. */
void cu_front_returned_begin(struct cu_front *front);
/* The kernel gives these back; list is borrowed. */
void cu_front_returned_add(struct cu_front *front, const struct fuse_forget_data *list,
                           size_t count);
/* Goes on with what waits; comes again in the next turn of the loop until nothing does. */
void cu_front_returned_take(struct cu_front *front);
void cu_front_returned_free(struct cu_front *front);

#endif
