/* SPDX-License-Identifier: BSD-3-Clause */
/* Links whose large payloads are sent and received on other threads: order, sizes, what is bounded,
 * and ends in each state. A job is held inside of its call of the kernel. */
#include "tcp_calls.h"

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
    for (int i = 0; i < 20; i++)
        send_chunk(a.link, 262144);
    RUN_UNTIL(b.messages == 40);
    assert_true(aside(&a) > 0);
    assert_false(b.broken);
    stop_with_turns();
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

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(all_sizes_go_both_ways_in_order),
        TEST(small_messages_stay_with_the_loop),
        TEST(a_payload_that_comes_alone_stays_with_the_loop),
        TEST(without_memory_or_a_free_thread_the_loop_does_all),
        TEST(what_a_job_has_counts_as_queued_and_the_rest_waits),
        TEST(more_than_may_be_queued_ends_the_link_while_a_job_runs),
        TEST(what_came_before_the_end_is_told_before_it),
        SOCKET_TESTS,
    };
#undef TEST

    plain = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
