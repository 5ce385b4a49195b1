/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of holes are asked for when zeros were read where a hole may be. */
#include "ahead_fake.h"

static void zeros(const struct cu_attr *attr, size_t size, unsigned char last)
{
    struct cu_buf *bytes = cu_buf_new(size);

    memset(bytes->data, 0, size);
    bytes->data[size - 1] = last;
    bytes->size = size;
    cu_ahead_bytes(fake.ahead, "/f", attr, bytes);
    cu_buf_unref(bytes);
}

static void zeros_of_a_sparse_file_ask_for_the_list(void **state)
{
    const struct cu_attr sparse = {.mode = S_IFREG, .size = 64u << 20, .blocks = 8};

    (void)state;
    zeros(&sparse, 4096, 1);
    assert_string_equal(fake_asked(), "");
    zeros(&sparse, 4096, 0);
    assert_string_equal(fake_asked(), "holes /f");
}

static void a_hole_must_be_worth_it(void **state)
{
    const struct cu_attr full = {.mode = S_IFREG, .size = 1u << 20, .blocks = 2048};
    const struct cu_attr nearly = {.mode = S_IFREG, .size = 1u << 20, .blocks = 2040};

    (void)state;
    zeros(&full, 4096, 0);
    zeros(&nearly, 4096, 0);
    assert_string_equal(fake_asked(), "");
    assert_false(cu_ahead_may_have_holes(fake.ahead, &nearly));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(zeros_of_a_sparse_file_ask_for_the_list),
        FAKE_TEST(a_hole_must_be_worth_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
