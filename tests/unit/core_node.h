/* SPDX-License-Identifier: BSD-3-Clause */
/* One node by hand: the core, with what comes out of it counted. */
#ifndef CORE_NODE_H
#define CORE_NODE_H

#include "core_config.h"

#include "base/hash.h"
#include "base/path.h"
#include "core/driver.h"
#include "core/flight.h"
#include "core/state.h"
#include "proto/dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define TTL (2 * S_NS)

struct node {
    struct cu_core *core;
    struct cu_driver driver;
    uint64_t now;
    /* what came out, last of each */
    unsigned replies, reads, wants, answers, forgets, connects, disconnects;
    uint64_t cookie, read_id, want_id, want_key;
    int error;
    struct cu_value value; /* of the last reply or answer */
    struct cu_request read;
    struct cu_msg_want want;
    char path[32]; /* of read, cut */
    unsigned checks, checked;
    unsigned check_now;
    struct cu_buf *list; /* of the last CHECK or CHECKED */
};

static inline uint64_t port_now(void *context)
{
    return ((const struct node *)context)->now;
}

static inline void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                              const struct cu_value *value)
{
    struct node *n = context;

    (void)where;
    n->replies++;
    n->cookie = cookie;
    n->error = value->error;
    cu_value_clear(&n->value);
    cu_value_copy(&n->value, value);
}

static inline int port_send(void *context, struct cu_peer peer, struct cu_msg *msg,
                            uint64_t *queued)
{
    struct node *n = context;

    (void)peer;
    (void)queued;
    if (msg->type == CU_MSG_WANT) {
        n->wants++;
        n->want_id = msg->id;
        n->want = msg->want;
        n->want_key = cu_object_key(n->want.kind, cu_hash_bytes(n->want.path, n->want.path_len),
                                    n->want.chunk, n->want.piece);
        n->want.path = NULL;
    } else if (msg->type == CU_MSG_ANSWER) {
        n->answers++;
        n->error = msg->answer.value.error;
        cu_value_clear(&n->value);
        cu_value_copy(&n->value, &msg->answer.value);
    } else if (msg->type == CU_MSG_CHECK || msg->type == CU_MSG_CHECKED) {
        n->checks += msg->type == CU_MSG_CHECK;
        n->checked += msg->type == CU_MSG_CHECKED;
        n->check_now = msg->check.now;
        cu_buf_unref(n->list);
        n->list = cu_buf_ref(msg->check.list);
    }
    return 0;
}

static inline int port_read(void *context, uint64_t id, const struct cu_request *request,
                            bool direct)
{
    struct node *n = context;

    (void)direct;
    n->reads++;
    n->read_id = id;
    n->read = *request;
    n->read.path = NULL;
    snprintf(n->path, sizeof n->path, "%.*s", (int)request->path_len, request->path);
    return 0;
}

static inline int port_connect(void *context, uint32_t rank)
{
    (void)rank;
    ((struct node *)context)->connects++;
    return 0;
}

static inline void port_disconnect(void *context, struct cu_peer peer)
{
    (void)peer;
    ((struct node *)context)->disconnects++;
}

static inline void port_forget(void *context, const char *path, size_t path_len, bool pages)
{
    (void)path;
    (void)path_len;
    (void)pages;
    ((struct node *)context)->forgets++;
}

static const struct cu_driver_ports ports = {
    .now_ns = port_now,
    .reply = port_reply,
    .send = port_send,
    .read = port_read,
    .connect = port_connect,
    .disconnect = port_disconnect,
    .forget = port_forget,
};

static inline void drain(struct node *n)
{
    cu_driver_run(&n->driver);
}

static inline struct node *node_of_shape(uint32_t rank, uint32_t count, uint32_t trees,
                                         uint32_t fanout)
{
    struct node *n = calloc(1, sizeof *n);
    struct cu_core_config config = small_core(rank, count);
    struct cu_error err;

    config.tree_count = trees;
    config.fanout = fanout;
    n->now = 100 * S_NS;
    n->core = cu_core_create(&config, n->now, &err);
    assert_non_null(n->core);
    cu_driver_init(&n->driver, n->core, &ports, n);
    drain(n);
    return n;
}

static inline struct node *node_of_trees(uint32_t rank, uint32_t count, uint32_t trees)
{
    return node_of_shape(rank, count, trees, 1);
}

static inline struct node *node_new(uint32_t rank, uint32_t count)
{
    return node_of_trees(rank, count, 1);
}

static inline void node_free(struct node *n)
{
    cu_value_clear(&n->value);
    cu_buf_unref(n->list);
    cu_core_destroy(n->core);
    free(n);
}

static inline struct cu_request request_of(enum cu_kind kind, const char *path)
{
    return (struct cu_request){.kind = kind, .path = path, .path_len = strlen(path)};
}

static inline void want(struct node *n, enum cu_kind kind, const char *path, uint64_t cookie)
{
    struct cu_request r = request_of(kind, path);

    assert_int_equal(cu_core_want(n->core, &r, cookie, n->now), 0);
    drain(n);
}

/* Does a listing held here prove that nothing is at path? */
static inline bool absent(struct node *n, const char *path)
{
    size_t len = strlen(path);

    return cu_core_absent(n->core, path, len, cu_path_parent_len(path, len), n->now);
}

static inline void stored(struct node *n, const struct cu_value *value)
{
    cu_core_storage_done(n->core, n->read_id, value, n->now);
    drain(n);
}

static inline struct cu_value attr_value(uint64_t size, int64_t mtime)
{
    struct cu_value v = {0};

    v.attr.mode = S_IFREG | 0644;
    v.attr.ino = 7;
    v.attr.size = size;
    v.attr.mtime.sec = mtime;
    return v;
}

static inline struct cu_value bytes_value(const char *text)
{
    struct cu_value v = {0};

    v.bytes = cu_buf_copy(text, strlen(text));
    v.hash = cu_hash_bytes(text, strlen(text));
    return v;
}

/* A listing of `count` names, "n0", "n1", ... of version {.size = 9}; with references. */
static inline struct cu_value listing_value(uint32_t count)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_value v = {.version = {.size = 9}};
    char name[16];

    for (uint32_t i = 0; i < count; i++) {
        struct cu_dirent entry = {.ino = i + 1, .type = 8, .name = name};

        entry.name_len = (uint16_t)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(cu_dir_builder_add(b, &entry), 0);
    }
    v.bytes = cu_dir_builder_finish(b);
    v.hash = cu_hash_bytes(v.bytes->data, v.bytes->size);
    return v;
}

static inline void child_want(struct node *n, uint32_t rank, enum cu_kind kind, const char *path,
                              uint8_t flags, uint64_t id)
{
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = id};

    msg.want.kind = kind;
    msg.want.flags = flags;
    msg.want.path = path;
    msg.want.path_len = (uint16_t)strlen(path);
    cu_core_message(n->core, cu_peer_child(rank), &msg, n->now);
    drain(n);
}

static inline void answer(struct node *n, uint32_t rank, enum cu_kind kind, uint64_t id,
                          const struct cu_value *value)
{
    struct cu_msg msg = {.type = CU_MSG_ANSWER, .id = id};

    msg.answer.kind = kind;
    msg.answer.key = n->want_key;
    msg.answer.value = *value;
    cu_core_message(n->core, cu_peer_parent(rank), &msg, n->now);
    drain(n);
}

static inline struct node *leaf_new(void)
{
    struct node *n = node_new(1, 2);

    assert_int_equal(n->connects, 1);
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    drain(n);
    return n;
}

#endif
