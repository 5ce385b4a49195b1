/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver: what follows when a port cannot do what an effect asks for, that a run inside a run
 * does nothing, and when the timer is armed. */
#include "core_config.h"

#include "core/driver.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static struct {
    struct cu_core *core;
    struct cu_driver driver;
    uint64_t now, armed, tick_at;
    unsigned replies, sends, reads, connects, disconnects, arms, polls, ticks, inside;
    int send_rc, read_rc, connect_rc;
    int error; /* of the last reply */
    struct cu_peer closed;
    bool answer_at_once, more;
} n;

static uint64_t port_now(void *context)
{
    (void)context;
    return n.now;
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                       const struct cu_value *value)
{
    (void)where;
    (void)context;
    (void)cookie;
    n.replies++;
    n.error = value->error;
}

static int port_send(void *context, struct cu_peer peer, struct cu_msg *msg, uint64_t *queued)
{
    (void)context;
    (void)peer;
    *queued = 0;
    if (msg->type != CU_MSG_WANT)
        return 0;
    n.sends++;
    return n.send_rc;
}

/* Storage may answer from inside the port. */
static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    const struct cu_value value = {.attr = {.mode = S_IFREG | 0644, .ino = 7}};
    unsigned replies = n.replies;

    (void)context;
    (void)request;
    (void)direct;
    n.reads++;
    if (n.answer_at_once) {
        n.inside++;
        cu_core_storage_done(n.core, id, &value, n.now);
        cu_driver_run(&n.driver);
        assert_int_equal(n.replies, replies); /* not before this effect is carried out */
        n.inside--;
    }
    return n.read_rc;
}

static int port_connect(void *context, uint32_t rank)
{
    (void)context;
    (void)rank;
    n.connects++;
    return n.connect_rc;
}

static void port_disconnect(void *context, struct cu_peer peer)
{
    (void)context;
    n.disconnects++;
    n.closed = peer;
}

static void port_arm(void *context, uint64_t at_ns)
{
    (void)context;
    assert_true(at_ns >= n.now);
    n.arms++;
    n.armed = at_ns;
}

static bool port_poll(void *context)
{
    bool more = n.more;

    (void)context;
    n.more = false;
    n.polls++;
    return more;
}

static uint64_t port_deadline(void *context)
{
    (void)context;
    return n.tick_at;
}

static void port_tick(void *context)
{
    (void)context;
    n.ticks++;
    n.tick_at = UINT64_MAX;
}

static const struct cu_driver_ports ports = {
    .now_ns = port_now,
    .reply = port_reply,
    .send = port_send,
    .read = port_read,
    .connect = port_connect,
    .disconnect = port_disconnect,
    .arm = port_arm,
    .poll = port_poll,
    .deadline = port_deadline,
    .tick = port_tick,
};

static void start(uint32_t rank, uint32_t count, const struct cu_driver_ports *with)
{
    struct cu_core_config config = small_core(rank, count);
    struct cu_error err;

    config.enoent_ttl_ns = S;
    config.start_grace_ns = 10 * S;
    memset(&n, 0, sizeof(n));
    n.now = 100 * S;
    n.tick_at = UINT64_MAX;
    n.core = cu_core_create(&config, n.now, &err);
    assert_non_null(n.core);
    cu_driver_init(&n.driver, n.core, with, NULL);
}

static int stop(void **state)
{
    (void)state;
    cu_core_destroy(n.core);
    return 0;
}

static void want(void)
{
    const struct cu_request request = {.kind = CU_KIND_ATTR, .path = "/a", .path_len = 2};

    assert_int_equal(cu_core_want(n.core, &request, 1, n.now), 0);
    cu_driver_run(&n.driver);
}

/* The last of two, with its parent. */
static void start_child(void)
{
    start(1, 2, &ports);
    cu_driver_run(&n.driver);
    assert_int_equal(n.connects, 1);
    cu_core_peer_up(n.core, cu_peer_parent(0), n.now);
    cu_driver_run(&n.driver);
    assert_int_equal(cu_core_parent(n.core, 0), 0);
}

static void a_connection_that_is_gone_is_closed_and_the_core_told(void **state)
{
    (void)state;
    start_child();
    n.send_rc = -ENOTCONN;
    want();
    assert_int_equal(n.sends, 1);
    assert_int_equal(n.disconnects, 1);
    assert_true(cu_peer_equal(n.closed, cu_peer_parent(0)));
    assert_int_equal(cu_core_counters(n.core)[CU_COUNT_parents_lost], 1);
    assert_int_equal(cu_core_counters(n.core)[CU_COUNT_unsent], 0);
    assert_int_equal(n.reads, 1); /* it is a root now */
}

static void a_message_that_cannot_be_sent_fails_alone(void **state)
{
    (void)state;
    start_child();
    n.send_rc = -ENOMEM;
    want();
    assert_int_equal(n.disconnects, 0);
    assert_int_equal(cu_core_counters(n.core)[CU_COUNT_unsent], 1);
    assert_int_equal(cu_core_parent(n.core, 0), 0);
    assert_int_equal(n.reads, 1);
}

static void an_operation_that_cannot_begin_is_answered(void **state)
{
    (void)state;
    start(0, 1, &ports);
    n.read_rc = -ENOMEM;
    want();
    assert_int_equal(n.replies, 1);
    assert_int_equal(n.error, ENOMEM);
}

static void a_connection_that_cannot_be_begun_is_tried_again(void **state)
{
    (void)state;
    start(1, 2, &ports);
    n.connect_rc = -ENOMEM;
    cu_driver_run(&n.driver);
    assert_int_equal(n.connects, 1);
    n.connect_rc = 0;
    n.now = n.armed;
    cu_driver_fire(&n.driver);
    assert_int_equal(n.connects, 2);
}

static void a_run_inside_a_run_does_nothing(void **state)
{
    (void)state;
    start(0, 1, &ports);
    n.answer_at_once = true;
    want();
    assert_int_equal(n.inside, 0);
    assert_int_equal(n.replies, 1);
    assert_int_equal(n.error, 0);
}

static void polls_until_nothing_moves(void **state)
{
    (void)state;
    start(0, 1, &ports);
    n.more = true;
    cu_driver_run(&n.driver);
    assert_int_equal(n.polls, 2);
}

static void the_timer_moves_only_to_an_earlier_time(void **state)
{
    (void)state;
    start(0, 1, &ports);
    cu_driver_run(&n.driver);
    assert_int_equal(n.arms, 0);
    n.tick_at = n.now + 5 * S;
    cu_driver_run(&n.driver);
    assert_int_equal(n.armed, n.now + 5 * S);
    n.tick_at = n.now + 9 * S;
    cu_driver_run(&n.driver);
    assert_int_equal(n.arms, 1);
    n.tick_at = n.now - S; /* overdue */
    cu_driver_run(&n.driver);
    assert_int_equal(n.arms, 2);
    assert_int_equal(n.armed, n.now);
    cu_driver_fire(&n.driver);
    assert_int_equal(n.ticks, 1);
    assert_int_equal(n.arms, 2); /* nothing is due any more */
}

static void ports_may_be_missing(void **state)
{
    static const struct cu_driver_ports few = {.now_ns = port_now};
    const struct cu_msg join = {.type = CU_MSG_JOIN, .join = {.trees = 1}};

    (void)state;
    start(1, 3, &few);
    cu_driver_run(&n.driver);
    cu_core_peer_up(n.core, cu_peer_parent(0), n.now);
    cu_core_peer_up(n.core, cu_peer_child(2), n.now);
    cu_core_message(n.core, cu_peer_child(2), &join, n.now);
    want();
    cu_driver_lose(&n.driver, cu_peer_child(2), 0);
    cu_driver_lose(&n.driver, cu_peer_parent(0), 0);
    cu_core_mounted(n.core, n.now);
    cu_core_refresh(n.core, "/", 1, 1, n.now);
    cu_driver_run(&n.driver);
    n.now += S;
    cu_driver_fire(&n.driver);
    assert_int_equal(cu_core_counters(n.core)[CU_COUNT_children], 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_that_is_gone_is_closed_and_the_core_told),
        TEST(a_message_that_cannot_be_sent_fails_alone),
        TEST(an_operation_that_cannot_begin_is_answered),
        TEST(a_connection_that_cannot_be_begun_is_tried_again),
        TEST(a_run_inside_a_run_does_nothing),
        TEST(polls_until_nothing_moves),
        TEST(the_timer_moves_only_to_an_earlier_time),
        TEST(ports_may_be_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
