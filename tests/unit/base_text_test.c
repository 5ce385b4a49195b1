/* SPDX-License-Identifier: BSD-3-Clause */
/* What is printed of bytes that others chose. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void line_is(const char *bytes, const char *line)
{
    char out[256], again[256];

    assert_int_equal(cu_text_line(out, sizeof(out), bytes, strlen(bytes)), strlen(line));
    assert_string_equal(out, line);
    cu_text_line(again, sizeof(again), out, strlen(out));
    assert_string_equal(again, line);
}

static void printable_text_stays(void **state)
{
    (void)state;
    line_is("", "");
    line_is("/a b/\"c\"'\\x1b", "/a b/\"c\"'\\x1b");
    line_is("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void what_speaks_is_escaped(void **state)
{
    (void)state;
    line_is("a\nb\r\tc\x1b[31m\x7f", "a\\x0ab\\x0d\\x09c\\x1b[31m\\x7f");
    line_is("\xc2\x9b"
            "31m",
            "\\xc2\\x9b31m"); /* C1: CSI */
    line_is("\xc2\xa0", "\xc2\xa0");
    line_is("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* a line's end */
    line_is("a\xe2\x80\xae"
            "b",
            "a\\xe2\\x80\\xaeb"); /* right to left */
    line_is("\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81");
    line_is("\xe2\x80\x8b", "\\xe2\\x80\\x8b"); /* of no width */
    line_is("\xe2\x81\xa0", "\\xe2\\x81\\xa0");
    line_is("\xc2\xad", "\\xc2\\xad");          /* a soft hyphen */
    line_is("\xe3\x85\xa4", "\\xe3\\x85\\xa4"); /* a filler */
    line_is("\xf0\x9d\x85\xb3", "\\xf0\\x9d\\x85\\xb3");
}

static void what_is_not_utf8_is_escaped(void **state)
{
    (void)state;
    line_is("\x80", "\\x80");
    line_is("\xc3", "\\xc3");
    line_is("\xc3(", "\\xc3(");
    line_is("\xc0\x8a", "\\xc0\\x8a");          /* overlong newline */
    line_is("\xe0\x82\x9b", "\\xe0\\x82\\x9b"); /* overlong CSI */
    line_is("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
    line_is("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    line_is("\xff\xfe", "\\xff\\xfe");
}

static void cuts_whole_pieces(void **state)
{
    char out[16];

    (void)state;
    assert_int_equal(cu_text_line(out, 8, "abcdefg", 7), 7);
    assert_string_equal(out, "abcdefg");
    assert_int_equal(cu_text_line(out, 8, "abcdefgh", 8), 7);
    assert_string_equal(out, "abcd...");
    assert_int_equal(cu_text_line(out, 8, "abc\x1bxyz", 7), 6);
    assert_string_equal(out, "abc...");
    assert_int_equal(cu_text_line(out, 8, "abc\xc3\xa4yz.", 8), 6);
    assert_string_equal(out, "abc...");
    assert_int_equal(cu_text_line(out, 4, "abcd", 4), 3);
    assert_string_equal(out, "...");
}

static void every_byte_of_a_name_comes_back(void **state)
{
    char bytes[255], text[CU_TEXT_BYTES(255)], back[256];

    (void)state;
    for (int i = 0; i < 255; i++)
        bytes[i] = (char)(i + 1);
    cu_text_name(text, sizeof(text), bytes, sizeof(bytes));
    assert_non_null(strstr(text, "[\\\\]"));
    assert_int_equal(cu_text_unname(text, back, sizeof(back)), 255);
    assert_memory_equal(back, bytes, 255);
    assert_int_equal(cu_text_unname(text, back, 255), -ENAMETOOLONG);
}

static void refuses_what_is_no_name(void **state)
{
    static const char *const bad[] = {"\\", "\\y", "a\\x", "\\x1", "\\xg0", "\\x00", "\\X1b"};
    char out[16];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cu_text_unname(bad[i], out, sizeof(out)), -EINVAL);
    assert_int_equal(cu_text_unname("", out, sizeof(out)), 0);
    assert_int_equal(cu_text_unname("", out, 0), -ENAMETOOLONG);
}

static void a_word_stands_between_blanks(void **state)
{
    (void)state;
    assert_true(cu_text_is_word("12[3]_4!~", 10));
    assert_false(cu_text_is_word("12[3]_4!~", 9));
    assert_false(cu_text_is_word("", 10));
    assert_false(cu_text_is_word(NULL, 10));
    assert_false(cu_text_is_word("a b", 10));
    assert_false(cu_text_is_word("a\n", 10));
    assert_false(cu_text_is_word("a\x7f", 10));
    assert_false(cu_text_is_word("\xc3\xa9", 10));
}

static void a_byte_order_mark_is_one_at_the_beginning(void **state)
{
    (void)state;
    assert_int_equal(cu_text_mark("\xef\xbb\xbf"
                                  "a",
                                  4),
                     3);
    assert_int_equal(cu_text_mark("\xef\xbb\xbf", 3), 3);
    assert_int_equal(cu_text_mark("\xef\xbb\xbf", 2), 0);
    assert_int_equal(cu_text_mark("a\xef\xbb\xbf", 4), 0);
    assert_int_equal(cu_text_mark("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_text_stays),
        cmocka_unit_test(what_speaks_is_escaped),
        cmocka_unit_test(what_is_not_utf8_is_escaped),
        cmocka_unit_test(cuts_whole_pieces),
        cmocka_unit_test(every_byte_of_a_name_comes_back),
        cmocka_unit_test(refuses_what_is_no_name),
        cmocka_unit_test(a_word_stands_between_blanks),
        cmocka_unit_test(a_byte_order_mark_is_one_at_the_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
