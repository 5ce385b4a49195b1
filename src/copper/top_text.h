/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts and numbers of `copper top` that fit a given number of cells of a terminal. setlocale
 * decides how wide characters are, and whether there are others than ASCII. */
#ifndef CU_COPPER_TOP_TEXT_H
#define CU_COPPER_TOP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies as much of text as fits into width cells and size bytes; returns the cells it takes. What
 * is no character becomes "?". */
unsigned cu_top_copy(char *out, size_t size, const char *text, unsigned width);
/* name in exactly `cells` cells of the terminal, into out: cut at its end, or (tail) at its
 * beginning, filled up with blanks. */
const char *cu_top_fit(const char *name, unsigned cells, bool tail, char *out, size_t size);
/* "123", "1.5", "12.3k" a second, of thousandths. */
const char *cu_top_rate(uint64_t thousandths, char out[32]);
/* "12 us", "1.5 ms", "2.5 s"; "-" of nothing. */
const char *cu_top_time(uint64_t us, char out[32]);

#endif
