/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers of pieces: where each lies in its chunk. */
#include "proto/piece.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CHUNK (256u * 1024)

static void numbers_are_places(void **state)
{
    (void)state;
    assert_int_equal(cu_piece_bytes(CHUNK, CU_PIECE_WHOLE), CHUNK);
    assert_int_equal(cu_piece_start(CHUNK, CU_PIECE_WHOLE), 0);
    assert_int_equal(cu_piece_at(CHUNK, 12345, CHUNK), CU_PIECE_WHOLE);
    for (uint32_t bytes = CHUNK / 2; bytes >= CHUNK >> 12; bytes /= 2) {
        for (uint32_t at = 0; at < CHUNK; at += bytes) {
            uint32_t piece = cu_piece_at(CHUNK, at + bytes - 1, bytes);

            assert_true(piece && cu_piece_is_valid(piece));
            assert_int_equal(piece, cu_piece_at(CHUNK, at, bytes));
            assert_int_equal(cu_piece_bytes(CHUNK, piece), bytes);
            assert_int_equal(cu_piece_start(CHUNK, piece), at);
        }
    }
    assert_int_equal(cu_piece_at(16u << 20, (16u << 20) - 1, 4096), CU_PIECE_MAX);
}

static void each_lies_within_those_around_it(void **state)
{
    (void)state;
    for (uint32_t piece = 2; piece <= CU_PIECE_MAX; piece++) {
        uint32_t around = cu_piece_around(piece);
        uint32_t start = cu_piece_start(CHUNK, piece), end = start + cu_piece_bytes(CHUNK, piece);

        assert_int_equal(cu_piece_bytes(CHUNK, around), 2 * cu_piece_bytes(CHUNK, piece));
        assert_true(cu_piece_start(CHUNK, around) <= start);
        assert_true(cu_piece_start(CHUNK, around) + cu_piece_bytes(CHUNK, around) >= end);
    }
}

static void other_numbers_are_no_pieces(void **state)
{
    (void)state;
    assert_true(cu_piece_is_valid(CU_PIECE_WHOLE));
    assert_false(cu_piece_is_valid(1));
    assert_true(cu_piece_is_valid(2));
    assert_true(cu_piece_is_valid(CU_PIECE_MAX));
    assert_false(cu_piece_is_valid(CU_PIECE_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_places),
        cmocka_unit_test(each_lies_within_those_around_it),
        cmocka_unit_test(other_numbers_are_no_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
