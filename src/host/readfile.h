/* SPDX-License-Identifier: BSD-3-Clause */
/* Text files read whole. */
#ifndef CU_HOST_READFILE_H
#define CU_HOST_READFILE_H

#include <stddef.h>
#include <sys/types.h>

/* A small file of the kernel (/proc, /sys): reads root + path (root: a prefix, for tests; NULL or
 * "" for none) into text, at most size - 1 bytes, NUL-terminated, trailing white space cut. Length
 * or -errno; -EFBIG when it does not fit. */
__attribute__((warn_unused_result)) ssize_t cu_readfile_small(const char *root, const char *path,
                                                              char *text, size_t size);
/* From where the descriptor stands to its end, NUL-terminated, owned by the caller. 0; -EFBIG when
 * there are more than max bytes, -ENOMEM, -errno: *text is NULL then. */
__attribute__((warn_unused_result)) int cu_readfile_all(int fd, size_t max, char **text,
                                                        size_t *size);

#endif
