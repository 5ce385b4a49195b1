/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads: who reads on gets whole chunks and more of them ahead, who jumps gets pieces. */
#include "ahead_fake.h"

#include "proto/holes.h"

#define MIB UINT64_C(1048576)
#define KIB UINT64_C(1024)

static struct fake_dir root = {.path = "/"};

static uint64_t highest(void)
{
    uint64_t chunk = 0;

    if (fake.count > 0)
        assert_int_equal(sscanf(fake.wants[fake.count - 1], "data /f %" SCNu64, &chunk), 1);
    return chunk;
}

/* Each read that goes on makes the window larger, up to its bound. */
static void the_window_doubles(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = 1024 * MIB, .blocks = 2097152}};
    uint64_t at, ahead = 0;

    (void)state;
    assert_int_equal(fake_read("/f", 7, &node, 0, FAKE_CHUNK), FAKE_CHUNK);
    assert_int_equal(fake.count, 0);
    assert_int_equal(fake_read("/f", 7, &node, FAKE_CHUNK, 2 * FAKE_CHUNK), FAKE_CHUNK);
    assert_string_equal(fake_asked(), "data /f 2\ndata /f 3");
    for (at = 2; at < 400; at++) {
        (void)fake_read("/f", 7, &node, at * FAKE_CHUNK, (at + 1) * FAKE_CHUNK);
        if (highest() > ahead)
            ahead = highest();
        assert_true(ahead <= at + CU_AHEAD_STREAM_BYTES / FAKE_CHUNK);
        fake.count = 0;
    }
    assert_true(ahead >= at + CU_AHEAD_STREAM_BYTES / FAKE_CHUNK / 2 - 1);
}

static void it_ends_with_the_file(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = 3 * FAKE_CHUNK, .blocks = 1536}};

    (void)state;
    (void)fake_read("/f", 7, &node, 0, FAKE_CHUNK);
    (void)fake_read("/f", 7, &node, FAKE_CHUNK, 2 * FAKE_CHUNK);
    assert_string_equal(fake_asked(), "data /f 2");
}

static void who_jumps_gets_pieces_of_what_he_reads(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = 1024 * MIB, .blocks = 2097152}};

    (void)state;
    assert_int_equal(fake_read("/f", 7, &node, 500 * MIB, 500 * MIB + 4 * KIB), 4 * KIB);
    assert_int_equal(fake_read("/f", 7, &node, 100 * MIB, 100 * MIB + 20 * KIB), 16 * KIB);
    assert_int_equal(fake_read("/f", 7, &node, 300 * MIB, 300 * MIB + 128 * KIB), 64 * KIB);
    assert_int_equal(fake_read("/f", 7, &node, 700 * MIB, 700 * MIB + MIB), FAKE_CHUNK);
    assert_int_equal(fake_read("/f", 7, &node, 0, 4 * KIB), 4 * KIB); /* not read from its start */
    assert_string_equal(fake_asked(), "");
    node.attr.size = 64 * KIB;
    assert_int_equal(fake_read("/f", 8, &node, 32 * KIB, 36 * KIB), FAKE_CHUNK);
}

static void the_start_of_a_file_is_a_chunk(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = 1024 * MIB, .blocks = 2097152}};

    (void)state;
    assert_int_equal(fake_read("/f", 7, &node, 0, 4 * KIB), FAKE_CHUNK);
    assert_int_equal(fake_read("/f", 7, &node, 500 * MIB, 500 * MIB + 4 * KIB), 4 * KIB);
    assert_int_equal(fake_read("/f", 7, &node, 0, 4 * KIB), FAKE_CHUNK);
}

/* A window of the kernel: of a library, what is around it is asked for, too. */
static void around_a_fault_in_a_library_there_is_more(void **state)
{
    struct fake_node lib = {.attr = {.mode = S_IFREG, .size = 64 * MIB, .blocks = 131072}};
    struct fake_node data = {.attr = {.mode = S_IFREG, .size = 64 * MIB, .blocks = 131072}};
    uint64_t at = 10 * MIB + 4 * KIB, end = at + CU_AHEAD_WINDOW;

    (void)state;
    fake_learn(&root, ".lib");
    (void)fake_read("/a.lib", 7, &lib, 0, 16 * KIB);
    assert_int_equal(fake_read("/a.lib", 7, &lib, at, end), FAKE_CHUNK);
    assert_string_equal(fake_asked(),
                        "data /a.lib 38\ndata /a.lib 39\ndata /a.lib 41\ndata /a.lib 42");
    fake.count = 0;
    (void)fake_read("/a.rec", 8, &data, 0, 16 * KIB);
    assert_int_equal(fake_read("/a.rec", 8, &data, at, end), 64 * KIB);
    assert_string_equal(fake_asked(), "");
}

/* Some rounds of jumps in large files of a kind: what is looked up of it is not read as a whole. */
static void who_jumps_about_is_no_reason_to_expect_reads(void **state)
{
    struct fake_node next = {.attr = {.mode = S_IFREG, .size = 8 * MIB, .blocks = 16384}};
    char path[32];

    (void)state;
    for (uint64_t i = 0; i < 6; i++) {
        struct fake_node node = {.attr = {.mode = S_IFREG, .size = 8 * MIB, .blocks = 16384}};

        snprintf(path, sizeof(path), "/r%d.rec", (int)i);
        fake_found(&root, path, &node);
        for (uint64_t at = 0; at < 20; at++)
            (void)fake_read(path, i + 1, &node, at * 7 % 20 * 300 * KIB,
                            at * 7 % 20 * 300 * KIB + 4 * KIB);
    }
    root.ahead.found = 0;
    fake.count = 0;
    fake_found(&root, "/next.rec", &next);
    assert_string_equal(fake_asked(), "");
}

static void holes_are_left_out(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = 64 * MIB, .blocks = 2048}};
    const struct cu_hole hole = {2 * FAKE_CHUNK, 3 * FAKE_CHUNK};

    (void)state;
    assert_int_equal(cu_holes_append(&fake.holes, hole), 0);
    (void)fake_read("/f", 7, &node, 0, FAKE_CHUNK);
    (void)fake_read("/f", 7, &node, FAKE_CHUNK, 2 * FAKE_CHUNK);
    assert_string_equal(fake_asked(), "data /f 3");
    cu_buf_unref(fake.holes);
}

static void nothing_is_read_ahead_where_that_is_off(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = 64 * MIB, .blocks = 131072}};
    struct cu_ahead_config config = fake_config();

    (void)state;
    config.stream_bytes = 0;
    fake_begin(&config);
    for (uint64_t at = 0; at < 8; at++)
        (void)fake_read("/f", 7, &node, at * FAKE_CHUNK, (at + 1) * FAKE_CHUNK);
    assert_string_equal(fake_asked(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(the_window_doubles),
        FAKE_TEST(it_ends_with_the_file),
        FAKE_TEST(who_jumps_gets_pieces_of_what_he_reads),
        FAKE_TEST(the_start_of_a_file_is_a_chunk),
        FAKE_TEST(around_a_fault_in_a_library_there_is_more),
        FAKE_TEST(who_jumps_about_is_no_reason_to_expect_reads),
        FAKE_TEST(holes_are_left_out),
        cmocka_unit_test_teardown(nothing_is_read_ahead_where_that_is_off, fake_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
