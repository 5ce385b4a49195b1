/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of sockets on other threads: calls of the kernel that are held, or do a part, and what
 * is to hold whether links are encrypted or not. The test is linked with
 * --wrap=sendmsg,--wrap=recvmsg. */
#ifndef TCP_CALLS_H
#define TCP_CALLS_H

#include "tcp_crew.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/uio.h>

enum call { SEND, RECEIVE };

/* Guarded by lock. */
static bool holding[2], inside[2];
static int last_fd[2]; /* of a call */

static atomic_size_t limit[2]; /* bytes of one call; 0: no limit */
static atomic_bool change;     /* a byte that is received */

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);

static inline size_t enter(enum call call, int fd)
{
    pthread_mutex_lock(&lock);
    last_fd[call] = fd;
    inside[call] = true;
    pthread_cond_broadcast(&changed);
    while (holding[call])
        pthread_cond_wait(&changed, &lock);
    inside[call] = false;
    pthread_mutex_unlock(&lock);
    return limit[call];
}

static inline void set(enum call call, bool on)
{
    pthread_mutex_lock(&lock);
    holding[call] = on;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* A job is inside of the call. */
static inline bool is_inside(enum call call)
{
    bool is;

    pthread_mutex_lock(&lock);
    is = inside[call];
    pthread_mutex_unlock(&lock);
    return is;
}

/* A thread that gets there does not wake the loop. */
static inline void run_until_inside(enum call call)
{
    while (!is_inside(call))
        uv_run(&loop, UV_RUN_NOWAIT);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t most = enter(SEND, fd);
    struct iovec first = msg->msg_iov[0];
    struct msghdr less = {.msg_iov = &first, .msg_iovlen = 1};

    if (most == 0)
        return __real_sendmsg(fd, msg, flags);
    if (first.iov_len > most)
        first.iov_len = most;
    return __real_sendmsg(fd, &less, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
    size_t most = enter(RECEIVE, fd);
    ssize_t n;

    if (most > 0 && msg->msg_iov[0].iov_len > most) {
        msg->msg_iov[0].iov_len = most;
        msg->msg_iovlen = 1;
    }
    n = __real_recvmsg(fd, msg, flags);
    if (n > 0 && change)
        *(unsigned char *)msg->msg_iov[0].iov_base ^= 1;
    return n;
}

static inline uint64_t aside(const struct node *node)
{
    return node->counters[CU_COUNT_sockets_aside_bytes];
}

/* --- what holds for the sockets of all links, with encryption and without --- */

/* A thread has the sockets where there are so many. */
static inline unsigned enough(void)
{
    return plain ? 1 : 3;
}

static struct cu_turn turn;
static unsigned ticks;

static inline void start_with_turns(void)
{
    cu_turn_init(&turn, &loop);
    loop_turn = &turn;
    start(enough());
}

static inline void stop_with_turns(void)
{
    stop();
    uv_close((uv_handle_t *)&turn.prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_turn = NULL;
}

/* However little the kernel takes and gives at a time. */
static inline void calls_may_do_a_part(void **state)
{
    (void)state;
    for (size_t most = 1000; most < 300000; most *= 7) {
        start(enough());
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

/* The other end reads nothing for a while. */
static inline void who_waits_for_room_goes_on_when_there_is_some(void **state)
{
    (void)state;
    start(enough());
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

static inline void a_slow_sender_is_still_ended(void **state)
{
    (void)state;
    start_ticking(enough() + 1, 1, 0);
    send_chunk(a.link, 4 * MANY);
    RUN_UNTIL(tcp_link(&b)->receiving > 0);
    set(SEND, true);
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.error, ETIMEDOUT);
    set(SEND, false);
    stop();
}

static inline void on_tick(uv_timer_t *timer)
{
    (void)timer;
    ticks++;
}

/* b's thread is held for many times as long as a slow sender is given. */
static inline void who_does_not_read_does_not_call_the_sender_slow(void **state)
{
    uv_timer_t timer;

    (void)state;
    start_ticking(enough() + 1, 1, 0);
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
static inline void a_link_ends_while_a_job_has_the_socket(enum call call, int how)
{
    struct node *here = call == SEND ? &a : &b, *there = call == SEND ? &b : &a;

    start(enough());
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
    if (call == RECEIVE && how == 1) /* not all of it was sent */
        assert_int_equal(b.error, ECONNRESET);
    if (how == 2)
        here->transport = NULL;
    stop();
}

static inline void a_link_ends_in_each_way(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        a_link_ends_while_a_job_has_the_socket(SEND, how);
        a_link_ends_while_a_job_has_the_socket(RECEIVE, how);
    }
}

/* A farewell, say. */
static inline void what_is_queued_behind_a_job_goes_out_when_the_link_is_closed(void **state)
{
    (void)state;
    start(enough());
    set(SEND, true);
    send_chunk(a.link, 600000);
    run_until_inside(SEND);
    if (!plain) /* sealed */
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

static inline void a_message_may_end_link_or_transport_while_jobs_run(void **state)
{
    (void)state;
    a_message_ends(3);
}

static inline void a_changed_byte_ends_the_link(void **state)
{
    (void)state;
    start(enough());
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
static inline void a_link_loses_its_room_while_it_receives(void **state)
{
    struct cu_transport_config config;
    struct node c;

    (void)state;
    receive_max_bytes = MANY + MANY / 2;
    start_with_turns();
    receive_max_bytes = 0;
    config = node_config(&c, 2);
    config.identity.encrypt = !plain;
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

#define SOCKET_TESTS                                                                               \
    TEST(calls_may_do_a_part), TEST(who_waits_for_room_goes_on_when_there_is_some),                \
        TEST(a_slow_sender_is_still_ended), TEST(who_does_not_read_does_not_call_the_sender_slow), \
        TEST(a_link_ends_in_each_way),                                                             \
        TEST(what_is_queued_behind_a_job_goes_out_when_the_link_is_closed),                        \
        TEST(a_message_may_end_link_or_transport_while_jobs_run),                                  \
        TEST(a_changed_byte_ends_the_link), TEST(a_link_loses_its_room_while_it_receives)

#endif
