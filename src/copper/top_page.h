/* SPDX-License-Identifier: BSD-3-Clause */
/* The page that `copper top` shows: lines of text for a given width and height, made of the model
 * alone. No line is wider than the page, whatever stands in names, and none has a character that
 * moves a cursor. setlocale decides how wide characters are, and whether there are others than
 * ASCII. */
#ifndef CU_COPPER_TOP_PAGE_H
#define CU_COPPER_TOP_PAGE_H

#include "copper/top_model.h"
#include "screen/screen.h"

#define CU_TOP_WIDTH_MAX 1000u

struct cu_top_page {
    unsigned width;               /* 0: as wide as the lines are */
    unsigned height;              /* 0: as long as the lists are */
    struct cu_screen_line *lines; /* owned, with their texts */
    unsigned count, room;
    bool lacks; /* out of memory: some lines are not there */
};

/* Makes the page anew; model: its scroll is made to fit. Returns the rows of the list that are
 * visible. */
uint32_t cu_top_page_make(struct cu_top_page *page, struct cu_top_model *model);
/* All views below each other, without the lines of the keys: for --once. */
void cu_top_page_all(struct cu_top_page *page, struct cu_top_model *model);
void cu_top_page_free(struct cu_top_page *page);

/* For top_page.c and top_tree.c: */
/* Adds a line, cut to the width. */
__attribute__((format(printf, 3, 4))) void
cu_top_page_add(struct cu_top_page *page, enum cu_screen_style style, const char *format, ...);
const char *cu_top_state_name(enum cu_top_state state);
enum cu_screen_style cu_top_state_style(enum cu_top_state state);
/* The lines of the tree: those from `first` on, at most max. Returns how many there are in all. */
uint32_t cu_top_tree(struct cu_top_page *page, const struct cu_top_model *model, uint32_t first,
                     uint32_t max);

#endif
