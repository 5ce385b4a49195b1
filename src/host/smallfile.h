/* SPDX-License-Identifier: BSD-3-Clause */
/* Small text files of the kernel: /proc, /sys. */
#ifndef CU_HOST_SMALLFILE_H
#define CU_HOST_SMALLFILE_H

#include <stddef.h>
#include <sys/types.h>

/* Reads root + path (root: a prefix, for tests; NULL or "" for none) into text, at most size - 1
 * bytes, NUL-terminated, trailing white space cut. Length or -errno; -EFBIG when it does not fit.
 */
__attribute__((warn_unused_result)) ssize_t cu_smallfile_read(const char *root, const char *path,
                                                              char *text, size_t size);

#endif
