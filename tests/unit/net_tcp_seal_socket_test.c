/* SPDX-License-Identifier: BSD-3-Clause */
/* Encrypted links whose sockets are other threads' while a stream comes or goes: order, what is
 * bounded, and ends in each state. A job is held inside of its call of the kernel. */
#include "tcp_calls.h"

#include <fcntl.h>

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

/* However little the kernel takes and gives at a time. */
static void calls_may_do_a_part(void **state)
{
    (void)state;
    for (size_t most = 1000; most < 300000; most *= 7) {
        start(3);
        limit[SEND] = most;
        limit[RECEIVE] = most + 1;
        for (uint64_t i = 0; i < 8; i++) {
            send_ping(a.link, i);
            send_chunk(a.link, 300000 + i);
        }
        RUN_UNTIL(b.messages == 16);
        assert_false(b.broken || b.disordered);
        assert_true(aside(&a) > 0);
        limit[SEND] = limit[RECEIVE] = 0;
        stop();
    }
}

static struct cu_turn turn;

static void start_with_turns(void)
{
    cu_turn_init(&turn, &loop);
    loop_turn = &turn;
    start(3);
}

static void stop_with_turns(void)
{
    stop();
    uv_close((uv_handle_t *)&turn.prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_turn = NULL;
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

/* The other end reads nothing for a while. */
static void who_waits_for_room_goes_on_when_there_is_some(void **state)
{
    (void)state;
    start(3);
    set(RECEIVE, true);
    send_chunk(a.link, 4 * MANY);
    send_chunk(a.link, 4 * MANY);
    run_until_inside(RECEIVE);
    RUN_UNTIL(tcp_link(&a)->writing);
    assert_int_equal(drained, 0);
    set(RECEIVE, false);
    RUN_UNTIL(b.messages == 2 && drained == 1);
    assert_false(b.broken);
    stop();
}

static void a_slow_sender_is_still_ended(void **state)
{
    (void)state;
    start_ticking(3, 1, 0);
    send_chunk(a.link, 4 * MANY);
    RUN_UNTIL(tcp_link(&b)->receiving > 0);
    set(SEND, true);
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.error, ETIMEDOUT);
    set(SEND, false);
    stop();
}

static unsigned ticks;

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    ticks++;
}

/* b's thread is held for many times as long as a slow sender is given. */
static void who_does_not_read_does_not_call_the_sender_slow(void **state)
{
    uv_timer_t timer;

    (void)state;
    start_ticking(3, 1, 0);
    set(RECEIVE, true);
    send_chunk(a.link, 4 * MANY);
    run_until_inside(RECEIVE);
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_tick, 1, 1);
    for (ticks = 0; ticks < 50;)
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    assert_int_equal(b.downs, 0);
    cu_link_close(b.link);
    set(RECEIVE, false);
    stop();
}

/* From one end, from the other, with the transport. The socket stays open for the job: its number
 * may not become another file's. */
static void a_link_ends_while_a_job_has_the_socket(enum call call, int how)
{
    struct node *here = call == SEND ? &a : &b, *there = call == SEND ? &b : &a;

    start(3);
    set(call, true);
    send_chunk(a.link, 4 * MANY);
    run_until_inside(call);
    if (how == 0)
        cu_link_close(here->link);
    else if (how == 1)
        cu_link_close(there->link);
    else
        cu_transport_destroy(here->transport);
    for (int i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(fcntl(last_fd[call], F_GETFD), FD_CLOEXEC);
    set(call, false);
    RUN_UNTIL(a.downs + b.downs == 1);
    assert_int_equal(here->downs, how == 1);
    assert_int_equal(b.messages, 0);
    if (how == 2)
        here->transport = NULL;
    stop();
}

static void a_link_ends_in_each_way(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        a_link_ends_while_a_job_has_the_socket(SEND, how);
        a_link_ends_while_a_job_has_the_socket(RECEIVE, how);
    }
}

/* A farewell, say. */
static void what_is_queued_behind_a_job_goes_out_when_the_link_is_closed(void **state)
{
    (void)state;
    start(3);
    set(SEND, true);
    send_chunk(a.link, 600000);
    run_until_inside(SEND);
    RUN_UNTIL(tcp_link(&a)->plain.bytes == 0);
    send_ping(a.link, 0);
    cu_link_close(a.link);
    set(SEND, false);
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.messages, 2);
    assert_int_equal(b.error, 0);
    assert_false(b.broken || b.disordered);
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

static void a_message_may_end_link_or_transport_while_jobs_run(void **state)
{
    (void)state;
    a_message_ends(3);
}

static void a_changed_byte_ends_the_link(void **state)
{
    (void)state;
    start(3);
    change = true;
    send_chunk(a.link, 4 * MANY);
    RUN_UNTIL(b.downs == 1);
    change = false;
    assert_int_equal(b.error, EBADMSG);
    assert_int_equal(b.messages, 0);
    assert_int_equal(b.counters[CU_COUNT_bad_messages], 1);
    stop();
}

/* Others' payloads need the room of one whose job is under way. */
static void a_link_loses_its_room_while_it_receives(void **state)
{
    struct cu_transport_config config;
    struct node c;

    (void)state;
    receive_max_bytes = MANY + MANY / 2;
    start_with_turns();
    receive_max_bytes = 0;
    config = node_config(&c, 2);
    config.identity.encrypt = true;
    node_start(&c, &config);
    assert_non_null(cu_transport_connect(b.transport, 2, "127.0.0.1",
                                         cu_transport_port(c.transport), 5000, false));
    set(RECEIVE, true);
    send_chunk(a.link, MANY);
    RUN_UNTIL(c.ups == 1);
    run_until_inside(RECEIVE);
    send_chunk(c.link, MANY);
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.error, ENOBUFS);
    assert_int_equal(b.down_rank, 0);
    set(RECEIVE, false);
    RUN_UNTIL(b.messages == 1 && a.downs == 1);
    assert_false(b.broken);
    cu_transport_destroy(c.transport);
    stop_with_turns();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(all_sizes_go_both_ways_in_order),
        TEST(one_thread_never_has_the_sockets),
        TEST(calls_may_do_a_part),
        TEST(a_payload_that_comes_alone_stays_with_the_loop),
        TEST(the_loop_writes_nothing_while_a_job_does),
        TEST(who_waits_for_room_goes_on_when_there_is_some),
        TEST(a_slow_sender_is_still_ended),
        TEST(who_does_not_read_does_not_call_the_sender_slow),
        TEST(a_link_ends_in_each_way),
        TEST(what_is_queued_behind_a_job_goes_out_when_the_link_is_closed),
        TEST(what_came_before_the_end_is_told_before_it),
        TEST(a_message_may_end_link_or_transport_while_jobs_run),
        TEST(a_changed_byte_ends_the_link),
        TEST(a_link_loses_its_room_while_it_receives),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
