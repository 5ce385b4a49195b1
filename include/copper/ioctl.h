/* SPDX-License-Identifier: BSD-3-Clause */
/* ioctl(2) requests on an open descriptor of a Copper mount's root directory.
 *
 *   int fd = open("/tmp/alice/copper", O_RDONLY | O_DIRECTORY);
 *   struct copper_counters c;
 *   ioctl(fd, COPPER_IOC_COUNTERS, &c);
 *
 * Any other request, and these on any other file, fail with ENOTTY. */
#ifndef COPPER_IOCTL_H
#define COPPER_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define COPPER_COUNTERS_MAX 120

/* count values are filled; their names and order are those of `copper stats --json`. New ones are
 * only added at the end. */
struct copper_counters {
    __u32 version; /* 1 */
    __u32 count;
    __u64 values[COPPER_COUNTERS_MAX];
};

#define COPPER_IOC_COUNTERS _IOR('C', 1, struct copper_counters) /* read the counters */
#define COPPER_IOC_DROP     _IO('C', 2)                          /* drop this node's caches */

#endif
