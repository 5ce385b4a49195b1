/* SPDX-License-Identifier: BSD-3-Clause */
/* With ncurses. It handles SIGTSTP (the terminal is as before while the program is stopped) and
 * SIGWINCH itself; the signals that end the program are the caller's. */
#include "screen/screen.h"

#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <term.h>
#include <unistd.h>

static SCREEN *screen;
static bool coloured;

static int fail(char *error, size_t size, const char *what)
{
    const char *term = getenv("TERM");

    (void)snprintf(error, size, "TERM=%s: %s", term ? term : "", what);
    return -1;
}

static void begin_colours(void)
{
    coloured = false;
    if (!has_colors() || start_color() == ERR)
        return;
    use_default_colors();
    coloured = init_pair(CU_SCREEN_BAD, COLOR_RED, -1) != ERR &&
               init_pair(CU_SCREEN_WARN, COLOR_YELLOW, -1) != ERR;
}

static int screen_open(bool colours, char *error, size_t size)
{
    bool moves;
    int known = 0;

    if (setupterm(NULL, STDOUT_FILENO, &known) == ERR || known != 1)
        return fail(error, size,
                    known < 0 ? "no terminal descriptions are installed"
                              : "this terminal is not known");
    moves = cursor_address && clear_screen;
    (void)del_curterm(cur_term); /* newterm reads it again */
    if (!moves)
        return fail(error, size, "this terminal cannot move its cursor");
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return fail(error, size, "this terminal cannot be used");
    set_term(screen);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(50);
    (void)curs_set(0);
    coloured = false;
    if (colours)
        begin_colours();
    return 0;
}

static void screen_measure(unsigned *width, unsigned *height)
{
    *width = COLS > 0 ? (unsigned)COLS : 0;
    *height = LINES > 0 ? (unsigned)LINES : 0;
}

static attr_t attributes_of(enum cu_screen_style style)
{
    switch (style) {
    case CU_SCREEN_PLAIN:
        break;
    case CU_SCREEN_STRONG:
        return A_BOLD;
    case CU_SCREEN_HEADING:
        return A_REVERSE;
    case CU_SCREEN_BAD:
    case CU_SCREEN_WARN:
        return A_BOLD | (coloured ? (attr_t)COLOR_PAIR(style) : 0);
    }
    return A_NORMAL;
}

static void screen_draw(const struct cu_screen_line *page, unsigned count)
{
    erase();
    for (unsigned i = 0; i < count && (int)i < LINES; i++) {
        attr_t attributes = attributes_of(page[i].style);

        attron(attributes);
        mvaddstr((int)i, 0, page[i].text);
        attroff(attributes);
    }
    refresh();
}

static int special(int key)
{
    switch (key) {
    case KEY_UP:
        return CU_SCREEN_UP;
    case KEY_DOWN:
        return CU_SCREEN_DOWN;
    case KEY_LEFT:
        return CU_SCREEN_LEFT;
    case KEY_RIGHT:
        return CU_SCREEN_RIGHT;
    case KEY_PPAGE:
        return CU_SCREEN_PAGE_UP;
    case KEY_NPAGE:
        return CU_SCREEN_PAGE_DOWN;
    case KEY_HOME:
        return CU_SCREEN_HOME;
    case KEY_END:
        return CU_SCREEN_END;
    case KEY_BACKSPACE:
        return CU_SCREEN_ERASE;
    case KEY_ENTER:
        return '\n';
    default:
        return CU_SCREEN_OTHER;
    }
}

static int screen_key(void)
{
    int key = getch();

    if (key == ERR)
        return CU_SCREEN_NO_KEY;
    if (key >= KEY_MIN)
        return special(key);
    if (key == 127 || key == '\b')
        return CU_SCREEN_ERASE;
    if (key == '\f')
        clearok(curscr, TRUE); /* what another program has written over goes */
    return key == '\r' ? '\n' : key;
}

static void screen_close(void)
{
    if (!screen)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

extern const struct cu_screen_ops cu_screen_ops;
const struct cu_screen_ops cu_screen_ops = {
    .version = CU_SCREEN_VERSION,
    .open = screen_open,
    .measure = screen_measure,
    .draw = screen_draw,
    .key = screen_key,
    .close = screen_close,
};
