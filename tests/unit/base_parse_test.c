/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes, numbers, cores and the order of names. */
#include "base/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"1048576", 1048576},
        {"10MB", 10 << 20},
        {"10m", 10 << 20},
        {"10MiB", 10 << 20},
        {"512K", 512 << 10},
        {"512kb", 512 << 10},
        {"2GB", UINT64_C(2) << 30},
        {"7B", 7},
        {"007", 7},
        {"9223372036854775807", INT64_MAX},
        {"8589934591G", UINT64_C(8589934591) << 30},
    };
    static const char *const bad[] = {"",      "MB",   "-1",   "+1",    " 1",   "1 ",
                                      "1 MB",  "10XB", "1.5G", "1T",    "0x10", "1iB",
                                      "10MBB", "10Mi", "1KM",  "10MB\n"};
    static const char *const big[] = {"9223372036854775808", "18446744073709551616",
                                      "99999999999999999999999M", "8589934592G"};
    uint64_t bytes;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(cu_parse_size(good[i].text, &bytes), 0);
        assert_true(bytes == good[i].bytes);
    }
    bytes = 5;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cu_parse_size(bad[i], &bytes), -EINVAL);
    for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
        assert_int_equal(cu_parse_size(big[i], &bytes), -ERANGE);
    assert_int_equal(cu_parse_size("99999999999999999999999X", &bytes), -EINVAL);
    assert_true(bytes == 5);
}

static void numbers(void **state)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1a", "a", "0x1", "1\n"};
    uint64_t n = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cu_parse_u64(bad[i], 0, 100, &n), -EINVAL);
    assert_int_equal(cu_parse_u64("0", 1, 10, &n), -ERANGE);
    assert_int_equal(cu_parse_u64("11", 1, 10, &n), -ERANGE);
    assert_int_equal(cu_parse_u64("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
    assert_true(n == 5);
    assert_int_equal(cu_parse_u64("18446744073709551615", 0, UINT64_MAX, &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(cu_parse_u64("1", 1, 10, &n), 0);
    assert_int_equal(cu_parse_u64("10", 1, 10, &n), 0);
    assert_true(n == 10);
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void natural_order_is_total(void **state)
{
    static const char *const ordered[] = {"",
                                          "-",
                                          "0",
                                          "01",
                                          "1",
                                          "2",
                                          "10",
                                          "a",
                                          "a0",
                                          "a00",
                                          "a0b",
                                          "a1",
                                          "a01-1",
                                          "a1-2",
                                          "a2",
                                          "a10",
                                          "a10.x",
                                          "a18446744073709551616",
                                          "a18446744073709551617",
                                          "ab",
                                          "b1c2",
                                          "b1c10",
                                          "b2c1",
                                          "\xff"};
    size_t count = sizeof(ordered) / sizeof(ordered[0]);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            assert_int_equal(sign(cu_parse_natural_compare(ordered[i], ordered[j])),
                             (i > j) - (i < j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(numbers),
        cmocka_unit_test(natural_order_is_total),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
