/* SPDX-License-Identifier: BSD-3-Clause */
/* The cursor: little-endian on every machine, and no byte outside the bounds. */
#include "proto/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void puts_little_endian(void **state)
{
    static const unsigned char expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f, 0x0e,
                                             0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0xfe, 0xff, 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 'a',  'b',  'c'};
    unsigned char out[sizeof(expected)];
    struct cu_writer w;
    struct cu_reader r;

    (void)state;
    cu_writer_init(&w, out, sizeof(out));
    cu_wire_put_u8(&w, 0x01);
    cu_wire_put_u16(&w, 0x0203);
    cu_wire_put_u32(&w, 0x04050607);
    cu_wire_put_u64(&w, 0x08090a0b0c0d0e0f);
    cu_wire_put_i64(&w, -2);
    cu_wire_put_bytes(&w, "abc", 3);
    assert_false(w.failed);
    assert_int_equal(w.at, sizeof(out));
    assert_memory_equal(out, expected, sizeof(out));

    cu_reader_init(&r, expected, sizeof(expected));
    assert_int_equal(cu_wire_get_u8(&r), 0x01);
    assert_int_equal(cu_wire_get_u16(&r), 0x0203);
    assert_int_equal(cu_wire_get_u32(&r), 0x04050607);
    assert_true(cu_wire_get_u64(&r) == 0x08090a0b0c0d0e0f);
    assert_true(cu_wire_get_i64(&r) == -2);
    assert_false(cu_reader_done(&r));
    assert_ptr_equal(cu_wire_get_bytes(&r, 3), expected + 23);
    assert_true(cu_reader_done(&r));
}

static void keeps_extremes(void **state)
{
    unsigned char out[24];
    struct cu_writer w;
    struct cu_reader r;

    (void)state;
    cu_writer_init(&w, out, sizeof(out));
    cu_wire_put_i64(&w, INT64_MIN);
    cu_wire_put_i64(&w, INT64_MAX);
    cu_wire_put_u64(&w, UINT64_MAX);
    cu_reader_init(&r, out, sizeof(out));
    assert_true(cu_wire_get_i64(&r) == INT64_MIN);
    assert_true(cu_wire_get_i64(&r) == INT64_MAX);
    assert_true(cu_wire_get_u64(&r) == UINT64_MAX);
    assert_true(cu_reader_done(&r));
}

/* After a failure nothing is read, although single bytes are left. */
static void reading_past_the_end_fails_for_good(void **state)
{
    static const unsigned char in[] = {1, 2, 3};
    struct cu_reader r;

    (void)state;
    cu_reader_init(&r, in, sizeof(in));
    assert_int_equal(cu_wire_get_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(cu_wire_get_u8(&r), 0);
    assert_null(cu_wire_get_bytes(&r, 0));
    assert_false(cu_reader_done(&r));

    cu_reader_init(&r, in, sizeof(in));
    assert_int_equal(cu_wire_get_u8(&r), 1);
    assert_null(cu_wire_get_bytes(&r, SIZE_MAX));
    assert_true(r.failed);
}

static void writing_past_the_capacity_fails_for_good(void **state)
{
    unsigned char out[] = {9, 9, 9, 9};
    struct cu_writer w;

    (void)state;
    cu_writer_init(&w, out, 3);
    cu_wire_put_u32(&w, 0);
    assert_true(w.failed);
    cu_wire_put_u8(&w, 0);
    assert_int_equal(w.at, 0);
    assert_int_equal(out[0], 9);
    assert_int_equal(out[3], 9);

    cu_writer_init(&w, out, 3);
    cu_wire_put_bytes(&w, "abc", 3);
    assert_false(w.failed);
    cu_wire_put_bytes(&w, NULL, 0);
    assert_false(w.failed);
    cu_wire_put_bytes(&w, "d", 1);
    assert_true(w.failed);
    assert_int_equal(out[3], 9);
}

static void nothing_is_an_input(void **state)
{
    struct cu_reader r;
    struct cu_writer w;

    (void)state;
    cu_reader_init(&r, NULL, 0);
    assert_true(cu_reader_done(&r));
    assert_non_null(cu_wire_get_bytes(&r, 0));
    assert_true(cu_reader_done(&r));
    assert_int_equal(cu_wire_get_u8(&r), 0);
    assert_true(r.failed);
    cu_reader_init(&r, NULL, 10);
    assert_null(cu_wire_get_bytes(&r, 1));
    cu_writer_init(&w, NULL, 10);
    cu_wire_put_u8(&w, 1);
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_little_endian),
        cmocka_unit_test(keeps_extremes),
        cmocka_unit_test(reading_past_the_end_fails_for_good),
        cmocka_unit_test(writing_past_the_capacity_fails_for_good),
        cmocka_unit_test(nothing_is_an_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
