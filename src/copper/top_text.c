/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/top_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* --- text ------------------------------------------------------------------------------------- */

/* The next character of text: its bytes and cells. One that is none, or of no width to speak of, is
 * a "?" of its first byte. */
static size_t step(const char *text, unsigned *cells, bool *good)
{
    mbstate_t state = {0};
    wchar_t wide;
    size_t len = mbrtowc(&wide, text, strlen(text), &state);
    int width = len == 0 || len > 8 ? -1 : wcwidth(wide);

    *good = width >= 0;
    *cells = *good ? (unsigned)width : 1;
    return *good ? len : 1;
}

static unsigned cells_of(const char *text)
{
    unsigned sum = 0, cells;
    bool good;

    for (; *text != '\0'; sum += cells)
        text += step(text, &cells, &good);
    return sum;
}

unsigned cu_top_copy(char *out, size_t size, const char *text, unsigned width)
{
    unsigned used = 0, cells;
    size_t at = 0;
    bool good;

    while (*text != '\0') {
        size_t len = step(text, &cells, &good);

        if (used + cells > width || at + len + 1 > size)
            break;
        if (good)
            memcpy(out + at, text, len);
        else
            out[at] = '?';
        at += len;
        text += len;
        used += cells;
    }
    out[at] = '\0';
    return used;
}

const char *cu_top_fit(const char *name, unsigned cells, bool tail, char *out, size_t size)
{
    unsigned all = cells_of(name), used, width;
    size_t at = 0;
    bool good;

    if (tail && all > cells && cells > 3) {
        while (*name != '\0' && all > cells - 3) {
            name += step(name, &width, &good);
            all -= width;
        }
        at = (size_t)snprintf(out, size, "...");
    }
    used = (unsigned)at + cu_top_copy(out + at, size - at, name, cells - (unsigned)at);
    at = strlen(out);
    while (used++ < cells && at + 1 < size)
        out[at++] = ' ';
    out[at] = '\0';
    return out;
}

/* --- numbers ---------------------------------------------------------------------------------- */

const char *cu_top_rate(uint64_t thousandths, char out[32])
{
    double value = (double)thousandths / 1000;

    if (thousandths == 0)
        (void)snprintf(out, 32, "0");
    else if (value < 9.95)
        (void)snprintf(out, 32, "%.1f", value);
    else if (value < 99999.5)
        (void)snprintf(out, 32, "%.0f", value);
    else if (value < 9.9995e6)
        (void)snprintf(out, 32, "%.0fk", value / 1e3);
    else if (value < 9.9995e9)
        (void)snprintf(out, 32, "%.0fM", value / 1e6);
    else
        (void)snprintf(out, 32, "%.0fG", value / 1e9);
    return out;
}

const char *cu_top_time(uint64_t us, char out[32])
{
    if (us == 0)
        (void)snprintf(out, 32, "-"); /* nothing was answered */
    else if (us < 1000)
        (void)snprintf(out, 32, "%" PRIu64 " us", us);
    else if (us < 9950)
        (void)snprintf(out, 32, "%.1f ms", (double)us / 1e3);
    else if (us < 999500)
        (void)snprintf(out, 32, "%.0f ms", (double)us / 1e3);
    else
        (void)snprintf(out, 32, "%.1f s", (double)us / 1e6);
    return out;
}
