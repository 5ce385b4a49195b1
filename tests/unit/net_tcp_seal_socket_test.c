/* SPDX-License-Identifier: BSD-3-Clause */
/* Encrypted links whose sockets are other threads' while a stream comes or goes: order, what is
 * bounded, and ends in each state. A job is held inside of its call of the kernel. */
#include "tcp_calls.h"

static void all_sizes_go_both_ways_in_order(void **state)
{
    static const size_t sizes[] = {0,      1,      16000,   65519,    65520, 131038,  262144,
                                   300000, 524151, 1048575, 3u << 20, 7,     1000000, 70000};
    const uint64_t count = sizeof(sizes) / sizeof(sizes[0]);

    (void)state;
    for (unsigned threads = 3; threads <= 4; threads++) {
        exchange(threads, sizes, count, 3, CU_COUNT_sockets_aside_bytes);
        assert_true(a.counters[CU_COUNT_crypt_aside_bytes] > b.bytes);
        stop();
    }
}

/* It has encryption to do, which is more work than all else. */
static void one_thread_never_has_the_sockets(void **state)
{
    (void)state;
    start(1);
    send_chunk(a.link, 4 * MANY);
    send_chunk(b.link, 4 * MANY);
    RUN_UNTIL(a.messages + b.messages == 2);
    assert_false(a.broken || b.broken);
    assert_true(a.counters[CU_COUNT_crypt_aside_bytes] > MANY);
    assert_int_equal(aside(&a) + aside(&b), 0);
    stop();
}

/* A thread would only make it come later. */
static void a_payload_that_comes_alone_stays_with_the_loop(void **state)
{
    (void)state;
    start_with_turns();
    for (uint64_t i = 1; i <= 20; i++) {
        send_chunk(a.link, 262144);
        RUN_UNTIL(b.messages == i);
        RUN_UNTIL(cu_link_queued(a.link) == 0);
        for (int turns = 0; turns < 3; turns++)
            uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(aside(&a) + aside(&b), 0);
    send_chunk(a.link, 4 * MANY);
    RUN_UNTIL(b.messages == 21);
    assert_true(aside(&a) > 0 && aside(&b) > 0);
    assert_false(b.broken);
    /* The loop reads again when the stream has ended. */
    RUN_UNTIL(!cu_tcp_bulk_busy(tcp_link(&b)));
    send_ping(a.link, 0);
    RUN_UNTIL(b.messages == 22);
    assert_false(b.disordered);
    stop_with_turns();
}

/* Records that are made meanwhile wait behind the job's, and the loop writes none of them. */
static void the_loop_writes_nothing_while_a_job_does(void **state)
{
    uint64_t out;

    (void)state;
    start(3);
    set(SEND, true);
    send_chunk(a.link, MANY);
    run_until_inside(SEND);
    out = a.counters[CU_COUNT_peer_bytes_out];
    for (uint64_t i = 0; i < 100; i++)
        send_ping(a.link, i);
    RUN_UNTIL(!cu_tcp_aside_busy(tcp_link(&a))); /* all that may wait for the kernel is sealed */
    for (int i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(tcp_link(&a)->sealed.bytes > 512u << 10);
    assert_true(tcp_link(&a)->sealed.bytes < 2u << 20);
    assert_true(cu_link_queued(a.link) > MANY);
    assert_int_equal(a.counters[CU_COUNT_peer_bytes_out], out);
    assert_int_equal(b.messages + (uint64_t)drained, 0);
    set(SEND, false);
    RUN_UNTIL(b.messages == 101 && drained == 1);
    assert_false(b.broken || b.disordered);
    assert_int_equal(cu_link_queued(a.link), 0);
    stop();
}

static void what_came_before_the_end_is_told_before_it(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        start(3);
        send_chunk(a.link, MANY);
        send_ping(a.link, 0);
        RUN_UNTIL(cu_link_queued(a.link) == 0);
        cu_link_close(a.link);
        RUN_UNTIL(b.downs == 1);
        assert_int_equal(b.messages, 2);
        assert_int_equal(b.error, 0);
        assert_false(b.broken || b.disordered);
        assert_true(aside(&b) > 0);
        stop();
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(all_sizes_go_both_ways_in_order),
        TEST(one_thread_never_has_the_sockets),
        TEST(a_payload_that_comes_alone_stays_with_the_loop),
        TEST(the_loop_writes_nothing_while_a_job_does),
        TEST(what_came_before_the_end_is_told_before_it),
        SOCKET_TESTS,
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
