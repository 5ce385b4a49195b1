/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages of a log: whoever reads page by page gets each line once, in order, whatever the pages hold
 * and however they were merged. */
#include "fail_alloc.h"
#include "proto/logpage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES 5u
#define LINES 3000u

/* Line i of a node: many have the same time, and some are long. */
static struct cu_logpage_at at_of(uint32_t rank, uint32_t i)
{
    return (struct cu_logpage_at){.us = 1000 + i / 3 * (rank + 1), .rank = rank, .number = i + 1};
}

static size_t text_of(uint32_t rank, uint32_t i, char out[CU_LOGPAGE_LINE_MAX])
{
    size_t len = (size_t)snprintf(out, CU_LOGPAGE_LINE_MAX, "node%u line %u ", rank, i);

    while (i % 7 == 0 && len < 700 + 31 * (size_t)rank)
        out[len++] = 'x';
    return len;
}

static struct cu_logpage *again(struct cu_logpage *page)
{
    struct cu_buf *bytes = cu_logpage_encode(page);
    struct cu_logpage *other = NULL;

    assert_non_null(bytes);
    assert_true(bytes->size <= CU_LOGPAGE_BYTES + 64);
    assert_int_equal(cu_logpage_decode(bytes->data, bytes->size, &other), 0);
    cu_buf_unref(bytes);
    cu_logpage_free(page);
    return other;
}

static struct cu_logpage *of_node(uint32_t rank, const struct cu_logpage_at *after)
{
    struct cu_logpage *page = cu_logpage_new();
    char text[CU_LOGPAGE_LINE_MAX];

    assert_non_null(page);
    for (uint32_t i = 0; i < LINES; i++) {
        struct cu_logpage_at at = at_of(rank, i);

        if (cu_logpage_compare(&at, after) > 0)
            assert_int_equal(cu_logpage_add(page, &at, text, text_of(rank, i, text)), 0);
    }
    return page;
}

/* As the tree does: 0 over 1 and 2, 2 over 3 and 4. */
static struct cu_logpage *of_all(const struct cu_logpage_at *after)
{
    static const uint32_t above[NODES] = {0, 0, 0, 2, 2};
    struct cu_logpage *pages[NODES];

    for (uint32_t rank = 0; rank < NODES; rank++)
        pages[rank] = of_node(rank, after);
    for (uint32_t rank = NODES - 1; rank > 0; rank--) {
        struct cu_logpage *page = again(pages[rank]);

        assert_int_equal(cu_logpage_merge(pages[above[rank]], page), 0);
        assert_int_equal(cu_logpage_count(page), 0);
        cu_logpage_free(page);
    }
    return again(pages[0]);
}

static void test_all_lines_once_and_in_order(void **state)
{
    struct cu_logpage_at last = {0}, at;
    uint32_t next[NODES] = {0}, pages = 0;
    uint64_t left;

    (void)state;
    do {
        struct cu_logpage *page = of_all(&last);

        left = cu_logpage_left(page);
        assert_true(cu_logpage_count(page) > 0 && cu_logpage_count(page) <= CU_LOGPAGE_LINES);
        for (size_t i = 0; i < cu_logpage_count(page); i++) {
            char wanted[CU_LOGPAGE_LINE_MAX];
            const char *line;
            size_t len;

            line = cu_logpage_line(page, i, &at, &len);
            assert_true(cu_logpage_compare(&at, &last) > 0);
            assert_int_equal(at.number, next[at.rank] + 1);
            assert_int_equal(len, text_of(at.rank, next[at.rank], wanted));
            assert_memory_equal(line, wanted, len);
            next[at.rank]++;
            last = at;
        }
        pages++;
        cu_logpage_free(page);
    } while (left > 0);
    for (uint32_t rank = 0; rank < NODES; rank++)
        assert_int_equal(next[rank], LINES);
    assert_true(pages > 4);
}

static void test_places(void **state)
{
    struct cu_logpage_at at = {.us = UINT64_C(0x0123456789abcdef), .rank = 0x1020304, .number = 77};
    struct cu_logpage_at other = {0};
    char text[CU_LOGPAGE_AT_TEXT + 1];

    (void)state;
    cu_logpage_at_text(&at, text);
    assert_string_equal(text, "0123456789abcdef010203040000004d");
    assert_true(cu_logpage_at_read(text, &other));
    assert_int_equal(cu_logpage_compare(&at, &other), 0);
    assert_false(cu_logpage_at_read("", &other));
    assert_false(cu_logpage_at_read("0123456789abcdef010203040000004", &other));
    assert_false(cu_logpage_at_read("0123456789abcdef010203040000004dd", &other));
    assert_false(cu_logpage_at_read("0123456789abcdef010203040000004D", &other));
    other.rank++;
    assert_true(cu_logpage_compare(&at, &other) < 0);
    other.us--;
    assert_true(cu_logpage_compare(&at, &other) > 0);
}

static void test_what_is_none(void **state)
{
    struct cu_logpage *page = of_node(1, &(struct cu_logpage_at){0}), *other;
    struct cu_buf *bytes = cu_logpage_encode(page);

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(cu_logpage_decode("", 0, &other), -EBADMSG);
    for (size_t size = 1; size < 300; size++) {
        assert_int_equal(cu_logpage_decode(bytes->data, size, &other), -EBADMSG);
        assert_null(other);
    }
    bytes->data[0] = 2;
    assert_int_equal(cu_logpage_decode(bytes->data, bytes->size, &other), -ENOTSUP);
    /* total 1, error 0, one line: a key that is no place; two lines at one place; fewer than are
     * there */
    assert_int_equal(cu_logpage_decode("\1\1\0\1\0\3abc\0\0", 10, &other), -EBADMSG);
    assert_int_equal(cu_logpage_decode("\1\2\0\2\0\21aaaaaaaaaaaaaaaaX\0\0\20\1Y\0\0", 29, &other),
                     -EBADMSG);
    assert_int_equal(cu_logpage_decode("\1\0\0\1\0\21aaaaaaaaaaaaaaaaX\0\0", 25, &other), -EBADMSG);
    assert_int_equal(cu_logpage_decode("\1\1\0\1\0\21aaaaaaaaaaaaaaaaX\0\0", 25, &other), 0);
    cu_logpage_free(other);
    cu_buf_unref(bytes);
    cu_logpage_free(page);
}

static int work(void)
{
    struct cu_logpage *page = cu_logpage_new(), *more = cu_logpage_new(), *other = NULL;
    struct cu_buf *bytes = NULL;
    int rc = page && more ? 0 : -ENOMEM;

    if (rc == 0)
        rc = cu_logpage_add(page, &(struct cu_logpage_at){.us = 5}, "five", 4);
    if (rc == 0)
        rc = cu_logpage_add(more, &(struct cu_logpage_at){.us = 4}, "four", 4);
    if (rc == 0)
        rc = cu_logpage_merge(page, more);
    if (rc == 0 && !(bytes = cu_logpage_encode(page)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = cu_logpage_decode(bytes->data, bytes->size, &other);
    assert_true(rc != 0 || cu_logpage_count(other) == 2);
    cu_buf_unref(bytes);
    cu_logpage_free(page);
    cu_logpage_free(more);
    cu_logpage_free(other);
    return rc;
}

static void test_no_memory(void **state)
{
    int rc;

    (void)state;
    for (long n = 0; fail_alloc_at(n), rc = work(), fail_alloc_hit(); n++)
        assert_int_equal(rc, -ENOMEM);
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_lines_once_and_in_order),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
