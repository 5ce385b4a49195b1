/* SPDX-License-Identifier: BSD-3-Clause */
/* What a long wait shows: one line of the terminal that standard error is, written anew each time.
 */
#ifndef CU_COPPER_PROGRESS_H
#define CU_COPPER_PROGRESS_H

/* The line is this text, cut to what the terminal shows in one line, so that it can be removed.
 * Standard error is a terminal. */
void cu_progress_put(const char *text);
/* Removes the line. */
void cu_progress_clear(void);

/* "copper: WHAT, 3 s", from the first second on. One line at a time; the text is copied. Does
 * nothing when standard error is not a terminal. */
void cu_progress_begin(const char *what);
/* Removes the line. To be called before anything else is printed. Does nothing when no line was
 * begun. */
void cu_progress_end(void);

#endif
