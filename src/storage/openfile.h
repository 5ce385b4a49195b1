/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a regular file of storage to be read. Any thread; may block. */
#ifndef CU_STORAGE_OPENFILE_H
#define CU_STORAGE_OPENFILE_H

#include <stdint.h>

/* A descriptor, or a negative errno. What is not a regular file may be opened, too, but never
 * waited for; a link is -ELOOP. Does not change the time of access where that can be avoided. What
 * storage answers only because of flags that no program of the job has used is not the result: then
 * it is asked again without them. no_atime_refused: atomic, kept between calls; this user may not
 * use O_NOATIME. opens: how often storage was asked is added. */
__attribute__((warn_unused_result)) int cu_openfile(const char *path, int *no_atime_refused,
                                                    uint32_t *opens);

#endif
