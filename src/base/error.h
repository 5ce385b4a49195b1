/* SPDX-License-Identifier: BSD-3-Clause */
/* Error text for users: one line that names the error, its place, and what would be right. Only
 * start-up and the command line use it; everywhere else a negative errno is enough. */
#ifndef CU_BASE_ERROR_H
#define CU_BASE_ERROR_H

#define CU_ERROR_TEXT_MAX 512

struct cu_error {
    char text[CU_ERROR_TEXT_MAX]; /* NUL-terminated, no newline; cut with "..." when too long */
};

/* Writes the text into err (which may be NULL) and returns code, so that
 * `return cu_error_set(err, -EINVAL, "...", ...)` reads as one step. */
__attribute__((format(printf, 3, 4))) int cu_error_set(struct cu_error *err, int code,
                                                       const char *format, ...);

/* The positive errno as a process may see it. Some file systems let errors of the kernel's own out
 * (512 and above: ENOTSUPP and others of NFS), which FUSE takes from nobody: its request would
 * never be answered. Those with a meaning for processes become that, all others EIO. */
int cu_error_shown(int error);

#endif
