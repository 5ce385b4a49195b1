/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash is on the wire: its values must never change. Expected values are those of
 * XXH3_64bits in xxHash 0.8, where the algorithm was frozen. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void values_are_fixed(void **state)
{
    (void)state;
    assert_true(cu_hash_bytes("", 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(cu_hash_bytes(NULL, 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(cu_hash_bytes("abc", 3) == UINT64_C(0x78af5f94892f3950));
}

static void seed_and_bytes_count(void **state)
{
    (void)state;
    assert_true(cu_hash_seeded("abc", 3, 0) == cu_hash_bytes("abc", 3));
    assert_true(cu_hash_seeded("abc", 3, 1) != cu_hash_bytes("abc", 3));
    assert_true(cu_hash_bytes("abc", 3) != cu_hash_bytes("abd", 3));
    assert_true(cu_hash_bytes("abc", 3) != cu_hash_bytes("abc", 2));
}

static void a_stream_of_parts_has_the_same_hash(void **state)
{
    static unsigned char bytes[100000];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * i >> 3);
    for (size_t step = 1; step < sizeof(bytes); step = step * 3 + 1) {
        struct cu_hash_stream *stream = cu_hash_stream_new();

        assert_non_null(stream);
        for (size_t at = 0; at < sizeof(bytes); at += step)
            cu_hash_stream_add(stream, bytes + at,
                               sizeof(bytes) - at < step ? sizeof(bytes) - at : step);
        assert_true(cu_hash_stream_value(stream) == cu_hash_bytes(bytes, sizeof(bytes)));
        cu_hash_stream_free(stream);
    }
    cu_hash_stream_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_fixed),
        cmocka_unit_test(seed_and_bytes_count),
        cmocka_unit_test(a_stream_of_parts_has_the_same_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
