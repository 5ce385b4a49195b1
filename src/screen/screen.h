/* SPDX-License-Identifier: BSD-3-Clause */
/* A terminal as a page of lines, for `copper top`. A shared object of its own, which copper loads
 * when it is needed: no other command should need the curses library, or the time to load it. One
 * thread. */
#ifndef CU_SCREEN_SCREEN_H
#define CU_SCREEN_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#define CU_SCREEN_VERSION 1u
#define CU_SCREEN_SYMBOL  "cu_screen_ops"

enum cu_screen_style {
    CU_SCREEN_PLAIN,
    CU_SCREEN_STRONG,
    CU_SCREEN_HEADING,
    CU_SCREEN_BAD,
    CU_SCREEN_WARN,
};

/* Keys beyond those of characters. */
enum cu_screen_key {
    CU_SCREEN_NO_KEY = 0x110000,
    CU_SCREEN_UP,
    CU_SCREEN_DOWN,
    CU_SCREEN_LEFT,
    CU_SCREEN_RIGHT,
    CU_SCREEN_PAGE_UP,
    CU_SCREEN_PAGE_DOWN,
    CU_SCREEN_HOME,
    CU_SCREEN_END,
    CU_SCREEN_ERASE, /* backspace */
    CU_SCREEN_OTHER, /* a new size, or a key that stands for nothing here */
};

struct cu_screen_line {
    const char *text; /* borrowed; printable, in the locale's encoding, not wider than the screen */
    enum cu_screen_style style;
};

struct cu_screen_ops {
    unsigned version; /* CU_SCREEN_VERSION */
    /* Takes standard input and output over; setlocale was called. 0, or -1 with one line of text:
     * the terminal is not known, or cannot move its cursor. */
    int (*open)(bool colours, char *error, size_t size);
    void (*measure)(unsigned *width, unsigned *height);
    void (*draw)(const struct cu_screen_line *lines, unsigned count);
    /* A character, a cu_screen_key, CU_SCREEN_NO_KEY at once when none was pressed. */
    int (*key)(void);
    /* The terminal is as it was before. */
    void (*close)(void);
};

#endif
