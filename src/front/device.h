/* SPDX-License-Identifier: BSD-3-Clause */
/* The FUSE device of a session. */
#ifndef CU_FRONT_DEVICE_H
#define CU_FRONT_DEVICE_H

struct cu_front;

/* Once the session is mounted, before it is read. 0 or -errno. */
int cu_front_device_hook(struct cu_front *front);

#endif
