/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to those who talk to a node without the key, or talk nonsense with it. */
#include "tcp_node.h"

#include "host/log.h"

static char log_path[] = "/tmp/cu-tcp-log-XXXXXX";

/* Is the text in the log by now? */
static bool logged(const char *text)
{
    char content[65536];
    bool flushed = cu_log_flush(10000);
    FILE *file = fopen(log_path, "r");
    size_t size;

    assert_true(flushed);
    assert_non_null(file);
    size = fread(content, 1, sizeof(content) - 1, file);
    content[size] = '\0';
    fclose(file);
    return strstr(content, text) != NULL;
}

static int open_log(void **state)
{
    struct cu_log_config config = {.level = CU_LOG_INFO, .file_path = log_path};
    int fd = mkstemp(log_path);

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    return cu_log_open(&config, NULL);
}

static int close_log(void **state)
{
    (void)state;
    cu_log_close();
    return unlink(log_path);
}

static uint64_t refused(const struct node *node)
{
    return node->counters[CU_COUNT_handshakes_refused];
}

static void garbage_is_refused(void **state)
{
    struct cu_transport_config config;
    char garbage[4096];
    struct node a;
    int fd;

    (void)state;
    memset(garbage, 'G', sizeof(garbage));
    config = node_config(&a, 0);
    node_start(&a, &config);
    fd = stranger(&a);
    assert_int_equal(send(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
    RUN_UNTIL(refused(&a) == 1);
    assert_true(hung_up(fd));
    assert_int_equal(a.ups + a.downs, 0);
    assert_true(logged("refused a connection from 127.0.0.1: "));
    close(fd);
    cu_transport_destroy(a.transport);
}

static void one_who_leaves_at_once_is_counted(void **state)
{
    struct cu_transport_config config;
    struct node a;

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    close(stranger(&a));
    RUN_UNTIL(refused(&a) == 1);
    assert_int_equal(a.ups + a.downs, 0);
    cu_transport_destroy(a.transport);
}

/* Connects a second node whose identity differs; expects that both sides refuse, one with error. */
static void refuse_each_other(void (*change)(struct cu_handshake_config *identity), int error)
{
    struct cu_transport_config config;
    struct node a, b;

    config = node_config(&a, 0);
    node_start(&a, &config);
    config = node_config(&b, 1);
    change(&config.identity);
    node_start(&b, &config);
    assert_non_null(cu_transport_connect(b.transport, 0, "127.0.0.1",
                                         cu_transport_port(a.transport), 5000, false));
    RUN_UNTIL(b.downs == 1 && refused(&a) == 1);
    assert_int_equal(b.error, error);
    assert_int_equal(b.down_rank, 0);
    assert_int_equal(a.ups + a.downs + b.ups, 0);
    assert_true(logged(cu_handshake_strerror(-error)));
    pair_stop(&a, &b);
}

static void other_key(struct cu_handshake_config *identity)
{
    identity->key[31] ^= 1;
}

static void other_job(struct cu_handshake_config *identity)
{
    identity->job_id[0] ^= 1;
}

static void with_encryption(struct cu_handshake_config *identity)
{
    identity->encrypt = true;
}

static void the_wrong_key_is_refused(void **state)
{
    (void)state;
    refuse_each_other(other_key, EKEYREJECTED);
}

static void another_job_is_refused(void **state)
{
    (void)state;
    refuse_each_other(other_job, EXDEV);
}

static void encryption_must_be_agreed_on(void **state)
{
    (void)state;
    refuse_each_other(with_encryption, ENOTSUP);
}

/* As a client of a later version would say it. */
static void hello_of_another_version(const struct cu_transport_config *config,
                                     uint8_t hello[CU_HELLO_BYTES])
{
    struct cu_handshake handshake;

    cu_handshake_client_start(&handshake, &config->identity, hello);
    hello[4]++; /* u16 version, after the magic */
}

static void another_version_is_told_and_logged_by_the_server(void **state)
{
    uint8_t hello[CU_HELLO_BYTES], answer[CU_CHALLENGE_BYTES];
    struct cu_transport_config config;
    struct cu_handshake client;
    struct node a;
    size_t out_size;
    int fd;

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    hello_of_another_version(&config, hello);
    fd = stranger(&a);
    assert_int_equal(send(fd, hello, sizeof(hello), 0), sizeof(hello));
    RUN_UNTIL(refused(&a) == 1);
    assert_int_equal(recv(fd, answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
    answer[4] += 2; /* as that version would write it */
    cu_handshake_client_start(&client, &config.identity, hello);
    assert_int_equal(cu_handshake_feed(&client, answer, hello, &out_size), -EPROTONOSUPPORT);
    assert_true(logged("another version of Copper's protocol: 6, here 5"));
    close(fd);
    cu_transport_destroy(a.transport);
}

static void another_version_is_logged_by_the_client(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t hello[CU_HELLO_BYTES], answer[CU_CHALLENGE_BYTES];
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
    struct cu_transport_config config;
    socklen_t size = sizeof(at);
    struct cu_handshake server;
    struct node b;
    size_t out_size;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    config = node_config(&b, 1);
    node_start(&b, &config);
    assert_non_null(
        cu_transport_connect(b.transport, 0, "127.0.0.1", ntohs(at.sin_port), 10000, false));
    uv_run(&loop, UV_RUN_ONCE);
    fd = accept(listener, NULL, NULL);
    RUN_UNTIL(recv(fd, hello, sizeof(hello), MSG_PEEK | MSG_DONTWAIT) == sizeof(hello));
    hello_of_another_version(&config, hello);
    cu_handshake_server_start(&server, &config.identity);
    assert_int_equal(cu_handshake_feed(&server, hello, answer, &out_size), -EPROTONOSUPPORT);
    answer[4] = CU_PROTOCOL_VERSION + 2;
    assert_int_equal(send(fd, answer, out_size, 0), out_size);
    RUN_UNTIL(b.downs == 1);
    assert_int_equal(b.error, EPROTONOSUPPORT);
    assert_true(logged("cannot join 127.0.0.1:"));
    assert_true(logged("another version of Copper's protocol: 7, here 5"));
    close(fd);
    close(listener);
    cu_transport_destroy(b.transport);
}

static void a_handshake_that_stops_is_closed_in_time(void **state)
{
    uint8_t hello[CU_HELLO_BYTES];
    struct cu_transport_config config;
    struct cu_handshake handshake;
    struct node a;
    int silent, half, mute;

    (void)state;
    config = node_config(&a, 0);
    config.handshake_timeout_ms = 50;
    node_start(&a, &config);
    silent = stranger(&a);
    half = stranger(&a);
    mute = stranger(&a); /* gets its challenge and does not answer it */
    dialled(&config.identity, mute);
    memset(config.identity.secret, 3, sizeof(config.identity.secret));
    memset(config.identity.instance, 4, sizeof(config.identity.instance));
    cu_handshake_client_start(&handshake, &config.identity, hello);
    assert_int_equal(send(half, hello, 30, 0), 30);
    assert_int_equal(send(mute, hello, sizeof(hello), 0), sizeof(hello));
    RUN_UNTIL(refused(&a) == 3);
    assert_true(hung_up(silent) && hung_up(half) && hung_up(mute));
    assert_int_equal(a.ups + a.downs, 0);
    close(silent);
    close(half);
    close(mute);
    cu_transport_destroy(a.transport);
}

/* A byte now and then does not buy time. */
static void dribbling_is_closed_in_time(void **state)
{
    uint8_t hello[CU_HELLO_BYTES];
    struct cu_transport_config config;
    struct cu_handshake handshake;
    struct node a;
    unsigned sent = 0;
    int fd;

    (void)state;
    config = node_config(&a, 0);
    config.handshake_timeout_ms = 50;
    node_start(&a, &config);
    cu_handshake_client_start(&handshake, &config.identity, hello);
    fd = stranger(&a);
    while (refused(&a) == 0) {
        if (sent < CU_HELLO_BYTES - 1)
            sent += send(fd, hello + sent, 1, MSG_NOSIGNAL) == 1;
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(hung_up(fd));
    close(fd);
    cu_transport_destroy(a.transport);
}

static void the_oldest_stranger_makes_room(void **state)
{
    struct cu_transport_config config;
    struct node a, b;
    int fds[8];

    (void)state;
    config = node_config(&a, 0);
    config.unproven_max = 4;
    node_start(&a, &config);
    for (int i = 0; i < 8; i++)
        fds[i] = stranger(&a);
    RUN_UNTIL(refused(&a) == 4);
    for (int i = 0; i < 8; i++)
        assert_int_equal(hung_up(fds[i]), i < 4);
    /* One who knows the key gets in past them. */
    config = node_config(&b, 1);
    node_start(&b, &config);
    assert_non_null(cu_transport_connect(b.transport, 0, "127.0.0.1",
                                         cu_transport_port(a.transport), 5000, false));
    RUN_UNTIL(a.ups == 1 && b.ups == 1);
    assert_int_equal(refused(&a), 5);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    pair_stop(&a, &b);
}

/* Taking them pauses, more than once; all are refused in the end, and one who knows the key gets in
 * behind them. */
static void many_strangers_wait_and_keep_nobody_out(void **state)
{
    static const char garbage[100] = "GET / HTTP/1.0";
    struct cu_transport_config config;
    int fds[400];
    struct node a, b;

    (void)state;
    config = node_config(&a, 0);
    node_start(&a, &config);
    for (int i = 0; i < 400; i++) {
        fds[i] = stranger(&a);
        assert_int_equal(send(fds[i], garbage, sizeof(garbage), 0), sizeof(garbage));
    }
    config = node_config(&b, 1);
    node_start(&b, &config);
    assert_non_null(cu_transport_connect(b.transport, 0, "127.0.0.1",
                                         cu_transport_port(a.transport), 200000, false));
    RUN_UNTIL(a.ups == 1 && b.ups == 1);
    assert_int_equal(refused(&a), 400);
    for (int i = 0; i < 400; i++) {
        assert_true(hung_up(fds[i]));
        close(fds[i]);
    }
    pair_stop(&a, &b);
}

static void connecting_to_one_who_says_nothing_times_out(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct cu_transport_config config;
    socklen_t size = sizeof(at);
    struct node a;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    config = node_config(&a, 0);
    node_start(&a, &config);
    assert_non_null(
        cu_transport_connect(a.transport, 4, "127.0.0.1", ntohs(at.sin_port), 50, false));
    RUN_UNTIL(a.downs == 1);
    assert_int_equal(a.error, ETIMEDOUT);
    assert_int_equal(a.down_rank, 4);
    close(listener);
    cu_transport_destroy(a.transport);
}

/* With the key, but no message: sends bytes and expects the end with error. */
static void expect_end(const void *bytes, size_t size, bool encrypt, int error)
{
    struct cu_transport_config config;
    struct node a;
    int fd;

    config = node_config(&a, 0);
    config.identity.encrypt = encrypt;
    node_start(&a, &config);
    fd = proven_stranger(&a, &config);
    assert_int_equal(send(fd, bytes, size, 0), size);
    if (error != EBADMSG)
        shutdown(fd, SHUT_WR);
    RUN_UNTIL(a.downs == 1);
    assert_int_equal(a.error, error);
    assert_int_equal(a.down_rank, 9);
    assert_int_equal(a.counters[CU_COUNT_bad_messages], error == EBADMSG);
    assert_int_equal(a.messages, 0);
    assert_true(logged("connection to rank 9 at 127.0.0.1:"));
    close(fd);
    cu_transport_destroy(a.transport);
}

static void nonsense_from_a_peer_ends_the_link(void **state)
{
    unsigned char nonsense[200];

    (void)state;
    memset(nonsense, 0xee, sizeof(nonsense));
    expect_end(nonsense, sizeof(nonsense), false, EBADMSG);
    expect_end(nonsense, sizeof(nonsense), true, EBADMSG);
}

static void a_message_cut_short_is_an_error(void **state)
{
    struct cu_msg msg = chunk_of(100000);
    struct cu_buf *head, *bulk;

    (void)state;
    assert_int_equal(cu_msg_encode(&msg, &head, &bulk), 0);
    expect_end(head->data, 10, false, ECONNRESET);
    expect_end(head->data, head->size - 1, false, ECONNRESET);
    expect_end(head->data, head->size, false, ECONNRESET);
    cu_buf_unref(head);
    cu_buf_unref(bulk);
    cu_msg_clear(&msg);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(garbage_is_refused),
        TEST(one_who_leaves_at_once_is_counted),
        TEST(the_wrong_key_is_refused),
        TEST(another_job_is_refused),
        TEST(encryption_must_be_agreed_on),
        TEST(another_version_is_told_and_logged_by_the_server),
        TEST(another_version_is_logged_by_the_client),
        TEST(a_handshake_that_stops_is_closed_in_time),
        TEST(dribbling_is_closed_in_time),
        TEST(the_oldest_stranger_makes_room),
        TEST(many_strangers_wait_and_keep_nobody_out),
        TEST(connecting_to_one_who_says_nothing_times_out),
        TEST(nonsense_from_a_peer_ends_the_link),
        TEST(a_message_cut_short_is_an_error),
    };
#undef TEST

    return cmocka_run_group_tests(tests, open_log, close_log);
}
