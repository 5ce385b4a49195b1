/* SPDX-License-Identifier: BSD-3-Clause */
/* Which notifications the kernel supports, and how they are sent. */
#ifndef CU_FRONT_NOTIFY_H
#define CU_FRONT_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

struct cu_front;
struct cu_invalidation;

/* Detects from the kernel's first request which notifications it supports. */
void cu_front_kernel_offers(struct cu_front *front, const void *init, size_t size);
int cu_front_notify(void *context, const struct cu_invalidation *what);
/* May the kernel be told to forget all idle nodes at once, as far as is known? */
bool cu_front_can_remount(const struct cu_front *front);

#endif
