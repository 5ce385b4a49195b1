/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures what a library's helper process writes to standard error, for an error text: the reason
 * of its failure is available nowhere else. */
#ifndef CU_HOST_CAPTURE_H
#define CU_HOST_CAPTURE_H

#include <stddef.h>

struct cu_capture {
    int saved, file; /* -1: what is said goes where it went before */
};

/* Redirects standard error into memory. Best effort. To be used while no other thread writes to
 * standard error. */
void cu_capture_begin(struct cu_capture *capture);
/* Puts it back; the last line that was written, without its newline, into out. */
void cu_capture_end(struct cu_capture *capture, char *out, size_t size);

#endif
