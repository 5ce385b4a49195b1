/* SPDX-License-Identifier: BSD-3-Clause */
/* Links whose large payloads are sent and received on other threads: order, sizes, what is bounded,
 * and ends in each state. A job is held inside of its call of the kernel. */
#include "tcp_calls.h"

#include <fcntl.h>

static bool no_bulk;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    /* What a link has for its jobs. */
    if (no_bulk && size > CU_TCP_IOV_MAX * sizeof(uv_buf_t) && size != sizeof(struct cu_tcp))
        return NULL;
    return __real_calloc(count, size);
}

static void all_sizes_go_both_ways_in_order(void **state)
{
    static const size_t sizes[] = {0,      1,      16000,   65535,    65536, 65600,   131038,
                                   262144, 300000, 1048575, 3u << 20, 7,     1000000, 70000};
    const uint64_t count = sizeof(sizes) / sizeof(sizes[0]);

    (void)state;
    for (unsigned threads = 0; threads <= 4; threads++) {
        exchange(threads, sizes, count, 3, CU_COUNT_sockets_aside_bytes);
        stop();
    }
}

/* However little the kernel takes and gives at a time. */
static void calls_may_do_a_part(void **state)
{
    (void)state;
    for (size_t most = 1000; most < 300000; most *= 7) {
        start(1);
        limit[SEND] = most;
        limit[RECEIVE] = most + 1;
        for (uint64_t i = 0; i < 8; i++) {
            send_ping(a.link, i);
            send_chunk(a.link, 300000 + i);
        }
        RUN_UNTIL(b.messages == 16);
        assert_false(b.broken || b.disordered);
        limit[SEND] = limit[RECEIVE] = 0;
        stop();
    }
}

static void small_messages_stay_with_the_loop(void **state)
{
    const uint64_t count = 20000;

    (void)state;
    start(1);
    for (uint64_t i = 0; i < count; i++)
        send_ping(a.link, i);
    RUN_UNTIL(b.messages == count);
    assert_false(b.disordered);
    assert_int_equal(aside(&a) + aside(&b), 0);
    stop();
}

/* A thread would only make it come later. */
static void a_payload_that_comes_alone_stays_with_the_loop(void **state)
{
    struct cu_turn turn;

    (void)state;
    cu_turn_init(&turn, &loop);
    loop_turn = &turn;
    start(2);
    for (uint64_t i = 1; i <= 20; i++) {
        send_chunk(a.link, 262144);
        RUN_UNTIL(b.messages == i);
        RUN_UNTIL(cu_link_queued(a.link) == 0);
        for (int turns = 0; turns < 3; turns++)
            uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(aside(&a) + aside(&b), 0);
    for (int i = 0; i < 20; i++)
        send_chunk(a.link, 262144);
    RUN_UNTIL(b.messages == 40);
    assert_true(aside(&a) > 0);
    assert_false(b.broken);
    stop();
    uv_close((uv_handle_t *)&turn.prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_turn = NULL;
}

static void nothing(struct cu_crew_job *job)
{
    (void)job;
}

static void without_memory_or_a_free_thread_the_loop_does_all(void **state)
{
    struct hold waits[8];

    (void)state;
    for (int i = 0; i < 8; i++)
        waits[i] = (struct hold){.job = {.work = nothing, .done = hold_done}};
    for (int busy = 0; busy < 2; busy++) {
        no_bulk = !busy;
        start(1);
        no_bulk = false;
        if (busy) {
            hold(crew_a);
            for (int i = 0; i < 8; i++)
                cu_crew_run(crew_a, &waits[i].job);
            assert_false(cu_crew_has_room(crew_a));
            send_chunk(a.link, MANY);
            RUN_UNTIL(b.messages == 1);
            assert_int_equal(aside(&a), 0);
            let_go();
        } else {
            send_chunk(a.link, MANY);
            RUN_UNTIL(b.messages == 1);
            assert_int_equal(aside(&a) + aside(&b), 0);
        }
        assert_false(b.broken);
        stop();
    }
}

static void what_a_job_has_counts_as_queued_and_the_rest_waits(void **state)
{
    uint64_t queued;

    (void)state;
    start(1);
    set(SEND, true);
    send_chunk(a.link, MANY);
    queued = cu_link_queued(a.link);
    assert_true(queued > MANY);
    run_until_inside(SEND);
    assert_int_equal(cu_link_queued(a.link), queued);
    for (uint64_t i = 0; i < 100; i++) /* the queue grows */
        send_ping(a.link, i);
    queued += 100 * (CU_MSG_HEAD + CU_AUTH_TAG_BYTES + CU_LINK_EACH_BYTES);
    assert_int_equal(cu_link_queued(a.link), queued);
    for (int i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(cu_link_queued(a.link), queued);
    assert_int_equal(b.messages + (uint64_t)drained, 0);
    set(SEND, false);
    RUN_UNTIL(b.messages == 101 && drained == 1);
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
    set(SEND, true);
    for (int i = 0; i < 100 && r == 0; i++) {
        r = cu_link_send(a.link, &msg);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    cu_msg_clear(&msg);
    assert_int_equal(r, -ENOTCONN);
    RUN_UNTIL(a.downs == 1);
    assert_int_equal(a.error, ENOBUFS);
    set(SEND, false);
    RUN_UNTIL(b.downs == 1);
    stop();
}

/* The other end reads nothing for a while. */
static void who_waits_for_room_goes_on_when_there_is_some(void **state)
{
    (void)state;
    start(1);
    set(RECEIVE, true);
    send_chunk(a.link, 4 * MANY);
    send_chunk(a.link, 4 * MANY);
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
    start_ticking(2, 1, 0);
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
    start_ticking(2, 1, 0);
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

/* By a, by b, with a's transport. The socket stays open for the job: its number may not become
 * another file's. */
static void a_link_ends_while_it_sends(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        start(1);
        set(SEND, true);
        send_chunk(a.link, MANY);
        run_until_inside(SEND);
        if (how == 0)
            cu_link_close(a.link);
        else if (how == 1)
            cu_link_close(b.link);
        else
            cu_transport_destroy(a.transport);
        for (int i = 0; i < 10; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        assert_int_equal(fcntl(last_fd[SEND], F_GETFD), FD_CLOEXEC);
        set(SEND, false);
        RUN_UNTIL(a.downs + b.downs == 1);
        assert_int_equal(a.downs, how == 1);
        if (how == 2)
            a.transport = NULL;
        stop();
    }
}

static void a_link_ends_while_it_receives(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        start(1);
        set(RECEIVE, true);
        send_chunk(a.link, 4 * MANY);
        run_until_inside(RECEIVE);
        if (how == 0)
            cu_link_close(b.link);
        else if (how == 1)
            cu_transport_destroy(b.transport);
        else
            cu_link_close(a.link);
        for (int i = 0; i < 10; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        assert_int_equal(fcntl(last_fd[RECEIVE], F_GETFD), FD_CLOEXEC);
        set(RECEIVE, false);
        RUN_UNTIL(a.downs + b.downs == 1);
        if (how == 1)
            b.transport = NULL;
        if (how == 2)
            assert_int_equal(b.error, ECONNRESET); /* not all of it was sent */
        assert_int_equal(b.messages, 0);
        stop();
    }
}

/* A farewell, say. */
static void what_is_queued_behind_a_job_goes_out_when_the_link_is_closed(void **state)
{
    (void)state;
    start(1);
    set(SEND, true);
    send_chunk(a.link, 600000);
    run_until_inside(SEND);
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
    start(1);
    set(RECEIVE, true);
    send_chunk(a.link, 600000);
    send_ping(a.link, 0);
    run_until_inside(RECEIVE);
    cu_link_close(a.link);
    for (int i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(b.messages + (uint64_t)b.downs, 0);
    set(RECEIVE, false);
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.messages, 2);
    assert_int_equal(b.error, 0);
    assert_false(b.broken || b.disordered);
    stop();
}

static void a_message_may_end_link_or_transport_while_jobs_run(void **state)
{
    (void)state;
    a_message_ends(3);
}

static void a_changed_byte_ends_the_link(void **state)
{
    (void)state;
    start(1);
    change = true;
    send_chunk(a.link, MANY);
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
    start(1);
    receive_max_bytes = 0;
    config = node_config(&c, 2);
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
    stop();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(all_sizes_go_both_ways_in_order),
        TEST(calls_may_do_a_part),
        TEST(small_messages_stay_with_the_loop),
        TEST(a_payload_that_comes_alone_stays_with_the_loop),
        TEST(without_memory_or_a_free_thread_the_loop_does_all),
        TEST(what_a_job_has_counts_as_queued_and_the_rest_waits),
        TEST(more_than_may_be_queued_ends_the_link_while_a_job_runs),
        TEST(who_waits_for_room_goes_on_when_there_is_some),
        TEST(a_slow_sender_is_still_ended),
        TEST(who_does_not_read_does_not_call_the_sender_slow),
        TEST(a_link_ends_while_it_sends),
        TEST(a_link_ends_while_it_receives),
        TEST(what_is_queued_behind_a_job_goes_out_when_the_link_is_closed),
        TEST(what_came_before_the_end_is_told_before_it),
        TEST(a_message_may_end_link_or_transport_while_jobs_run),
        TEST(a_changed_byte_ends_the_link),
        TEST(a_link_loses_its_room_while_it_receives),
    };
#undef TEST

    plain = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
