/* SPDX-License-Identifier: BSD-3-Clause */
/* Integers of as few bytes as they need: each value has one form, and no other is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/varint.h"

static void goes_and_comes(uint64_t v, size_t bytes)
{
    unsigned char data[16];
    struct cu_writer w;
    struct cu_reader r;

    cu_writer_init(&w, data, sizeof(data));
    cu_varint_put(&w, v);
    assert_false(w.failed);
    assert_int_equal(w.at, bytes);
    assert_int_equal(cu_varint_bytes(v), bytes);
    cu_reader_init(&r, data, w.at);
    assert_true(cu_varint_get(&r) == v);
    assert_true(cu_reader_done(&r));
    for (size_t size = 0; size < w.at; size++) { /* cut off */
        cu_reader_init(&r, data, size);
        assert_true(cu_varint_get(&r) == 0);
        assert_true(r.failed);
    }
    cu_writer_init(&w, data, bytes - 1);
    cu_varint_put(&w, v);
    assert_true(w.failed);
}

static void each_size_goes_and_comes(void **state)
{
    (void)state;
    goes_and_comes(0, 1);
    goes_and_comes(127, 1);
    for (unsigned bits = 7; bits < 64; bits++) {
        goes_and_comes((UINT64_C(1) << bits) - 1, (bits + 6) / 7);
        goes_and_comes(UINT64_C(1) << bits, bits / 7 + 1);
    }
    goes_and_comes(UINT64_MAX, 10);
}

static void refused(const unsigned char *data, size_t size)
{
    struct cu_reader r;

    cu_reader_init(&r, data, size);
    assert_true(cu_varint_get(&r) == 0);
    assert_true(r.failed);
}

static void other_forms_are_refused(void **state)
{
    static const unsigned char longer[] = {0x81, 0x00}, zero[] = {0x80, 0x00},
                               bit_64[] = {0x80, 0x80, 0x80, 0x80, 0x80,
                                           0x80, 0x80, 0x80, 0x80, 0x02},
                               eleven[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           0xff, 0xff, 0xff, 0x81, 0x01};

    (void)state;
    refused(longer, sizeof(longer));
    refused(zero, sizeof(zero));
    refused(bit_64, sizeof(bit_64));
    refused(eleven, sizeof(eleven));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_size_goes_and_comes),
        cmocka_unit_test(other_forms_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
