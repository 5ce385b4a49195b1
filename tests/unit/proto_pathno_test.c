/* SPDX-License-Identifier: BSD-3-Clause */
/* Inode numbers made of paths: the same by stat and by listing, and on every machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pathno.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t of(const char *path)
{
    return cu_pathno_of(path, strlen(path));
}

static void an_entry_has_the_number_of_its_path(void **state)
{
    (void)state;
    assert_true(of("/a/b/c") == cu_pathno_entry(cu_pathno_dir("/a/b", 4), "c", 1));
    assert_true(of("/a") == cu_pathno_entry(cu_pathno_dir("/", 1), "a", 1));
    assert_true(of("/") == of("/"));
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void paths_have_numbers_of_their_own(void **state)
{
    enum { COUNT = 200000 };
    static const char *const alike[] = {"/", "/a", "/a/b", "/ab", "/a/bc", "/ab/c", "/b/a"};
    uint64_t *numbers = calloc(COUNT, sizeof(*numbers));

    (void)state;
    assert_non_null(numbers);
    for (unsigned i = 0; i < COUNT; i++) {
        char path[64];

        snprintf(path, sizeof(path), "/sw/%u/lib/%u", i % 300, i / 300);
        numbers[i] = i < 7 ? of(alike[i]) : of(path);
        assert_true(numbers[i] > UINT32_MAX);
    }
    qsort(numbers, COUNT, sizeof(*numbers), by_value);
    for (unsigned i = 1; i < COUNT; i++)
        assert_true(numbers[i] != numbers[i - 1]);
    free(numbers);
}

/* Nodes of one job are of one architecture, those who look at numbers in an archive are not. */
static void a_number_is_the_same_everywhere(void **state)
{
    (void)state;
    assert_int_equal(of("/cvmfs/sw.example.org/bin/gcc"), UINT64_C(0x71e1776e1679b889));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_has_the_number_of_its_path),
        cmocka_unit_test(paths_have_numbers_of_their_own),
        cmocka_unit_test(a_number_is_the_same_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
