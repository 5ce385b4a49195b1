/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP links between nodes that know the key: messages, ends, limits. (Strangers:
 * net_tcp_strangers_test.c.) */
#include "tcp_node.h"

#include "proto/auth.h"

static void both_ends_know_each_other(void **state)
{
    struct node a, b;

    (void)state;
    pair_start(&a, &b, false);
    assert_int_equal(a.peer.side, CU_CHILD);
    assert_int_equal(b.peer.side, CU_PARENT);
    assert_int_equal(a.who.peer_rank, 1);
    assert_int_equal(b.who.peer_rank, 0);
    assert_non_null(strstr(cu_link_name(a.link), "rank 1 at 127.0.0.1:"));
    assert_non_null(strstr(cu_link_name(b.link), "127.0.0.1:"));
    pair_stop(&a, &b);
    assert_int_equal(a.downs + b.downs, 0);
}

static void exchange_sizes(bool encrypt)
{
    static const size_t sizes[] = {0, 1, 1023, 65535, 65536, 65537, 262144, 300000, 16u << 20, 7};
    struct node a, b;
    uint64_t total = 0;

    pair_start(&a, &b, encrypt);
    a.reaction = SEND_BACK;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct cu_msg msg = chunk_of(sizes[i]);

        total += sizes[i];
        assert_int_equal(cu_link_send(b.link, &msg), 0);
        cu_msg_clear(&msg);
        if (i % 2) /* some alone, some together */
            RUN_UNTIL(b.messages == i + 1);
    }
    RUN_UNTIL(b.messages == sizeof(sizes) / sizeof(sizes[0]));
    assert_int_equal(a.bytes, total);
    assert_int_equal(b.bytes, total);
    assert_false(a.broken || b.broken || a.unsent);
    assert_int_equal(cu_link_queued(b.link), 0);
    assert_true(b.counters[CU_COUNT_peer_bytes_in] > total);
    assert_int_equal(a.counters[CU_COUNT_peer_bytes_in], b.counters[CU_COUNT_peer_bytes_out]);
    assert_int_equal(b.counters[CU_COUNT_peer_bytes_in], a.counters[CU_COUNT_peer_bytes_out]);
    pair_stop(&a, &b);
}

static void all_sizes_go_both_ways(void **state)
{
    (void)state;
    exchange_sizes(false);
}

static void all_sizes_go_both_ways_encrypted(void **state)
{
    (void)state;
    exchange_sizes(true);
}

static void exchange_many(bool encrypt)
{
    const uint64_t count = 100000;
    struct node a, b;

    pair_start(&a, &b, encrypt);
    for (uint64_t i = 0; i < count; i++) {
        send_ping(a.link, i);
        send_ping(b.link, i);
        if (i % 1000 == 0)
            uv_run(&loop, UV_RUN_NOWAIT);
    }
    RUN_UNTIL(a.messages == count && b.messages == count);
    assert_false(a.disordered || b.disordered);
    pair_stop(&a, &b);
}

static void many_small_messages_keep_their_order(void **state)
{
    (void)state;
    exchange_many(false);
}

static void many_small_messages_keep_their_order_encrypted(void **state)
{
    (void)state;
    exchange_many(true);
}

static void small_and_large_keep_their_order(void **state)
{
    struct cu_msg chunk = chunk_of(200000);
    struct node a, b;

    (void)state;
    pair_start(&a, &b, false);
    for (uint64_t i = 0; i < 200; i++) {
        send_ping(a.link, i);
        if (i % 3 == 0)
            assert_int_equal(cu_link_send(a.link, &chunk), 0);
    }
    RUN_UNTIL(b.messages == 267);
    assert_false(b.disordered || b.broken);
    assert_int_equal(b.bytes, 67 * 200000);
    cu_msg_clear(&chunk);
    pair_stop(&a, &b);
}

/* Each message takes all of a turn's time: what has arrived behind it is for the next turns, and
 * all of it comes. */
static void a_link_does_not_keep_the_loop(void **state)
{
    struct cu_msg chunk = chunk_of(300000);
    struct cu_turn turn;
    struct node a, b;

    (void)state;
    cu_turn_init(&turn, &loop);
    loop_turn = &turn;
    pair_start(&a, &b, false);
    b.reaction = USE_TURN;
    for (int i = 0; i < 20; i++)
        assert_int_equal(cu_link_send(a.link, &chunk), 0);
    RUN_UNTIL(b.messages == 20);
    assert_false(b.broken);
    assert_int_equal(b.bytes, 20 * 300000);
    assert_int_equal(b.most_in_turn, 1);
    cu_msg_clear(&chunk);
    pair_stop(&a, &b);
    uv_close((uv_handle_t *)&turn.prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_turn = NULL;
}

static void messages_of_one_turn_leave_together(void **state)
{
    struct node a, b;
    uint64_t sent;

    (void)state;
    pair_start(&a, &b, false);
    sent = a.counters[CU_COUNT_peer_bytes_out];
    for (uint64_t i = 0; i < 50; i++)
        send_ping(a.link, i);
    assert_int_equal(a.counters[CU_COUNT_peer_bytes_out], sent); /* nothing yet */
    assert_int_equal(cu_link_queued(a.link),
                     50 * (CU_MSG_HEAD + CU_AUTH_TAG_BYTES + CU_LINK_EACH_BYTES));
    RUN_UNTIL(b.messages > 0);
    assert_int_equal(b.messages, 50); /* one read had them all */
    pair_stop(&a, &b);
}

/* A large payload that is passed on leaves before the next message of the same turn is handled.
 * Whether the two come in one turn is the kernel's: so they are sent until they do. */
static void a_large_payload_leaves_at_once(void **state)
{
    const size_t size = 300000;
    struct cu_msg chunk = chunk_of(size);
    struct cu_turn turn;
    struct node a, b;

    (void)state;
    cu_turn_init(&turn, &loop);
    loop_turn = &turn;
    pair_start(&a, &b, false);
    a.reaction = SEND_BACK;
    for (uint64_t i = 0; a.in_turn != 2; i++) {
        assert_int_equal(cu_link_send(b.link, &chunk), 0);
        send_ping(b.link, i);
        RUN_UNTIL(a.messages == 2 * (i + 1));
        RUN_UNTIL(b.messages == 2 * (i + 1));
    }
    assert_true(a.queued < size);
    assert_false(a.unsent || a.broken || b.broken || a.disordered || b.disordered);
    cu_msg_clear(&chunk);
    pair_stop(&a, &b);
    uv_close((uv_handle_t *)&turn.prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_turn = NULL;
}

static void hearing_is_timed(void **state)
{
    struct node a, b;
    uint64_t before;

    (void)state;
    pair_start(&a, &b, false);
    before = uv_hrtime();
    assert_true(cu_link_heard_ns(b.link) <= before);
    send_ping(a.link, 0);
    RUN_UNTIL(b.messages == 1);
    assert_true(cu_link_heard_ns(b.link) >= before);
    pair_stop(&a, &b);
}

static void an_orderly_end_has_no_error(void **state)
{
    struct node a, b;

    (void)state;
    pair_start(&a, &b, false);
    send_ping(b.link, 0);
    cu_link_close(b.link); /* the message still goes out */
    RUN_UNTIL(a.downs == 1);
    assert_int_equal(a.messages, 1);
    assert_int_equal(a.error, 0);
    assert_int_equal(a.down_rank, 1);
    assert_int_equal(b.downs, 0);
    pair_stop(&a, &b);
}

static void a_message_may_close_its_link(void **state)
{
    struct node a, b;

    (void)state;
    pair_start(&a, &b, false);
    a.reaction = CLOSE_LINK;
    for (uint64_t i = 0; i < 10; i++)
        send_ping(b.link, i);
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(a.messages, 1);
    assert_int_equal(a.downs, 0);
    pair_stop(&a, &b);
}

static void a_message_may_end_the_transport(void **state)
{
    struct cu_msg chunk = chunk_of(3000000);
    struct node a, b;

    (void)state;
    pair_start(&a, &b, false);
    a.reaction = DESTROY;
    assert_int_equal(cu_link_send(b.link, &chunk), 0);
    send_ping(b.link, 0);
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(a.messages, 1);
    cu_msg_clear(&chunk);
    cu_transport_destroy(b.transport);
}

static void a_link_that_is_not_up_takes_no_message(void **state)
{
    struct cu_msg ping = {.type = CU_MSG_PING};
    struct cu_transport_config config;
    struct cu_link *link;
    struct node a;

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    link =
        cu_transport_connect(a.transport, 0, "127.0.0.1", cu_transport_port(a.transport), 0, false);
    assert_non_null(link);
    assert_int_equal(cu_link_send(link, &ping), -ENOTCONN);
    cu_link_close(link);
    cu_transport_destroy(a.transport);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.ups + a.downs, 0);
}

/* Connects and expects that it fails. */
static int connect_error(struct node *node, uint32_t rank, const char *host, uint16_t port)
{
    struct cu_link *link = cu_transport_connect(node->transport, rank, host, port, 10000, false);

    assert_non_null(link);
    assert_int_equal(node->downs, 0); /* not from inside the call */
    RUN_UNTIL(node->downs == 1);
    assert_int_equal(node->ups, 0);
    assert_int_equal(node->down_rank, rank);
    return node->error;
}

static void a_closed_port_is_down(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct cu_transport_config config;
    struct node a;

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0); /* taken, but not listening */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    config = node_config(&a, 0);
    node_start(&a, &config);
    assert_int_equal(connect_error(&a, 5, "127.0.0.1", ntohs(at.sin_port)), ECONNREFUSED);
    cu_transport_destroy(a.transport);
    close(fd);
}

static void an_unknown_host_is_down(void **state)
{
    char long_name[400];
    struct cu_transport_config config;
    struct node a;

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    assert_int_equal(connect_error(&a, 5, "a..b", 5000), EHOSTUNREACH);
    a.downs = 0;
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(connect_error(&a, 5, long_name, 5000), EHOSTUNREACH);
    cu_transport_destroy(a.transport);
}

static void names_are_resolved_and_all_addresses_tried(void **state)
{
    struct cu_transport_config config;
    struct node a, b;

    (void)state;
    config =
        node_config(&a, 0); /* on IPv4 only: where localhost is ::1 as well, that one refuses */
    node_start(&a, &config);
    config = node_config(&b, 1);
    node_start(&b, &config);
    assert_non_null(cu_transport_connect(b.transport, 0, "localhost",
                                         cu_transport_port(a.transport), 5000, false));
    RUN_UNTIL(a.ups == 1 && b.ups == 1);
    assert_non_null(strstr(cu_link_name(b.link), "localhost 127.0.0.1:"));
    pair_stop(&a, &b);
}

static void closing_while_connecting_tells_nothing(void **state)
{
    struct cu_transport_config config;
    struct cu_link *link;
    struct node a;

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    link = cu_transport_connect(a.transport, 1, "localhost", 1, 5000, false);
    assert_non_null(link);
    cu_link_close(link);
    assert_non_null(cu_transport_connect(a.transport, 1, "a..b", 1, 5000, false));
    cu_transport_destroy(a.transport);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.ups + a.downs, 0);
}

static void a_taken_port_is_named(void **state)
{
    struct cu_transport_config config;
    struct cu_error err = {.text = ""};
    char expected[128];
    struct node a;

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    config.port = cu_transport_port(a.transport);
    assert_null(cu_transport_create("tcp", &config, &err));
    snprintf(expected, sizeof(expected), "port %u is in use on this host: choose another with -p",
             config.port);
    assert_string_equal(err.text, expected);
    config.port = 0;
    config.bind_address = "node3";
    assert_null(cu_transport_create("tcp", &config, &err));
    assert_non_null(strstr(err.text, "\"node3\""));
    cu_transport_destroy(a.transport);
    cu_transport_destroy(NULL);
}

/* The supervisor has a copy of the socket, and may live a moment longer. */
static void a_port_is_free_when_its_transport_has_stopped_listening(void **state)
{
    struct cu_transport_config config;
    struct cu_error err = {.text = ""};
    struct node a, b;
    uint16_t port;
    int fd = cu_transport_tcp_listen("127.0.0.1", 0, &err), other;

    (void)state;
    assert_true(fd > 0);
    config = node_config(&a, 0);
    config.listener_fd = fd;
    node_start(&a, &config);
    port = cu_transport_port(a.transport);
    config = node_config(&b, 1);
    node_start(&b, &config);
    assert_non_null(cu_transport_connect(b.transport, 0, "127.0.0.1", port, 5000, false));
    RUN_UNTIL(a.ups == 1 && b.ups == 1);
    assert_int_equal(cu_transport_tcp_listen("127.0.0.1", port, &err), -EADDRINUSE);
    cu_transport_unlisten(a.transport);
    cu_transport_unlisten(a.transport); /* harmless */
    other = cu_transport_tcp_listen("127.0.0.1", port, &err);
    assert_true(other > 0);
    send_ping(b.link, 0); /* links stay */
    RUN_UNTIL(a.messages == 1);
    close(other);
    close(fd);
    pair_stop(&a, &b);
}

static void all_addresses_means_both_families(void **state)
{
    struct cu_transport_config config;
    struct node a, b;

    (void)state;
    config = node_config(&a, 0);
    config.bind_address = NULL;
    node_start(&a, &config);
    config = node_config(&b, 1);
    node_start(&b, &config);
    assert_non_null(cu_transport_connect(b.transport, 0, "127.0.0.1",
                                         cu_transport_port(a.transport), 5000, false));
    RUN_UNTIL(a.ups == 1 && b.ups == 1);
    assert_non_null(strstr(cu_link_name(a.link), "rank 1 at 127.0.0.1:")); /* no ::ffff: */
    pair_stop(&a, &b);
}

static void the_wrong_rank_is_refused(void **state)
{
    struct cu_transport_config config;
    struct node a, b;

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    config = node_config(&b, 1);
    node_start(&b, &config);
    assert_int_equal(connect_error(&b, 3, "127.0.0.1", cu_transport_port(a.transport)), EREMCHG);
    pair_stop(&a, &b);
}

static void a_reader_that_stands_still_is_cut_off(void **state)
{
    struct cu_msg chunk = chunk_of(1 << 20);
    struct cu_transport_config config;
    struct node a;
    int fd, r = 0;

    (void)state;
    config = node_config(&a, 0);
    config.send_queue_max_bytes = 4u << 20;
    node_start(&a, &config);
    fd = proven_stranger(&a, &config);
    for (int i = 0; i < 1000 && r == 0; i++) {
        r = cu_link_send(a.link, &chunk);
        if (r == 0) {
            assert_true(cu_link_queued(a.link) <= config.send_queue_max_bytes + (2u << 20));
            uv_run(&loop, UV_RUN_NOWAIT);
        }
    }
    assert_int_equal(r, -ENOTCONN);
    assert_int_equal(a.downs, 0); /* not from inside the call */
    RUN_UNTIL(a.downs == 1);
    assert_int_equal(a.error, ENOBUFS);
    assert_int_equal(a.down_rank, 9);
    cu_msg_clear(&chunk);
    close(fd);
    cu_transport_destroy(a.transport);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(both_ends_know_each_other),
        TEST(all_sizes_go_both_ways),
        TEST(all_sizes_go_both_ways_encrypted),
        TEST(many_small_messages_keep_their_order),
        TEST(many_small_messages_keep_their_order_encrypted),
        TEST(small_and_large_keep_their_order),
        TEST(a_link_does_not_keep_the_loop),
        TEST(messages_of_one_turn_leave_together),
        TEST(a_large_payload_leaves_at_once),
        TEST(hearing_is_timed),
        TEST(an_orderly_end_has_no_error),
        TEST(a_message_may_close_its_link),
        TEST(a_message_may_end_the_transport),
        TEST(a_link_that_is_not_up_takes_no_message),
        TEST(a_closed_port_is_down),
        TEST(an_unknown_host_is_down),
        TEST(names_are_resolved_and_all_addresses_tried),
        TEST(closing_while_connecting_tells_nothing),
        TEST(a_taken_port_is_named),
        TEST(a_port_is_free_when_its_transport_has_stopped_listening),
        TEST(all_addresses_means_both_families),
        TEST(the_wrong_rank_is_refused),
        TEST(a_reader_that_stands_still_is_cut_off),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
