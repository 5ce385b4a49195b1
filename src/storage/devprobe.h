/* SPDX-License-Identifier: BSD-3-Clause */
/* Do the files of an overlay show devices of their own? They do where its layers are of several
 * file systems and the kernel cannot make one space of their inode numbers ("xino"). Then the
 * number of a file is that of another file of another layer, and a directory's is counted by the
 * kernel as it is seen: another one on the next node, and after a while. Neither the mount's type
 * nor its options tell; a file does. */
#ifndef CU_STORAGE_DEVPROBE_H
#define CU_STORAGE_DEVPROBE_H

#include "storage/fsmap.h"

/* Looks for a file on that mount, from its root on, in a bounded number of directories, and at no
 * other mount. 1: its device is not the mount's; 0: it is; -ENODATA: no file was found. May
 * block. */
int cu_devprobe_try(const struct cu_fsmap *map, const struct cu_fsmap_mount *mount);

#endif
