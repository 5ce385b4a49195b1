/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that will be read are asked for as a whole, or head and end. */
#include "ahead_fake.h"

#define MIB UINT64_C(1048576)

static struct fake_dir root = {.path = "/"};

static void a_small_one_is_asked_for_as_a_whole(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = 3 * FAKE_CHUNK + 1}};

    (void)state;
    fake_found(&root, "/a.so", &node);
    assert_string_equal(fake_asked(), ""); /* nothing is known of the suffix */
    fake_learn(&root, ".so");
    fake_found(&root, "/a.so", &node);
    assert_string_equal(fake_asked(), "data /a.so 0\ndata /a.so 1\ndata /a.so 2\ndata /a.so 3");
    node.attr.size = 4 * MIB;
    fake_found(&root, "/a.so", &node);
    assert_int_equal(fake_asked_count(), 16);
}

static void of_a_large_one_head_and_end_are(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = 100 * MIB}};

    (void)state;
    fake_learn(&root, ".so");
    fake_found(&root, "/a.so", &node);
    assert_string_equal(fake_asked(), "data /a.so 0\ndata /a.so 1\ndata /a.so 2\ndata /a.so 3\n"
                                      "data /a.so 398\ndata /a.so 399");
}

static void one_that_was_read_is_not(void **state)
{
    struct fake_node node = {.attr = {.mode = S_IFREG, .size = FAKE_CHUNK}};

    (void)state;
    fake_learn(&root, ".so");
    node.file.read = true;
    fake_found(&root, "/a.so", &node);
    assert_string_equal(fake_asked(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(a_small_one_is_asked_for_as_a_whole),
        FAKE_TEST(of_a_large_one_head_and_end_are),
        FAKE_TEST(one_that_was_read_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
