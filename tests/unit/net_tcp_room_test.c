/* SPDX-License-Identifier: BSD-3-Clause */
/* What is received for those who know the key is bounded, too. */
#include "tcp_node.h"

#include "proto/auth.h"

/* The head and fields of a chunk of size bytes, with a tag that nobody will look at, and the first
 * `part` bytes of it, sent by one who knows the key. */
static int send_part(struct node *node, const struct cu_transport_config *config, size_t size,
                     size_t part)
{
    struct cu_msg msg = chunk_of(size);
    int fd = proven_stranger(node, config);
    uint8_t tag[CU_AUTH_TAG_BYTES] = {0};
    struct cu_buf *head, *bulk;

    assert_int_equal(cu_msg_encode(&msg, &head, &bulk), 0);
    assert_int_equal(send(fd, head->data, head->size, 0), head->size);
    assert_int_equal(send(fd, tag, sizeof(tag), 0), sizeof(tag));
    assert_int_equal(send(fd, bulk->data, part, 0), part);
    cu_buf_unref(head);
    cu_buf_unref(bulk);
    cu_msg_clear(&msg);
    return fd;
}

/* The largest goes when one more would be too much; small ones are not touched by it. */
static void unfinished_payloads_have_a_bound(void **state)
{
    struct cu_transport_config config;
    struct node a, b;
    int fds[6];

    (void)state;
    config = node_config(&a, 0);
    config.receive_max_bytes = 1000000;
    node_start(&a, &config);
    fds[0] = send_part(&a, &config, 100000, 50000);
    for (int i = 1; i < 6; i++) {
        int downs = a.downs;

        fds[i] = send_part(&a, &config, 400000, 50000);
        if (i > 2)
            RUN_UNTIL(a.downs == downs + 1);
    }
    assert_int_equal(a.downs, 3);
    assert_int_equal(a.error, ENOBUFS);
    assert_int_equal(a.counters[CU_COUNT_receives_ended], 3);
    assert_false(hung_up(fds[0]));
    /* what cannot fit at all ends itself */
    RUN_UNTIL(hung_up(fds[1]) + hung_up(fds[2]) + hung_up(fds[3]) == 3);
    /* and there is room for honest ones: 100,000 are free, more when it is needed */
    config = node_config(&b, 1);
    node_start(&b, &config);
    assert_non_null(cu_transport_connect(b.transport, 0, "127.0.0.1",
                                         cu_transport_port(a.transport), 5000, false));
    RUN_UNTIL(b.ups == 1);
    for (size_t size = 90000; size < 300000; size += 100000) {
        struct cu_msg msg = chunk_of(size);

        assert_int_equal(cu_link_send(b.link, &msg), 0);
        cu_msg_clear(&msg);
    }
    RUN_UNTIL(a.messages == 3);
    assert_false(a.broken);
    for (int i = 0; i < 6; i++)
        close(fds[i]);
    pair_stop(&a, &b);
}

#define TICK_MS 5

static int slow_fd, steady_fd, silent_fd;
static unsigned rounds;

/* Once a tick of the transport's: both timers are due in the same turns. */
static void on_round(uv_timer_t *timer)
{
    static const char bytes[70000];

    (void)timer;
    rounds += slow_fd >= 0;
    (void)!send(slow_fd, bytes, 1, MSG_NOSIGNAL);
    assert_int_equal(send(steady_fd, bytes, sizeof(bytes), 0), sizeof(bytes));
}

/* Room is taken from the head of a payload on: who brings it byte by byte does not keep it. */
static void who_sends_slowly_does_not_keep_the_room(void **state)
{
    struct cu_transport_config config;
    struct node a;
    uint64_t received;
    uv_timer_t timer;
    int room = 1 << 20; /* a send must not wait for the loop, which it would stop */

    (void)state;
    config = node_config(&a, 0);
    config.receive_tick_ms = TICK_MS;
    config.receive_max_bytes = 24 << 20;
    node_start(&a, &config);
    silent_fd = proven_stranger(&a, &config); /* owes nothing */
    steady_fd = send_part(&a, &config, 12 << 20, 1);
    assert_int_equal(setsockopt(steady_fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    slow_fd = -1;
    rounds = 0;
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_round, TICK_MS, TICK_MS);
    slow_fd = send_part(&a, &config, 12 << 20, 1);
    RUN_UNTIL(a.downs > 0);
    uv_close((uv_handle_t *)&timer, NULL);
    assert_int_equal(a.downs, 1);
    assert_int_equal(a.error, ETIMEDOUT);
    assert_true(rounds >= 9); /* not at the first tick without enough */
    RUN_UNTIL(hung_up(slow_fd));
    assert_false(hung_up(silent_fd));
    assert_false(hung_up(steady_fd));
    /* its room is free for the next, for which nobody has to go */
    close(slow_fd);
    received = a.counters[CU_COUNT_peer_bytes_in];
    slow_fd = send_part(&a, &config, 12 << 20, 70000);
    RUN_UNTIL(a.counters[CU_COUNT_peer_bytes_in] >= received + 70000);
    assert_int_equal(a.downs, 1);
    assert_int_equal(a.counters[CU_COUNT_receives_ended], 0);
    close(slow_fd);
    close(steady_fd);
    close(silent_fd);
    cu_transport_destroy(a.transport);
}

static bool expects_nothing(void *context, struct cu_link *link, const struct cu_msg_head *head)
{
    (void)context;
    (void)link;
    return head->type != CU_MSG_ANSWER;
}

static void what_is_not_expected_is_not_received(void **state)
{
    struct cu_transport_config config;
    struct node a;
    int fd;

    (void)state;
    config = node_config(&a, 0);
    config.events.expects = expects_nothing;
    node_start(&a, &config);
    fd = send_part(&a, &config, 400000, 1);
    RUN_UNTIL(a.downs == 1);
    assert_int_equal(a.error, EBADMSG);
    assert_int_equal(a.counters[CU_COUNT_bad_messages], 1);
    close(fd);
    cu_transport_destroy(a.transport);
}

static void many_commands_make_room_for_each_other(void **state)
{
    struct cu_transport_config config;
    struct node a;
    int fds[70];

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    for (int i = 0; i < 70; i++) {
        config.identity.role = CU_ROLE_CLIENT;
        fds[i] = proven_stranger(&a, &config);
    }
    RUN_UNTIL(a.downs == 6);
    for (int i = 0; i < 70; i++) {
        RUN_UNTIL(hung_up(fds[i]) == (i < 6));
        close(fds[i]);
    }
    cu_transport_destroy(a.transport);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(unfinished_payloads_have_a_bound),
        TEST(who_sends_slowly_does_not_keep_the_room),
        TEST(what_is_not_expected_is_not_received),
        TEST(many_commands_make_room_for_each_other),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
