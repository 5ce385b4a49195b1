/* SPDX-License-Identifier: BSD-3-Clause */
/* Names as text: whatever the bytes, what is written has nothing that a terminal obeys, is UTF-8,
 * is never longer than its room, and the name form gives the bytes back. */
#include "fuzz.h"

#include "base/text.h"

#include <stdbool.h>

/* No control character, raw or as UTF-8 of C1, and no byte that UTF-8 never has. */
static bool harmless(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f || *p == 0xc0 || *p == 0xc1 || *p > 0xf4)
            return false;
        if (*p == 0xc2 && p[1] < 0xa0)
            return false;
        if (*p == 0xe2 && p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room = CU_TEXT_BYTES(size) + 4, small = size > 0 ? 4 + data[0] % 64u : 4;
    char *bytes = fuzz_copy(data, size), *text = malloc(room), *again = malloc(room);
    char *cut = malloc(small);
    size_t len;
    int back;

    FUZZ_CHECK(text && again && cut);
    len = cu_text_line(text, room, bytes, size);
    FUZZ_CHECK(len == strlen(text) && len < CU_TEXT_BYTES(size) && harmless(text));
    FUZZ_CHECK(cu_text_line(again, room, text, len) == len && strcmp(text, again) == 0);
    len = cu_text_line(cut, small, bytes, size);
    FUZZ_CHECK(len == strlen(cut) && len < small && harmless(cut));
    len = cu_text_name(text, room, bytes, size);
    FUZZ_CHECK(len == strlen(text) && harmless(text));
    back = cu_text_unname(text, again, room);
    FUZZ_CHECK(memchr(bytes, 0, size) ? back == -22
                                      : back == (int)size && memcmp(again, bytes, size) == 0);
    free(cut);
    cut = fuzz_text(data, size);
    back = cu_text_unname(cut, again, small);
    FUZZ_CHECK(back < 0 || (size_t)back < small);
    free(cut);
    free(again);
    free(text);
    free(bytes);
    return 0;
}
