/* SPDX-License-Identifier: BSD-3-Clause */
/* The answer of a relay, as launchers bring it. */
#include "copper/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Feeds text as relay_ask prints it; skip: this piece is lost. */
static void feed(struct cu_relay_answer *answer, const char *text, const char *how, size_t skip)
{
    size_t size = strlen(text), n = 0;
    size_t room = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *coded = malloc(room), line[CU_RELAY_PIECE + 64];
    const char *at = coded;

    assert_non_null(coded);
    sodium_bin2base64(coded, room, (const unsigned char *)text, size,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    for (; strlen(at) > CU_RELAY_PIECE; at += CU_RELAY_PIECE, n++) {
        snprintf(line, sizeof(line), CU_RELAY_PART " %zu %.*s", n, (int)CU_RELAY_PIECE, at);
        if (n != skip)
            assert_true(cu_relay_take(answer, line));
        assert_false(answer->complete);
    }
    snprintf(line, sizeof(line), CU_RELAY_LAST " %zu %s %s ", n, how, at); /* a blank of srun.sh */
    assert_true(cu_relay_take(answer, line));
    free(coded);
}

static char *long_text(void)
{
    char *text = malloc(5001);

    assert_non_null(text);
    for (size_t i = 0; i < 5000; i++)
        text[i] = (char)(1 + i * 7 % 255);
    text[5000] = '\0';
    return text;
}

static void test_whole_answers(void **state)
{
    char *text = long_text(), *got;
    const char *const texts[] = {"{}", "{\"ok\":true}", text, ""};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cu_relay_answer answer = {0};

        feed(&answer, texts[i], i % 2 ? CU_RELAY_ENDED : CU_RELAY_OPEN, SIZE_MAX);
        assert_true(answer.complete);
        assert_int_equal(answer.ended, i % 2);
        got = cu_relay_text(&answer);
        assert_string_equal(got, texts[i]);
        free(got);
        cu_relay_clear(&answer);
    }
    free(text);
}

static void test_a_lost_piece_is_noticed(void **state)
{
    char *text = long_text();

    (void)state;
    for (size_t skip = 0; skip < 3; skip++) {
        struct cu_relay_answer answer = {0};

        feed(&answer, text, CU_RELAY_OPEN, skip);
        assert_true(answer.broken);
        assert_null(cu_relay_text(&answer));
        cu_relay_clear(&answer);
    }
    free(text);
}

static void test_the_last_line_twice(void **state)
{
    struct cu_relay_answer answer = {0};
    char *got;

    (void)state;
    feed(&answer, "{\"a\":1}", CU_RELAY_OPEN, SIZE_MAX);
    feed(&answer, "{\"a\":1}", CU_RELAY_OPEN, SIZE_MAX);
    got = cu_relay_text(&answer);
    assert_string_equal(got, "{\"a\":1}");
    free(got);
    cu_relay_clear(&answer);
}

static void test_other_lines(void **state)
{
    static const char *const lines[] = {"",
                                        "answer",
                                        "answer ",
                                        "answer x e30",
                                        "answer -1 e30",
                                        "answer 0",
                                        "answers 0 e30",
                                        "answered 0 e30",
                                        "answered 0 never e30",
                                        "copper: no daemon runs at /tmp/a/copper here",
                                        "Last login: today"};
    struct cu_relay_answer answer = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_false(cu_relay_take(&answer, lines[i]));
    assert_null(cu_relay_text(&answer));
    assert_true(cu_relay_take(&answer, "answered 0 open no*base64"));
    assert_null(cu_relay_text(&answer));
    cu_relay_clear(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_answers),
        cmocka_unit_test(test_a_lost_piece_is_noticed),
        cmocka_unit_test(test_the_last_line_twice),
        cmocka_unit_test(test_other_lines),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
