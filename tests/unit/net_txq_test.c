/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue of what waits to be sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/txq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void a_queue_gives_pieces_in_order(void **state)
{
    struct cu_txq q = {0};
    uv_buf_t iov[4];
    char copied[15];
    uint64_t total;

    (void)state;
    for (int i = 0; i < 100; i++) {
        struct cu_buf *a = cu_buf_copy("0123456789", 10), *b = i % 2 ? cu_buf_new(0) : NULL;

        assert_int_equal(cu_txq_push(&q, a, b), 0);
    }
    assert_int_equal(q.bytes, 1000);
    cu_txq_advance(&q, 13);
    assert_int_equal(cu_txq_peek(&q, iov, 4, 1000, &total), 4);
    assert_int_equal(iov[0].len, 7);
    assert_memory_equal(iov[0].base, "3456789", 7);
    assert_int_equal(total, 37);
    assert_int_equal(cu_txq_copy(&q, copied, 15), 15); /* and takes nothing */
    assert_memory_equal(copied, "345678901234567", 15);
    assert_int_equal(cu_txq_peek(&q, iov, 4, 9, &total), 2); /* part of the second */
    assert_int_equal(iov[1].len, 2);
    assert_int_equal(total, 9);
    cu_txq_advance(&q, 987 - 10);
    assert_int_equal(cu_txq_peek(&q, iov, 4, 1000, &total), 1);
    cu_txq_advance(&q, 10);
    assert_int_equal(q.bytes + q.count, 0);
    assert_int_equal(cu_txq_copy(&q, copied, 15), 0);
    cu_txq_clear(&q);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_gives_pieces_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
