/* SPDX-License-Identifier: BSD-3-Clause */
/* Encrypted links whose bulk data is encrypted on other threads: order, sizes, and what is bounded.
 */
#include "tcp_crew.h"

static void all_sizes_go_both_ways_in_order(void **state)
{
    static const size_t sizes[] = {0,      1,      16000,  40000,    65519, 65520,   131038,
                                   262144, 300000, 524151, 3u << 20, 7,     1000000, 70000};
    const uint64_t count = sizeof(sizes) / sizeof(sizes[0]);

    (void)state;
    for (unsigned threads = 0; threads <= 3; threads++) {
        exchange(threads, sizes, count, 2, CU_COUNT_crypt_aside_bytes);
        if (threads > 0)
            assert_true(a.counters[CU_COUNT_crypt_aside_bytes] > b.bytes);
        stop();
    }
}

static void many_small_messages_are_sealed_in_line(void **state)
{
    const uint64_t count = 20000;

    (void)state;
    start(1);
    hold(crew_a);
    for (uint64_t i = 0; i < count; i++)
        send_ping(a.link, i);
    RUN_UNTIL(b.messages == count);
    assert_false(b.disordered);
    let_go();
    stop();
}

static void a_turn_that_is_used_up_keeps_nothing(void **state)
{
    struct cu_turn turn;

    (void)state;
    cu_turn_init(&turn, &loop);
    loop_turn = &turn;
    start(2);
    b.reaction = USE_TURN;
    for (int i = 0; i < 20; i++)
        send_chunk(a.link, 300000);
    RUN_UNTIL(b.messages == 20);
    assert_false(b.broken);
    stop();
    uv_close((uv_handle_t *)&turn.prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_turn = NULL;
}

static void what_a_job_has_counts_as_queued_and_the_rest_waits(void **state)
{
    uint64_t queued;

    (void)state;
    start(1);
    hold(crew_a);
    send_chunk(a.link, MANY);
    queued = cu_link_queued(a.link);
    assert_true(queued > MANY);
    RUN_UNTIL(cu_tcp_aside_busy(tcp_link(&a)));
    assert_int_equal(cu_link_queued(a.link), queued);
    send_ping(a.link, 0);
    assert_int_equal(cu_link_queued(a.link), queued + CU_MSG_HEAD + CU_LINK_EACH_BYTES);
    for (int i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(cu_link_queued(a.link), queued + CU_MSG_HEAD + CU_LINK_EACH_BYTES);
    assert_int_equal(b.messages + (uint64_t)drained, 0);
    let_go();
    RUN_UNTIL(b.messages == 2 && drained == 1);
    assert_false(b.broken || b.disordered);
    assert_int_equal(cu_link_queued(a.link), 0);
    stop();
}

static void more_than_may_be_queued_ends_the_link_while_a_job_runs(void **state)
{
    struct cu_msg msg = chunk_of(1u << 20);
    int r = 0;

    (void)state;
    start_ticking(1, 0, MANY);
    hold(crew_a);
    for (int i = 0; i < 100 && r == 0; i++) {
        r = cu_link_send(a.link, &msg);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    cu_msg_clear(&msg);
    assert_int_equal(r, -ENOTCONN);
    RUN_UNTIL(a.downs == 1 && b.downs == 1);
    assert_int_equal(a.error, ENOBUFS);
    let_go();
    stop();
}

static void reading_pauses_while_a_job_is_behind(void **state)
{
    uint64_t in;

    (void)state;
    start(1);
    hold(crew_b);
    send_chunk(a.link, 4 * MANY);
    RUN_UNTIL(cu_tcp_seal_paused(tcp_link(&b)));
    in = b.counters[CU_COUNT_peer_bytes_in];
    assert_true(in < 3 * CU_TCP_RX_BYTES);
    for (int i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(b.counters[CU_COUNT_peer_bytes_in], in);
    let_go();
    RUN_UNTIL(b.messages == 1);
    assert_false(b.broken);
    stop();
}

static unsigned ticks;

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    ticks++;
}

/* Runs the loop for so many ms of timers. */
static void pass(unsigned count)
{
    uv_timer_t timer;

    ticks = 0;
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_tick, 1, 1);
    RUN_UNTIL(ticks >= count);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void who_does_not_read_does_not_call_the_sender_slow(void **state)
{
    (void)state;
    start_ticking(1, 1, 0);
    send_chunk(a.link, 4 * MANY);
    RUN_UNTIL(tcp_link(&b)->receiving > 0);
    hold(crew_b);
    RUN_UNTIL(cu_tcp_seal_paused(tcp_link(&b)));
    pass(50);
    assert_int_equal(b.downs, 0);
    cu_link_close(b.link);
    let_go();
    stop();
}

static void a_slow_sender_is_still_ended(void **state)
{
    (void)state;
    start_ticking(1, 1, 0);
    send_chunk(a.link, 4 * MANY);
    RUN_UNTIL(tcp_link(&b)->receiving > 0);
    hold(crew_a); /* the sender stands still */
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.error, ETIMEDOUT);
    let_go();
    stop();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(all_sizes_go_both_ways_in_order),
        TEST(many_small_messages_are_sealed_in_line),
        TEST(a_turn_that_is_used_up_keeps_nothing),
        TEST(what_a_job_has_counts_as_queued_and_the_rest_waits),
        TEST(more_than_may_be_queued_ends_the_link_while_a_job_runs),
        TEST(reading_pauses_while_a_job_is_behind),
        TEST(who_does_not_read_does_not_call_the_sender_slow),
        TEST(a_slow_sender_is_still_ended),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
