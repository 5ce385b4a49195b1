/* SPDX-License-Identifier: BSD-3-Clause */
/* "copper: WHAT, 3 s" on the terminal of standard error, from the first second on. */
#ifndef CU_COPPER_PROGRESS_H
#define CU_COPPER_PROGRESS_H

/* One at a time; what is copied. Nothing happens where standard error is no terminal. */
void cu_progress_begin(const char *what);
/* Takes the line away. Before anything else is printed. Harmless without a beginning. */
void cu_progress_end(void);

#endif
