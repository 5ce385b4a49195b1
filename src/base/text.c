/* SPDX-License-Identifier: BSD-3-Clause */
/* A name may contain control sequences for a terminal (ESC), forged log lines (a newline), or marks
 * that reverse the displayed order of characters. So all text that leaves the process is converted
 * here. An output is built of pieces, one a character or escape, and only whole pieces are
 * written. */
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The length of the UTF-8 character at p and its code; 0: there is none (RFC 3629). */
static size_t decode(const unsigned char *p, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc0 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf8 ? 4
                             : 0;

    if (n == 0 || n > len)
        return 0;
    *code = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3fu);
    }
    if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
        return 0;
    return n;
}

/* Unicode's controls and formats (Cc, Cf), its line ends (Zl, Zp), and what is not seen
 * (Default_Ignorable_Code_Point): two names that look the same must not be two. */
static bool speaks(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},
        {0x600, 0x605},     {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},
        {0x890, 0x891},     {0x8e2, 0x8e2},     {0x115f, 0x1160},   {0x17b4, 0x17b5},
        {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
        {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

static void put_escape(char *piece, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";

    piece[0] = '\\';
    piece[1] = 'x';
    piece[2] = digits[byte >> 4];
    piece[3] = digits[byte & 15];
}

/* Of the character at p, or the byte when there is none: what is written (16 bytes at most) and its
 * length. Returns how many bytes of p that covers. */
static size_t piece_of(const unsigned char *p, size_t len, bool name, char *piece, size_t *size)
{
    uint32_t code = 0;
    size_t n = decode(p, len, &code);

    if (name && n == 1 && code == '\\') {
        piece[0] = piece[1] = '\\';
        *size = 2;
        return 1;
    }
    if (n > 0 && !speaks(code)) {
        memcpy(piece, p, n);
        *size = n;
        return n;
    }
    n = n > 0 ? n : 1;
    for (size_t i = 0; i < n; i++)
        put_escape(piece + 4 * i, p[i]);
    *size = 4 * n;
    return n;
}

static size_t write_form(char *out, size_t size, const char *bytes, size_t len, bool name)
{
    size_t used = 0, cut_at = 0; /* the last end of a piece with room for "..." behind it */

    for (size_t at = 0, n; at < len; at += n) {
        char piece[16];
        size_t piece_size;

        n = piece_of((const unsigned char *)bytes + at, len - at, name, piece, &piece_size);
        if (used + piece_size >= size) {
            memcpy(out + cut_at, "...", 4);
            return cut_at + 3;
        }
        memcpy(out + used, piece, piece_size);
        used += piece_size;
        if (used + 4 <= size)
            cut_at = used;
    }
    out[used] = '\0';
    return used;
}

size_t cu_text_line(char *out, size_t size, const char *bytes, size_t len)
{
    return write_form(out, size, bytes, len, false);
}

size_t cu_text_name(char *out, size_t size, const char *bytes, size_t len)
{
    return write_form(out, size, bytes, len, true);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int cu_text_unname(const char *text, char *out, size_t size)
{
    size_t used = 0;

    while (*text != '\0') {
        char byte = *text++;

        if (byte == '\\' && *text == 'x') {
            int high = hex_digit(text[1]);
            int low = high >= 0 ? hex_digit(text[2]) : -1;

            if (low < 0 || (high == 0 && low == 0))
                return -EINVAL;
            byte = (char)(high << 4 | low);
            text += 3;
        } else if (byte == '\\' && *text++ != '\\') {
            return -EINVAL;
        }
        if (used + 1 >= size)
            return -ENAMETOOLONG;
        out[used++] = byte;
    }
    if (used >= size)
        return -ENAMETOOLONG;
    out[used] = '\0';
    return (int)used;
}

bool cu_text_is_word(const char *text, size_t size)
{
    if (!text || text[0] == '\0' || strlen(text) >= size)
        return false;
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7f)
            return false;
    return true;
}

size_t cu_text_mark(const char *text, size_t size)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t len = strlen(mark);

    return size >= len && memcmp(text, mark, len) == 0 ? len : 0;
}

const char *cu_text_size(uint64_t bytes, char out[CU_TEXT_SIZE_MAX])
{
    static const char *const units[] = {"KB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(out, CU_TEXT_SIZE_MAX, "%" PRIu64 " B", bytes);
        return out;
    }
    while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(out, CU_TEXT_SIZE_MAX, "%.1f %s", value, units[unit]);
    return out;
}
