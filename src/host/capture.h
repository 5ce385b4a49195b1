/* SPDX-License-Identifier: BSD-3-Clause */
/* What a library's helper process writes to our standard error, for the text of an error: it knows
 * why, and tells nobody else. */
#ifndef CU_HOST_CAPTURE_H
#define CU_HOST_CAPTURE_H

#include <stddef.h>

struct cu_capture {
    int saved, file; /* -1: what is said goes where it went before */
};

/* Standard error goes into memory from now on. Best effort. For a moment in which no other thread
 * has anything to say there. */
void cu_capture_begin(struct cu_capture *capture);
/* Puts it back; the last line that was written, without its newline, into out. */
void cu_capture_end(struct cu_capture *capture, char *out, size_t size);

#endif
