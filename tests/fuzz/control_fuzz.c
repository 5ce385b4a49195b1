/* SPDX-License-Identifier: BSD-3-Clause */
/* Control requests and results, as they come over the control socket and from other daemons: each
 * line of the input is one text, its first character says from whom. Each request of the socket has
 * one answer, on one line, at the latest when all time limits are over. */
#include "fuzz.h"

#include "control/commands.h"
#include "core/driver.h"

#define ASKERS_MAX 64
#define LATER_NS   (UINT64_C(200000000) * 1000000)

static struct {
    struct cu_core *core;
    struct cu_driver driver;
    struct cu_commands *commands;
    uint64_t now_ns;
    uint64_t asked; /* id of what was last sent to others */
    bool stops;
    unsigned answers[ASKERS_MAX];
} node;

static void on_reply(void *context, const struct cu_commands_origin *origin, struct cu_buf *json)
{
    (void)context;
    FUZZ_CHECK(origin->id < ASKERS_MAX && !memchr(json->data, '\n', json->size));
    node.answers[origin->id]++;
}

static int on_ask(void *context, struct cu_peer peer, uint64_t id, struct cu_buf *json)
{
    (void)context;
    FUZZ_CHECK(peer.rank < 4 && json->size > 0);
    node.asked = id;
    return 0;
}

static void on_stop(void *context, const struct cu_commands_origin *origin, json_t *result)
{
    struct cu_buf *json = cu_commands_encode(result);

    node.stops = true;
    FUZZ_CHECK(json);
    if (origin->owner)
        on_reply(context, origin, json);
    cu_buf_unref(json);
}

static void on_describe(void *context, json_t *result)
{
    (void)context;
    (void)result;
}

static bool on_forgot(void *context, uint64_t *failures)
{
    (void)context;
    *failures = 0;
    return true;
}

static uint64_t port_now(void *context)
{
    (void)context;
    return node.now_ns;
}

static bool port_poll(void *context)
{
    (void)context;
    return cu_commands_poll(node.commands, node.now_ns);
}

static const struct cu_driver_ports ports = {.now_ns = port_now, .poll = port_poll};

static void drain(void)
{
    cu_driver_run(&node.driver);
    if (node.stops)
        cu_commands_stopping(node.commands);
}

/* Rank 1 of four, with a parent and a child. */
static void start(struct cu_job *job)
{
    static const struct cu_msg join = {.type = CU_MSG_JOIN, .join = {.trees = 1}};
    struct cu_commands_config config = {
        .job = job,
        .limits = {.rank = 1,
                   .node_count = 4,
                   .fanout = 1,
                   .tree_count = 1,
                   .cache_bytes = 1u << 20,
                   .max_cacheable_bytes = 1u << 20,
                   .chunk_bytes = 65536,
                   .inline_bytes = 4096,
                   .storage_slots = 4,
                   .orphan_slots = 1},
        .hooks = {.reply = on_reply,
                  .ask = on_ask,
                  .stop = on_stop,
                  .describe = on_describe,
                  .forgot = on_forgot},
    };
    struct cu_error err = {""};

    memset(&node, 0, sizeof(node));
    node.core = cu_core_create(&config.limits, 0, &err);
    config.core = node.core;
    node.commands = cu_commands_create(&config);
    FUZZ_CHECK(node.core && node.commands);
    cu_driver_init(&node.driver, node.core, &ports, NULL);
    cu_core_peer_up(node.core, cu_peer_parent(0), 0);
    cu_core_peer_up(node.core, cu_peer_child(2), 0);
    cu_core_message(node.core, cu_peer_child(2), &join, 0);
    drain();
}

static void take(const char *line, size_t size, uint64_t *id)
{
    struct cu_commands_origin origin = {.owner = &node, .id = *id, .is_link = line[0] == 'l'};

    if (line[0] == 'p' || line[0] == 'c') {
        struct cu_buf *text = cu_buf_copy(line + 1, size - 1);

        FUZZ_CHECK(text);
        cu_commands_result(node.commands, line[0] == 'c' ? cu_peer_child(2) : cu_peer_parent(0),
                           node.asked, text, node.now_ns);
        cu_buf_unref(text);
    } else if (*id < ASKERS_MAX) {
        cu_commands_request(node.commands, &origin, line + 1, size - 1, node.now_ns);
        ++*id;
    }
    drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char name0[] = "node0", name1[] = "node1", name2[] = "node2", name3[] = "node3";
    static char *names[] = {name0, name1, name2, name3}, mount_dir[] = "/tmp/alice/copper";
    struct cu_job job = {.mount_dir = mount_dir, .hosts = {.names = names, .count = 4}};
    char *text = fuzz_copy(data, size), *at = text, *end = text + size;
    uint64_t asked = 0;

    start(&job);
    while (at < end) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        char *stop = newline ? newline : end;

        if (stop > at)
            take(at, (size_t)(stop - at), &asked);
        at = stop + 1;
    }
    node.now_ns += LATER_NS;
    cu_commands_tick(node.commands, node.now_ns);
    drain();
    for (uint64_t i = 0; i < asked; i++)
        FUZZ_CHECK(node.answers[i] == 1);
    cu_commands_destroy(node.commands);
    cu_core_destroy(node.core);
    free(text);
    return 0;
}
