/* SPDX-License-Identifier: BSD-3-Clause */
/* Who reads on, and who jumps. */
#include "ahead/streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

static struct cu_streams streams;

static int fresh(void **state)
{
    (void)state;
    memset(&streams, 0, sizeof(streams));
    return 0;
}

/* As the front does it. Did the read carry a stream on? */
static bool reads(uint64_t node, uint64_t from, uint64_t bytes)
{
    struct cu_stream *s = cu_streams_find(&streams, node, from, from + bytes);

    if (!s) {
        (void)cu_streams_new(&streams, node, from, from + bytes);
        return false;
    }
    s->window = 2;
    cu_stream_grow(s, from, from + bytes);
    return true;
}

static void who_reads_on_is_found(void **state)
{
    (void)state;
    assert_false(reads(7, 0, 16 * KIB));
    assert_true(reads(7, 16 * KIB, 16 * KIB));
    assert_true(reads(7, 32 * KIB, 4 * KIB));
    assert_false(reads(8, 36 * KIB, 4 * KIB)); /* another file */
    assert_true(reads(7, 36 * KIB, 128 * KIB));
}

static void a_small_read_has_little_slack(void **state)
{
    (void)state;
    assert_false(reads(7, 100 * KIB, 4 * KIB));
    assert_false(reads(7, 112 * KIB, 4 * KIB)); /* a gap of 8 KiB */
    assert_true(reads(7, 120 * KIB, 4 * KIB));  /* of 4 KiB */
    assert_false(reads(7, 80 * KIB, 4 * KIB));
}

static void a_large_read_may_come_out_of_order(void **state)
{
    (void)state;
    assert_false(reads(7, 10 * MIB, MIB));
    assert_false(reads(7, 12 * MIB, 512 * KIB));
    assert_true(reads(7, 13 * MIB + 512 * KIB, MIB));
    assert_false(reads(7, 30 * MIB, MIB));
    assert_true(reads(7, 32 * MIB, MIB));
    assert_true(reads(7, 31 * MIB, MIB));
    assert_false(reads(7, 20 * MIB, MIB));
}

static void several_streams_of_a_file_are_told_apart(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(reads(7, 100 * MIB + i * 128 * KIB, 128 * KIB), i > 0);
        assert_int_equal(reads(7, 200 * MIB + i * 128 * KIB, 128 * KIB), i > 0);
        assert_int_equal(reads(7, 300 * MIB + i * 4 * KIB, 4 * KIB), i > 0);
    }
}

static void jumps_do_not_drive_out_streams(void **state)
{
    (void)state;
    for (uint64_t node = 1; node <= 50; node++) {
        assert_false(reads(node, 0, 4 * KIB));
        assert_true(reads(node, 4 * KIB, 4 * KIB));
    }
    for (uint64_t i = 0; i < 10000; i++)
        assert_false(reads(1 + i % 50, MIB * (i + 1), 4 * KIB));
    for (uint64_t node = 1; node <= 50; node++)
        assert_true(reads(node, 8 * KIB, 4 * KIB));
}

static void of_too_many_the_oldest_goes(void **state)
{
    (void)state;
    for (uint64_t node = 1; node <= CU_STREAMS_MAX + 1; node++) {
        assert_false(reads(node, 0, 4 * KIB));
        assert_true(reads(node, 4 * KIB, 4 * KIB));
    }
    assert_false(reads(1, 8 * KIB, 4 * KIB));
    assert_true(reads(CU_STREAMS_MAX + 1, 8 * KIB, 4 * KIB));
}

static void a_few_places_are_no_jumps(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2 * CU_STREAMS_JUMPS; i++)
        assert_int_equal(cu_streams_new(&streams, 7, MIB * (i + 1), MIB * (i + 1) + KIB)->sure,
                         i < CU_STREAMS_FEW);
    assert_true(cu_streams_new(&streams, 8, MIB, MIB + KIB)->sure);
}

static void a_file_may_be_as_large_as_there_are(void **state)
{
    (void)state;
    assert_false(reads(7, INT64_MAX - 64 * KIB, 4 * KIB));
    assert_true(reads(7, INT64_MAX - 60 * KIB, 4 * KIB));
    assert_false(reads(7, 0, 4 * KIB));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, fresh)
        T(who_reads_on_is_found),
        T(a_small_read_has_little_slack),
        T(a_large_read_may_come_out_of_order),
        T(several_streams_of_a_file_are_told_apart),
        T(jumps_do_not_drive_out_streams),
        T(of_too_many_the_oldest_goes),
        T(a_few_places_are_no_jumps),
        T(a_file_may_be_as_large_as_there_are),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
