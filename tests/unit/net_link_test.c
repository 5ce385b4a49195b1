/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls on a link, whatever it is made of: here two links in one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "link_pair.h"

#include <errno.h>
#include <string.h>

struct end {
    struct cu_link *link;
    int ups, downs, error;
    struct cu_peer peer;
    bool close_on_message, close_on_up;
    uint64_t messages, next_id, bytes;
};

static uv_loop_t loop;

static void on_up(void *context, struct cu_link *link, struct cu_peer peer,
                  const struct cu_handshake_result *who)
{
    struct end *end = context;

    assert_ptr_equal(link, end->link);
    end->ups++;
    assert_int_equal(peer.rank, who->peer_rank);
    end->peer = peer;
    if (end->close_on_up)
        cu_link_close(link);
}

static void on_message(void *context, struct cu_link *link, const struct cu_msg *msg)
{
    struct end *end = context;

    assert_ptr_equal(link, end->link);
    assert_int_equal(end->ups, 1);
    end->messages++;
    if (msg->type == CU_MSG_PING)
        assert_int_equal(msg->id, end->next_id++);
    if (msg->type == CU_MSG_ANSWER) {
        end->bytes += msg->answer.value.bytes->size;
        assert_int_equal(
            cu_hash_bytes(msg->answer.value.bytes->data, msg->answer.value.bytes->size),
            msg->answer.value.hash);
    }
    if (end->close_on_message)
        cu_link_close(link);
}

static void on_down(void *context, struct cu_link *link, struct cu_peer peer, int error)
{
    struct end *end = context;

    assert_ptr_equal(link, end->link);
    assert_true(cu_peer_equal(peer, end->peer));
    end->downs++;
    end->error = error;
    cu_link_close(link); /* harmless */
}

static int setup(void **state)
{
    (void)state;
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void join(struct end *a, struct end *b)
{
    struct cu_transport_events a_events = {
        .context = a, .up = on_up, .message = on_message, .down = on_down};
    struct cu_transport_events b_events = {
        .context = b, .up = on_up, .message = on_message, .down = on_down};

    assert_int_equal(link_pair(&loop, &a_events, 4, &b_events, 9, &a->link, &b->link), 0);
}

static int ping(struct end *from, uint64_t id)
{
    struct cu_msg msg = {.type = CU_MSG_PING, .id = id};

    return cu_link_send(from->link, &msg);
}

static void ends_come_up_in_a_later_turn(void **state)
{
    struct end a = {0}, b = {0};

    (void)state;
    join(&a, &b);
    assert_int_equal(a.ups + b.ups, 0);
    assert_int_equal(ping(&a, 0), -ENOTCONN);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.ups, 1);
    assert_int_equal(b.ups, 1);
    assert_int_equal(a.peer.rank, 9);
    assert_int_equal(b.peer.rank, 4);
    assert_int_equal(a.peer.side, CU_PARENT);
    assert_int_equal(b.peer.side, CU_CHILD);
    assert_string_equal(cu_link_name(a.link), "rank 9 in this process");
    assert_null(cu_link_data(a.link));
    cu_link_set_data(a.link, &a);
    assert_ptr_equal(cu_link_data(a.link), &a);
    cu_link_close(a.link);
    cu_link_close(b.link);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.downs + b.downs, 0);
}

static void messages_arrive_whole_and_in_order(void **state)
{
    struct cu_msg chunk = {.type = CU_MSG_ANSWER, .id = 1, .answer = {.kind = CU_KIND_DATA}};
    struct end a = {0}, b = {0};

    (void)state;
    chunk.answer.value.bytes = cu_buf_new(100000);
    memset(chunk.answer.value.bytes->data, 5, 100000);
    chunk.answer.value.hash = cu_hash_bytes(chunk.answer.value.bytes->data, 100000);
    join(&a, &b);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(ping(&a, i), 0);
        assert_int_equal(ping(&b, i), 0);
    }
    assert_int_equal(cu_link_send(b.link, &chunk), 0);
    assert_int_equal(a.messages + b.messages, 0);
    assert_int_equal(cu_link_queued(a.link), 1000 * CU_MSG_HEAD);
    assert_true(cu_link_queued(b.link) > 100000);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.messages, 1001);
    assert_int_equal(b.messages, 1000);
    assert_int_equal(a.bytes, 100000);
    assert_int_equal(cu_link_queued(a.link), 0);
    assert_true(cu_link_heard_ns(a.link) > 0);
    cu_msg_clear(&chunk);
    cu_link_close(a.link);
    cu_link_close(b.link);
}

static void a_bad_message_is_refused_at_the_sender(void **state)
{
    struct cu_msg bad = {.type = (enum cu_msg_type)99};
    struct end a = {0}, b = {0};

    (void)state;
    join(&a, &b);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(cu_link_send(a.link, &bad), -EINVAL);
    cu_link_close(a.link);
    cu_link_close(b.link);
}

static void closing_one_end_ends_the_other_after_its_messages(void **state)
{
    struct end a = {0}, b = {0};

    (void)state;
    join(&a, &b);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(ping(&a, 0), 0);
    assert_int_equal(ping(&b, 0), 0); /* lost: a does not listen any more */
    cu_link_close(a.link);
    assert_int_equal(b.downs, 0);
    assert_int_equal(ping(&b, 1), -ENOTCONN);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(b.messages, 1);
    assert_int_equal(b.downs, 1);
    assert_int_equal(b.error, 0);
    assert_int_equal(a.messages + a.downs, 0);
}

static void a_callback_may_close_its_end(void **state)
{
    struct end a = {0}, b = {.close_on_message = true};

    (void)state;
    join(&a, &b);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(ping(&a, i), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(b.messages, 1);
    assert_int_equal(b.downs, 0);
    assert_int_equal(a.downs, 1);
    a = (struct end){.close_on_up = true};
    b = (struct end){0};
    join(&a, &b);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(a.ups, 1);
    assert_int_equal(a.downs, 0);
    assert_int_equal(b.downs, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(ends_come_up_in_a_later_turn),
        TEST(messages_arrive_whole_and_in_order),
        TEST(a_bad_message_is_refused_at_the_sender),
        TEST(closing_one_end_ends_the_other_after_its_messages),
        TEST(a_callback_may_close_its_end),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
