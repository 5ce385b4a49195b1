/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CU_COPPER_SHELL_QUOTE_H
#define CU_COPPER_SHELL_QUOTE_H

/* One word as a remote shell must be given it so that it is one word there: as it is where that is
 * safe for sh, csh and fish alike, else quoted. New text; NULL when out of memory. */
char *cu_shell_quote(const char *word);

#endif
