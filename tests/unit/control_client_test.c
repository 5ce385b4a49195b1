/* SPDX-License-Identifier: BSD-3-Clause */
/* A conversation with something that behaves as a daemon, or does not. */
#include "control/client.h"
#include "host/clock.h"
#include "proto/msg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct cu_client client;
static struct cu_error err;
static int other; /* the daemon's end */

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    client = (struct cu_client){.channel.fd = fds[0], .name = "node1"};
    other = fds[1];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cu_client_close(&client);
    close(other);
    return 0;
}

static void say(const char *text)
{
    assert_int_equal(write(other, text, strlen(text)), (ssize_t)strlen(text));
}

static int call(json_t **result)
{
    json_t *request = json_pack("{s:s}", "op", "status");
    int rc = cu_client_call(&client, request, 50, result, &err);

    json_decref(request);
    return rc;
}

static void test_a_line_each(void **state)
{
    char line[64] = "";
    json_t *result;

    (void)state;
    say("{\"ok\": true, \"nodes\": 3}\n");
    assert_int_equal(call(&result), 0);
    assert_int_equal(json_integer_value(json_object_get(result, "nodes")), 3);
    json_decref(result);
    assert_true(read(other, line, sizeof(line) - 1) > 0);
    assert_string_equal(line, "{\"op\":\"status\"}\n");
}

static void test_a_refusal_is_an_error_with_its_text(void **state)
{
    json_t *result;

    (void)state;
    say("{\"ok\": false, \"error\": \"not now\"}\n");
    assert_int_equal(call(&result), -EREMOTEIO);
    assert_null(result);
    assert_string_equal(err.text, "node1: not now");
}

/* A daemon of a taken-over node may say anything. */
static void test_what_it_says_moves_no_cursor(void **state)
{
    json_t *result;

    (void)state;
    say("{\"ok\": true, \"a\": [{\"host\": \"x\\u001b[2J\\n\\u009b\\u202e\"}], \"b\": "
        "\"\\u007f\"}\n");
    assert_int_equal(call(&result), 0);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(json_object_get(result, "a"), 0), "host")),
        "x\\x1b[2J\\x0a\\xc2\\x9b\\xe2\\x80\\xae");
    assert_string_equal(json_string_value(json_object_get(result, "b")), "\\x7f");
    json_decref(result);
    say("{\"ok\": false, \"error\": \"\\u001b]0;x\\u0007\"}\n");
    assert_int_equal(call(&result), -EREMOTEIO);
    assert_string_equal(err.text, "node1: \\x1b]0;x\\x07");
}

static void test_silence_nonsense_and_the_end(void **state)
{
    json_t *result;

    (void)state;
    assert_int_equal(call(&result), -ETIMEDOUT);
    say("[1]\n");
    assert_int_equal(call(&result), -EBADMSG);
    say("{\"ok\": tr");
    shutdown(other, SHUT_WR);
    assert_int_equal(call(&result), -ECONNRESET);
    assert_string_equal(err.text, "node1: ended before it answered");
}

/* Over a peer port: other messages and answers to older questions are passed over. */
static void test_frames(void **state)
{
    static const char *const texts[] = {"{\"ok\": true, \"n\": 1}", "{\"ok\": true, \"n\": 2}"};
    json_t *result;

    (void)state;
    client.peer = true;
    client.id = 7;
    for (uint64_t i = 0; i < 2; i++) {
        struct cu_msg ping = {.type = CU_MSG_PING, .id = 1};
        struct cu_msg msg = {.type = CU_MSG_RESULT, .id = 7 + i};
        struct cu_buf *head, *bulk;

        assert_int_equal(cu_msg_encode(&ping, &head, &bulk), 0);
        assert_int_equal(write(other, head->data, head->size), (ssize_t)head->size);
        cu_buf_unref(head);
        msg.control.json = cu_buf_copy(texts[i], strlen(texts[i]));
        assert_int_equal(cu_msg_encode(&msg, &head, &bulk), 0);
        assert_int_equal(write(other, head->data, head->size), (ssize_t)head->size);
        assert_int_equal(write(other, bulk->data, bulk->size), (ssize_t)bulk->size);
        cu_buf_unref(head);
        cu_buf_unref(bulk);
        cu_msg_clear(&msg);
    }
    assert_int_equal(call(&result), 0);
    assert_int_equal(json_integer_value(json_object_get(result, "n")), 2);
    json_decref(result);
}

static int on_result(void *context, const struct cu_msg *msg)
{
    struct cu_buf **text = context;

    assert_int_equal(msg->type, CU_MSG_RESULT);
    *text = cu_buf_ref(msg->control.json);
    return 0;
}

/* The message that was sent is the one that arrives, whatever its size. */
static void passes(struct cu_channel *from, struct cu_channel *to, size_t size, int64_t soon)
{
    struct cu_msg msg = {.type = CU_MSG_RESULT, .id = 1};
    struct cu_buf *text = NULL;

    msg.control.json = cu_buf_new(size);
    assert_non_null(msg.control.json);
    memset(msg.control.json->data, 'x', size);
    assert_int_equal(cu_channel_send(from, &msg, soon), 0);
    while (text == NULL)
        assert_int_equal(cu_channel_receive(to, on_result, &text, soon), 0);
    assert_int_equal(text->size, size);
    assert_memory_equal(text->data, msg.control.json->data, size);
    cu_buf_unref(text);
    cu_msg_clear(&msg);
}

static const uint8_t there[32] = {1}, back[32] = {2}, job_key[32] = {3};

/* A bit that is changed on the way is noticed. */
static void notices_a_change(struct cu_channel *from, struct cu_channel *to, int64_t soon)
{
    struct cu_msg msg = {.type = CU_MSG_RESULT, .id = 1};
    struct cu_buf *text = NULL;
    char bytes[256];
    ssize_t n;

    msg.control.json = cu_buf_copy("secret", 6);
    assert_int_equal(cu_channel_send(from, &msg, soon), 0);
    cu_msg_clear(&msg);
    n = read(to->fd, bytes, sizeof(bytes));
    assert_true(n > 30);
    if (to->seal != NULL)
        assert_null(memmem(bytes, (size_t)n, "secret", 6));
    bytes[n - 1] ^= 1;
    assert_int_equal(write(from->fd, bytes, (size_t)n), n);
    assert_int_equal(cu_channel_receive(to, on_result, &text, soon), -EBADMSG);
    assert_null(text);
}

static void close_both(struct cu_channel *a, struct cu_channel *b)
{
    a->fd = b->fd = -1; /* the fixture's */
    cu_channel_close(a);
    cu_channel_close(b);
}

static void test_a_sealed_channel(void **state)
{
    struct cu_channel a = {.fd = client.channel.fd}, b = {.fd = other};
    int64_t soon = cu_clock_ms() + 5000;

    (void)state;
    assert_int_equal(cu_channel_encrypt(&a, there, back, soon), 0);
    assert_int_equal(cu_channel_encrypt(&b, back, there, soon), 0);
    passes(&a, &b, 6, soon);
    passes(&b, &a, 100000, soon); /* more than a record */
    notices_a_change(&b, &a, soon);
    close_both(&a, &b);
}

static void test_a_channel_with_tags(void **state)
{
    struct cu_channel a = {.fd = client.channel.fd}, b = {.fd = other};
    int64_t soon = cu_clock_ms() + 5000;

    (void)state;
    assert_int_equal(cu_channel_authenticate(&a, job_key, there, back), 0);
    assert_int_equal(cu_channel_authenticate(&b, job_key, back, there), 0);
    passes(&a, &b, 6, soon);
    passes(&b, &a, 100000, soon);
    notices_a_change(&b, &a, soon);
    close_both(&a, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_line_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refusal_is_an_error_with_its_text, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_it_says_moves_no_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silence_nonsense_and_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sealed_channel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_channel_with_tags, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
