/* SPDX-License-Identifier: BSD-3-Clause */
/* Encrypted links whose bulk data is encrypted on other threads: ends in each state, what is
 * broken, and what is not to be had. */
#include "tcp_crew.h"

#include <stdatomic.h>

static atomic_int bufs_left = -1; /* cu_buf_new fails after so many; below 0: never */
static int rx_left = -1;          /* the same for buffers to receive into; only the loop's thread */
static bool no_aside;

struct cu_buf *__real_cu_buf_new(size_t capacity);
struct cu_buf *__wrap_cu_buf_new(size_t capacity);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

/* Records only. */
struct cu_buf *__wrap_cu_buf_new(size_t capacity)
{
    if (capacity == 4 + CU_SEAL_RECORD_MAX && bufs_left >= 0 && bufs_left-- == 0)
        return NULL;
    return __real_cu_buf_new(capacity);
}

void *__wrap_malloc(size_t size)
{
    if (size == sizeof(struct cu_tcp_rx) && rx_left >= 0 && rx_left-- == 0) {
        rx_left = 0;
        return NULL;
    }
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    /* What a link has for its jobs. */
    if (no_aside && size > CU_TCP_IOV_MAX * sizeof(uv_buf_t) && size < sizeof(struct cu_tcp))
        return NULL;
    return __real_calloc(count, size);
}

/* a's job is held while the link ends: by a, by b, with a's transport. */
static void a_link_ends_while_it_seals(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        start(1);
        hold(crew_a);
        send_chunk(a.link, MANY);
        RUN_UNTIL(cu_tcp_aside_busy(tcp_link(&a)));
        if (how == 0)
            cu_link_close(a.link);
        else if (how == 1)
            cu_link_close(b.link);
        else
            cu_transport_destroy(a.transport);
        RUN_UNTIL(a.downs + b.downs == 1);
        assert_int_equal(a.downs, how == 1);
        assert_int_equal(b.messages, 0);
        if (how == 2)
            a.transport = NULL;
        let_go();
        stop();
    }
}

/* The same with b's, which opens. */
static void a_link_ends_while_it_opens(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        start(1);
        hold(crew_b);
        send_chunk(a.link, MANY);
        RUN_UNTIL(cu_tcp_seal_paused(tcp_link(&b)));
        if (how == 0)
            cu_link_close(b.link);
        else if (how == 1)
            cu_transport_destroy(b.transport);
        else
            cu_link_close(a.link);
        if (how < 2)
            RUN_UNTIL(a.downs == 1);
        if (how == 1)
            b.transport = NULL;
        let_go();
        if (how == 2) {
            RUN_UNTIL(b.downs == 1);
            assert_int_equal(b.error, ECONNRESET); /* not all of it was sent */
        }
        assert_int_equal(b.messages, 0);
        stop();
    }
}

/* b's thread has a whole message, and goes on when it is let go. */
static void a_chunk_is_held(void)
{
    start(1);
    hold(crew_b);
    send_chunk(a.link, 200000);
    RUN_UNTIL(a.counters[CU_COUNT_peer_bytes_out] > 200000);
    RUN_UNTIL(cu_tcp_aside_busy(tcp_link(&b)));
}

/* The end comes while a job has the last messages: they are told first. */
static void what_came_before_the_end_is_told_before_it(void **state)
{
    (void)state;
    a_chunk_is_held();
    send_ping(a.link, 0);
    cu_link_close(a.link);
    RUN_UNTIL(cu_tcp_seal_paused(tcp_link(&b)));
    assert_int_equal(b.messages + (uint64_t)b.downs, 0);
    let_go();
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.messages, 2);
    assert_int_equal(b.error, 0);
    assert_false(b.broken || b.disordered);
    stop();
}

static void a_message_may_end_link_or_transport_while_the_next_job_runs(void **state)
{
    (void)state;
    a_message_ends(1);
}

static void a_broken_record_in_a_job_ends_the_link_after_what_was_right(void **state)
{
    static unsigned char garbage[1u << 16];
    uv_os_fd_t fd;

    (void)state;
    a_chunk_is_held();
    memset(garbage, 0x5a, sizeof(garbage));
    assert_int_equal(uv_fileno((uv_handle_t *)&tcp_link(&a)->socket, &fd), 0);
    assert_int_equal(send(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
    let_go();
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.messages, 1);
    assert_int_equal(b.error, EBADMSG);
    assert_int_equal(b.counters[CU_COUNT_bad_messages], 1);
    assert_false(b.broken);
    stop();
}

static void without_memory_for_a_record_the_link_ends(void **state)
{
    (void)state;
    for (int left = 0; left < 3; left++) {
        start(1);
        bufs_left = left;
        send_chunk(a.link, MANY);
        RUN_UNTIL(a.downs == 1 && b.downs == 1);
        bufs_left = -1;
        assert_int_equal(a.error, ENOMEM);
        assert_int_equal(b.messages, 0);
        stop();
    }
}

static void without_memory_for_buffers_all_comes(void **state)
{
    (void)state;
    for (int left = 0; left < 3; left++) {
        start(2);
        rx_left = left;
        for (uint64_t i = 0; i < 10; i++) {
            send_ping(a.link, i);
            send_chunk(a.link, 1u << 20);
        }
        RUN_UNTIL(b.messages == 20);
        rx_left = -1;
        assert_false(b.broken || b.disordered);
        assert_true((b.counters[CU_COUNT_crypt_aside_bytes] > 0) == (left > 0));
        stop();
    }
    no_aside = true; /* for the link's part */
    start(2);
    no_aside = false;
    send_chunk(a.link, MANY);
    RUN_UNTIL(b.messages == 1);
    assert_int_equal(a.counters[CU_COUNT_crypt_aside_bytes], 0);
    assert_false(b.broken);
    stop();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(a_link_ends_while_it_seals),
        TEST(a_link_ends_while_it_opens),
        TEST(what_came_before_the_end_is_told_before_it),
        TEST(a_message_may_end_link_or_transport_while_the_next_job_runs),
        TEST(a_broken_record_in_a_job_ends_the_link_after_what_was_right),
        TEST(without_memory_for_a_record_the_link_ends),
        TEST(without_memory_for_buffers_all_comes),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
