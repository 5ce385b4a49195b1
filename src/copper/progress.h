/* SPDX-License-Identifier: BSD-3-Clause */
/* "copper: WHAT, 3 s" on the terminal of standard error, from the first second on. */
#ifndef CU_COPPER_PROGRESS_H
#define CU_COPPER_PROGRESS_H

/* One line at a time; the text is copied. Does nothing when standard error is not a terminal. */
void cu_progress_begin(const char *what);
/* Removes the line. To be called before anything else is printed. Does nothing when no line was
 * begun. */
void cu_progress_end(void);

#endif
