/* SPDX-License-Identifier: BSD-3-Clause */
/* A control plane around a real core, for the tests of both: requests in, results out; what would
 * be sent to other nodes is kept in an outbox. */
#ifndef CU_TEST_COMMANDS_NODE_H
#define CU_TEST_COMMANDS_NODE_H

#include "control/commands.h"
#include "core/driver.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ull

struct sent {
    struct cu_peer peer;
    uint64_t id;
    json_t *json;
};

/* One node under test. */
static struct {
    struct cu_core *core;
    struct cu_driver driver;
    struct cu_commands *commands;
    struct cu_job job;
    uint64_t now_ns;
    json_t *reply; /* the last; NULL: none since the last look */
    uint64_t reply_id;
    void *reply_owner;
    struct sent outbox[8];
    unsigned sent_count;
    int ask_error;
    unsigned stops;
    bool looking;    /* the test itself reads JSON */
    bool forgetting; /* the kernel has not been told all */
    uint64_t forget_failures;
    json_t *stop_result;
    struct cu_commands_origin stop_origin;
    unsigned learns;
    char learned[CU_PATH_MAX];
} node;

static const struct cu_latency *own_latency; /* of the next node; or NULL */
/* Of the next node; or NULL. */
static int (*own_log)(void *context, const struct cu_logpage_at *after, struct cu_logpage *page);
/* Of the next node; NULL: it does not record. Lent so often. */
static struct cu_recipe *own_recipe;
static unsigned recipe_lent;
/* Of the next node; or NULL. */
static struct cu_commands_taken *(*own_survey)(void *context);
static char name0[] = "node0", name1[] = "node1", name2[] = "node2", name3[] = "node3";
static char *names[] = {name0, name1, name2, name3};
static char mount_dir[] = "/tmp/alice/copper";
static int asker, other_asker;

static inline void on_reply(void *context, const struct cu_commands_origin *origin,
                            struct cu_buf *json)
{
    (void)context;
    assert_null(node.reply);
    assert_non_null(origin->owner);
    assert_null(memchr(json->data, '\n', json->size));
    node.looking = true;
    node.reply = json_loadb((const char *)json->data, json->size, 0, NULL);
    node.looking = false;
    assert_non_null(node.reply);
    node.reply_id = origin->id;
    node.reply_owner = origin->owner;
}

static inline int on_ask(void *context, struct cu_peer peer, uint64_t id, struct cu_buf *json)
{
    (void)context;
    if (node.ask_error != 0)
        return node.ask_error;
    assert_true(node.sent_count < 8);
    node.outbox[node.sent_count++] = (struct sent){
        .peer = peer,
        .id = id,
        .json = json_loadb((const char *)json->data, json->size, 0, NULL),
    };
    return 0;
}

static inline void on_stop(void *context, const struct cu_commands_origin *origin, json_t *result)
{
    (void)context;
    node.stops++;
    json_decref(node.stop_result);
    node.stop_result = json_incref(result);
    node.stop_origin = *origin;
}

static inline void on_learn(void *context, const char *path)
{
    (void)context;
    node.learns++;
    snprintf(node.learned, sizeof(node.learned), "%s", path);
}

static bool driver_knows = true;

static inline bool on_known(void *context)
{
    (void)context;
    return driver_knows;
}

static inline void on_describe(void *context, json_t *result)
{
    (void)context;
    json_object_set_new(result, "described", json_true());
}

static inline uint64_t port_now(void *context)
{
    (void)context;
    return node.now_ns;
}

static inline bool port_poll(void *context)
{
    (void)context;
    return cu_commands_poll(node.commands, node.now_ns);
}

static const struct cu_driver_ports node_ports = {.now_ns = port_now, .poll = port_poll};

static inline void drain(void)
{
    cu_driver_run(&node.driver);
}

static inline bool on_forgot(void *context, uint64_t *failures)
{
    (void)context;
    *failures = node.forget_failures;
    return !node.forgetting;
}

static inline bool on_records(void *context)
{
    (void)context;
    return own_recipe != NULL;
}

static inline const struct cu_recipe *on_recorded(void *context)
{
    (void)context;
    recipe_lent += own_recipe != NULL;
    return own_recipe;
}

static inline void on_returned(void *context)
{
    (void)context;
    assert_true(recipe_lent > 0);
    recipe_lent--;
}

static inline void forget_outbox(void)
{
    for (unsigned i = 0; i < node.sent_count; i++)
        json_decref(node.outbox[i].json);
    node.sent_count = 0;
}

static bool start_confirm; /* the next node's job has a launcher that tells of its end */

static inline void start_beside(uint32_t rank, struct cu_crew *aside, uint32_t node_count)
{
    struct cu_commands_config config = {
        .job = &node.job,
        .aside = aside,
        .latency = own_latency,
        .limits = {.rank = rank,
                   .node_count = node_count,
                   .fanout = 2,
                   .tree_count = 1,
                   .cache_bytes = 64u << 20,
                   .max_cacheable_bytes = 1u << 20,
                   .chunk_bytes = 65536,
                   .inline_bytes = 4096,
                   .enoent_ttl_ns = 1000 * MS,
                   .start_grace_ns = 1000 * MS,
                   .storage_slots = 4,
                   .orphan_slots = 1},
        .hooks = {.reply = on_reply,
                  .ask = on_ask,
                  .stop = on_stop,
                  .known = on_known,
                  .describe = on_describe,
                  .learn = on_learn,
                  .forgot = on_forgot,
                  .records = on_records,
                  .recorded = on_recorded,
                  .returned = on_returned,
                  .survey = own_survey,
                  .logged = own_log},
    };
    struct cu_error err = {""};

    memset(&node, 0, sizeof(node));
    node.now_ns = 1000 * MS;
    node.job.mount_dir = mount_dir;
    node.job.ready_timeout_s = 20;
    node.job.confirm = start_confirm;
    start_confirm = false;
    node.job.hosts = (struct cu_hosts){.names = names, .count = 4};
    node.core = cu_core_create(&config.limits, node.now_ns, &err);
    assert_non_null(node.core);
    cu_driver_init(&node.driver, node.core, &node_ports, NULL);
    config.core = node.core;
    config.started_ns = node.now_ns;
    node.commands = cu_commands_create(&config);
    assert_non_null(node.commands);
    cu_core_tick(node.core, node.now_ns);
    drain();
}

static inline void start(uint32_t rank)
{
    start_beside(rank, NULL, 4);
}

static inline int stop_node(void **state)
{
    (void)state;
    cu_commands_destroy(node.commands);
    cu_core_destroy(node.core);
    json_decref(node.reply);
    json_decref(node.stop_result);
    forget_outbox();
    return 0;
}

static inline void request_as(void *owner, uint64_t id, const char *text)
{
    const struct cu_commands_origin origin = {.owner = owner, .id = id};

    json_decref(node.reply);
    node.reply = NULL;
    cu_commands_request(node.commands, &origin, text, strlen(text), node.now_ns);
    drain();
}

static inline void request(const char *text)
{
    request_as(&asker, 7, text);
}

static inline void result_from(struct cu_peer peer, uint64_t id, const char *text)
{
    struct cu_buf *buf = cu_buf_copy(text, strlen(text));

    assert_non_null(buf);
    cu_commands_result(node.commands, peer, id, buf, node.now_ns);
    cu_buf_unref(buf);
    drain();
}

static inline void pass_ms(uint64_t ms)
{
    node.now_ns += ms * MS;
    cu_commands_tick(node.commands, node.now_ns);
    drain();
}

static inline void message(struct cu_peer peer, const struct cu_msg *msg)
{
    cu_core_message(node.core, peer, msg, node.now_ns);
    drain();
}

static inline void join_child(uint32_t rank)
{
    const struct cu_msg join = {.type = CU_MSG_JOIN, .join = {.trees = 1}};

    cu_core_peer_up(node.core, cu_peer_child(rank), node.now_ns);
    message(cu_peer_child(rank), &join);
}

static inline void ready_from(uint32_t rank, uint32_t first, uint8_t bits, uint32_t count)
{
    const struct cu_msg ready = {.type = CU_MSG_READY,
                                 .ready = {.first = first, .count = count, .bits = &bits}};

    message(cu_peer_child(rank), &ready);
}

static inline json_int_t number(const char *name)
{
    assert_non_null(node.reply);
    return json_integer_value(json_object_get(node.reply, name));
}

static inline bool ok(void)
{
    assert_non_null(node.reply);
    return json_is_true(json_object_get(node.reply, "ok"));
}

static inline const char *error_text(void)
{
    assert_false(ok());
    return json_string_value(json_object_get(node.reply, "error"));
}

static inline const char *listed(const json_t *object, const char *name, size_t i)
{
    const char *text = json_string_value(json_array_get(json_object_get(object, name), i));

    return text != NULL ? text : "";
}

/* A child (rank 1) that has found its parent. */
static inline void start_child(void)
{
    start(1);
    cu_core_peer_up(node.core, cu_peer_parent(0), node.now_ns);
    drain();
    assert_int_equal(cu_core_parent(node.core, 0), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, stop_node)

#endif
