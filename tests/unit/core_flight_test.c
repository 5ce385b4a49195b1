/* SPDX-License-Identifier: BSD-3-Clause */
/* The effects of the flight machine on one node, driven by hand. */
#include "core/flight.h"

#include "base/hash.h"
#include "core/driver.h"
#include "core/state.h"
#include "proto/dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define TTL (2 * S_NS)

/* --- one node by hand ------------------------------------------------------------------------- */

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
    char path[CU_KIND_COUNT * 16];
};

static uint64_t port_now(void *context)
{
    return ((const struct node *)context)->now;
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
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

static int port_send(void *context, struct cu_peer peer, struct cu_msg *msg, uint64_t *queued)
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
    }
    return 0;
}

static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    struct node *n = context;

    (void)direct;
    n->reads++;
    n->read_id = id;
    n->read = *request;
    n->read.path = NULL;
    return 0;
}

static int port_connect(void *context, uint32_t rank)
{
    (void)rank;
    ((struct node *)context)->connects++;
    return 0;
}

static void port_disconnect(void *context, struct cu_peer peer)
{
    (void)peer;
    ((struct node *)context)->disconnects++;
}

static void port_forget(void *context, const char *path, size_t path_len, bool pages)
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

static void drain(struct node *n)
{
    cu_driver_run(&n->driver);
}

static struct node *node_of_trees(uint32_t rank, uint32_t count, uint32_t trees)
{
    struct node *n = calloc(1, sizeof *n);
    struct cu_core_config config = {
        .rank = rank,
        .node_count = count,
        .fanout = 1,
        .tree_count = trees,
        .cache_bytes = 1 << 20,
        .max_cacheable_bytes = 10 << 20,
        .chunk_bytes = 64 << 10,
        .inline_bytes = 16 << 10,
        .enoent_ttl_ns = TTL,
        .start_grace_ns = 20 * S_NS,
        .storage_slots = 4,
        .orphan_slots = 1,
    };
    struct cu_error err;

    n->now = 100 * S_NS;
    n->core = cu_core_create(&config, n->now, &err);
    assert_non_null(n->core);
    cu_driver_init(&n->driver, n->core, &ports, n);
    drain(n);
    return n;
}

static struct node *node_new(uint32_t rank, uint32_t count)
{
    return node_of_trees(rank, count, 1);
}

static void node_free(struct node *n)
{
    cu_value_clear(&n->value);
    cu_core_destroy(n->core);
    free(n);
}

static struct cu_request request_of(enum cu_kind kind, const char *path)
{
    return (struct cu_request){.kind = kind, .path = path, .path_len = strlen(path)};
}

static void want(struct node *n, enum cu_kind kind, const char *path, uint64_t cookie)
{
    struct cu_request r = request_of(kind, path);

    assert_int_equal(cu_core_want(n->core, &r, cookie, n->now), 0);
    drain(n);
}

static void stored(struct node *n, const struct cu_value *value)
{
    cu_core_storage_done(n->core, n->read_id, value, n->now);
    drain(n);
}

static struct cu_value attr_value(uint64_t size, int64_t mtime)
{
    struct cu_value v = {0};

    v.attr.mode = S_IFREG | 0644;
    v.attr.ino = 7;
    v.attr.size = size;
    v.attr.mtime.sec = mtime;
    return v;
}

static struct cu_value bytes_value(const char *text)
{
    struct cu_value v = {0};

    v.bytes = cu_buf_copy(text, strlen(text));
    v.hash = cu_hash_bytes(text, strlen(text));
    return v;
}

static void child_want(struct node *n, uint32_t rank, enum cu_kind kind, const char *path,
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

static void answer(struct node *n, uint32_t rank, enum cu_kind kind, uint64_t id,
                   const struct cu_value *value)
{
    struct cu_msg msg = {.type = CU_MSG_ANSWER, .id = id};

    msg.answer.kind = kind;
    msg.answer.key = n->want_key;
    msg.answer.value = *value;
    cu_core_message(n->core, cu_peer_parent(rank), &msg, n->now);
    drain(n);
}

static void many_wants_are_one_read(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1);

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    want(n, CU_KIND_ATTR, "/a", 1);
    want(n, CU_KIND_ATTR, "/a", 2);
    child_want(n, 1, CU_KIND_ATTR, "/a", 0, 77);
    assert_int_equal(n->reads, 1);
    assert_int_equal(n->replies, 0);
    stored(n, &v);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->answers, 1);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->reads, 1);
    assert_int_equal(n->replies, 3);
    assert_int_equal(n->value.attr.size, 5);
    stored(n, &v); /* a repeated result changes nothing */
    assert_int_equal(n->replies, 3);
    node_free(n);
}

static void passing_error_reaches_all_and_is_not_kept(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value eio = {.error = EIO};

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    want(n, CU_KIND_ATTR, "/a", 2);
    stored(n, &eio);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->error, EIO);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->reads, 2);
    node_free(n);
}

static void negative_answer_lives_for_its_time(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value enoent = {.error = ENOENT};

    (void)state;
    want(n, CU_KIND_ATTR, "/no", 1);
    stored(n, &enoent);
    n->now += TTL - 1;
    want(n, CU_KIND_ATTR, "/no", 2);
    assert_int_equal(n->reads, 1);
    assert_int_equal(n->error, ENOENT);
    assert_int_equal(n->value.age_ms, 1999);
    n->now += 1;
    want(n, CU_KIND_ATTR, "/no", 3);
    assert_int_equal(n->reads, 2);
    node_free(n);
}

static void expired_listing_is_asked_for_by_its_version(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_dirent entry = {.ino = 1, .type = 8, .name_len = 1, .name = "x"};
    struct cu_value v = {.version = {.size = 9, .mtime = {.nsec = 5}}}, same = {.unchanged = true};

    (void)state;
    assert_int_equal(cu_dir_builder_add(b, &entry), 0);
    v.bytes = cu_dir_builder_finish(b);
    v.hash = cu_hash_bytes(v.bytes->data, v.bytes->size);
    want(n, CU_KIND_DIR, "/d", 1);
    stored(n, &v);
    assert_int_equal(cu_core_listed(n->core, "/d", 2, "x", 1, n->now), 0);
    assert_int_equal(cu_core_listed(n->core, "/d", 2, "y", 1, n->now), 1);
    n->now += TTL;
    assert_int_equal(cu_core_listed(n->core, "/d", 2, "y", 1, n->now), -ENODATA);
    want(n, CU_KIND_DIR, "/d", 2);
    assert_int_equal(n->reads, 2);
    assert_int_equal(n->read.version.size, 9);
    same.version = v.version;
    stored(n, &same);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->value.bytes->size, v.bytes->size);
    assert_int_equal(cu_core_listed(n->core, "/d", 2, "y", 1, n->now), 1);
    cu_value_clear(&v);
    node_free(n);
}

/* Where names exist that no listing shows, one that is not in it must be asked for. */
static void a_partial_listing_proves_nothing(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_dirent entry = {.ino = 1, .type = 8, .name_len = 1, .name = "x"};
    struct cu_value v = {.version = {.size = 9, .mtime = {.nsec = 5}}}, same = {.unchanged = true};

    (void)state;
    assert_int_equal(cu_dir_builder_add(b, &entry), 0);
    v.bytes = cu_dir_builder_finish(b);
    v.hash = cu_hash_bytes(v.bytes->data, v.bytes->size);
    want(n, CU_KIND_DIR, "/d", 1);
    stored(n, &v);
    /* the doors to snapshots are hidden wherever they are */
    assert_int_equal(cu_core_listed(n->core, "/d", 2, ".snapshot", 9, n->now), 2);
    assert_int_equal(cu_core_listed(n->core, "/d", 2, "y", 1, n->now), 1);
    /* found out later, of the same listing */
    n->now += TTL;
    want(n, CU_KIND_DIR, "/d", 2);
    same.version = v.version;
    same.partial = true;
    stored(n, &same);
    assert_true(n->value.partial);
    assert_int_equal(cu_core_listed(n->core, "/d", 2, "x", 1, n->now), 0);
    assert_int_equal(cu_core_listed(n->core, "/d", 2, "y", 1, n->now), 2);
    cu_value_clear(&v);
    node_free(n);
}

static void content_travels_with_the_attr(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1);
    struct cu_request data = request_of(CU_KIND_DATA, "/a");

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    child_want(n, 1, CU_KIND_ATTR, "/a", CU_WANT_CONTENT, 5);
    assert_int_equal(n->read.flags, CU_WANT_CONTENT);
    v.content = cu_buf_copy("hello", 5);
    v.content_hash = cu_hash_bytes("hello", 5);
    stored(n, &v);
    assert_int_equal(n->answers, 1);
    assert_non_null(n->value.content);
    data.version = cu_version_of(&v.attr);
    assert_non_null(cu_core_peek(n->core, &data, n->now));
    cu_value_clear(&v);
    node_free(n);
}

static void content_that_is_missing_is_read_for_the_child(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1), d = bytes_value("hello");

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    child_want(n, 1, CU_KIND_ATTR, "/a", CU_WANT_CONTENT, 5);
    assert_int_equal(n->answers, 0);
    assert_int_equal(n->read.kind, CU_KIND_DATA);
    stored(n, &d);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->value.attr.size, 5);
    assert_memory_equal(n->value.content->data, "hello", 5);
    cu_value_clear(&d);
    node_free(n);
}

static void unreadable_content_sends_the_attr_alone(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1), e = {.error = EACCES};

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    child_want(n, 1, CU_KIND_ATTR, "/a", CU_WANT_CONTENT, 5);
    stored(n, &e);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->error, 0);
    assert_int_equal(n->value.attr.size, 5);
    assert_null(n->value.content);
    node_free(n);
}

static void stale_data_drops_the_attr(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = attr_value(5, 1), e = {.error = ESTALE};
    struct cu_request data = request_of(CU_KIND_DATA, "/a");

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    data.version = cu_version_of(&v.attr);
    assert_int_equal(cu_core_want(n->core, &data, 2, n->now), 0);
    drain(n);
    stored(n, &e);
    assert_int_equal(n->error, ESTALE);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->reads, 3);
    node_free(n);
}

static void attr_known_to_be_wrong_is_read_again(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = attr_value(5, 1), fresh = attr_value(6, 2);
    struct cu_request r = request_of(CU_KIND_ATTR, "/a");

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    r.version = cu_version_of(&v.attr);
    assert_int_equal(cu_core_want(n->core, &r, 2, n->now), 0);
    drain(n);
    assert_int_equal(n->reads, 2);
    stored(n, &fresh);
    assert_int_equal(n->value.attr.size, 6);
    assert_int_equal(cu_core_want(n->core, &r, 3, n->now), 0);
    drain(n);
    assert_int_equal(n->reads, 2);
    assert_int_equal(n->value.attr.size, 6);
    node_free(n);
}

static struct node *leaf_new(void)
{
    struct node *n = node_new(1, 2);

    assert_int_equal(n->connects, 1);
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    drain(n);
    return n;
}

static void leaf_asks_once_and_ignores_late_answers(void **state)
{
    struct node *n = leaf_new();
    struct cu_value v = attr_value(5, 1), other = attr_value(9, 9);
    uint64_t id;

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    want(n, CU_KIND_ATTR, "/a", 2);
    assert_int_equal(n->wants, 1);
    assert_int_equal(n->reads, 0);
    id = n->want_id;
    answer(n, 0, CU_KIND_ATTR, id, &v);
    assert_int_equal(n->replies, 2);
    answer(n, 0, CU_KIND_ATTR, id, &other);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->value.attr.size, 5);
    node_free(n);
}

static void lost_parent_makes_the_leaf_a_root(void **state)
{
    struct node *n = leaf_new();
    struct cu_value v = attr_value(5, 1);

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    cu_core_peer_down(n->core, cu_peer_parent(0), 0, n->now);
    drain(n);
    assert_int_equal(n->reads, 1);
    stored(n, &v);
    assert_int_equal(n->replies, 1);
    assert_int_equal(cu_core_parent(n->core, 0), 1);
    n->now += S_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->connects, 2); /* it looks for its parent in the background */
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    drain(n);
    assert_int_equal(cu_core_parent(n->core, 0), 0);
    node_free(n);
}

static void parent_is_waited_for_at_the_start_but_not_one_of_another_version(void **state)
{
    struct node *n = node_new(1, 2);

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    cu_core_peer_down(n->core, cu_peer_parent(0), ECONNREFUSED, n->now);
    drain(n);
    assert_int_equal(n->reads, 0);
    n->now += S_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->connects, 2);
    cu_core_peer_down(n->core, cu_peer_parent(0), EPROTONOSUPPORT, n->now);
    drain(n);
    assert_int_equal(n->reads, 1);
    assert_int_equal(cu_core_parent(n->core, 0), 1);
    node_free(n);
}

static void silent_parent_is_lost(void **state)
{
    struct node *n = leaf_new();

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    for (unsigned i = 0; i < 40 && n->reads == 0; i++) {
        n->now += S_NS / 10;
        if (cu_core_deadline(n->core) <= n->now)
            cu_core_tick(n->core, n->now);
        drain(n);
    }
    assert_int_equal(n->reads, 1);
    node_free(n);
}

static void a_parent_that_is_silent_for_long_is_replaced_at_once(void **state)
{
    struct node *n = node_new(2, 3);

    (void)state;
    cu_core_peer_up(n->core, cu_peer_parent(1), n->now);
    drain(n);
    assert_int_equal(n->connects, 1);
    want(n, CU_KIND_ATTR, "/a", 1);
    for (unsigned i = 0; i < 20; i++) {
        n->now += S_NS / 10;
        if (cu_core_deadline(n->core) <= n->now)
            cu_core_tick(n->core, n->now);
        drain(n);
    }
    /* It is still the parent; the grandparent is connected to already. */
    assert_int_equal(n->connects, 2);
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    drain(n);
    assert_int_equal(cu_core_parent(n->core, 0), 1);
    assert_int_equal(n->wants, 1);
    n->now += 1100 * MS_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(cu_core_parent(n->core, 0), 0);
    assert_int_equal(n->wants, 2);
    node_free(n);
}

static void calls_that_hang_do_not_hold_their_slots(void **state)
{
    struct node *n = node_new(0, 1);
    char path[16] = "/f0";

    (void)state;
    for (char c = 'a'; c < 'a' + 20; c++) {
        path[2] = c;
        want(n, CU_KIND_ATTR, path, 1);
    }
    assert_int_equal(n->reads, 4);
    n->now += 4 * S_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->reads, 4);
    n->now += S_NS;
    assert_true(cu_core_deadline(n->core) <= n->now);
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->reads, 8);
    n->now += 5 * S_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->reads, 10); /* a bound there is */
    node_free(n);
}

static void busy_parent_is_passed_by(void **state)
{
    struct node *n = leaf_new();
    struct cu_value busy = {.error = ENOMEM};

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    answer(n, 0, CU_KIND_ATTR, n->want_id, &busy);
    assert_int_equal(n->replies, 0);
    assert_int_equal(n->reads, 1);
    node_free(n);
}

static void wrong_checksum_is_read_here(void **state)
{
    struct node *n = leaf_new();
    struct cu_request data = request_of(CU_KIND_DATA, "/a");
    struct cu_value bad = bytes_value("hello"), good = bytes_value("hello");

    (void)state;
    bad.hash ^= 1;
    data.version.size = 5;
    bad.version = data.version;
    assert_int_equal(cu_core_want(n->core, &data, 1, n->now), 0);
    drain(n);
    answer(n, 0, CU_KIND_DATA, n->want_id, &bad);
    assert_int_equal(n->replies, 0);
    assert_int_equal(n->reads, 1);
    stored(n, &good);
    assert_int_equal(n->replies, 1);
    assert_int_equal(n->error, 0);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_bad_checksums], 1);
    cu_value_clear(&bad);
    cu_value_clear(&good);
    node_free(n);
}

/* Each is right but for one thing. */
enum wrong {
    WRONG_KIND,
    WRONG_PATH_OR_CHUNK,
    WRONG_VERSION,
    TOO_SHORT,
    CONTENT_NOT_ASKED_FOR,
    UNCHANGED_SINCE_ANOTHER,
    UNCHANGED_WITHOUT_ANY,
    WRONGS,
};

static void answer_wrongly(struct node *n, enum wrong wrong)
{
    struct cu_request r = request_of(wrong < CONTENT_NOT_ASKED_FOR    ? CU_KIND_DATA
                                     : wrong == CONTENT_NOT_ASKED_FOR ? CU_KIND_ATTR
                                                                      : CU_KIND_DIR,
                                     "/a");
    struct cu_value v = bytes_value("hello");
    enum cu_kind kind = r.kind;

    if (r.kind == CU_KIND_DATA)
        v.version.size = r.version.size = 5;
    assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
    drain(n);
    if (wrong == WRONG_KIND) {
        kind = CU_KIND_XATTR;
    } else if (wrong == WRONG_PATH_OR_CHUNK) {
        n->want_key++;
    } else if (wrong == WRONG_VERSION) {
        v.version.mtime.nsec = 1;
    } else if (wrong == TOO_SHORT) {
        cu_value_clear(&v);
        v = bytes_value("hell");
        v.version.size = 5;
    } else if (wrong == CONTENT_NOT_ASKED_FOR) {
        v.content = v.bytes;
        v.content_hash = v.hash;
        v.bytes = NULL;
        v.attr.mode = S_IFREG;
        v.attr.size = 5;
    } else {
        cu_buf_unref(v.bytes);
        v.bytes = NULL;
        v.unchanged = true;
        v.version.size = wrong == UNCHANGED_SINCE_ANOTHER ? 8 : 0;
    }
    answer(n, 0, kind, n->want_id, &v);
    cu_value_clear(&v);
}

static void list_and_expire(struct node *n)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_value v = {.version = {.size = 9}};

    v.bytes = cu_dir_builder_finish(b);
    v.hash = cu_hash_bytes(v.bytes->data, v.bytes->size);
    want(n, CU_KIND_DIR, "/a", 1);
    answer(n, 0, CU_KIND_DIR, n->want_id, &v);
    cu_value_clear(&v);
    n->now += TTL;
    n->replies = 0;
}

static void answer_to_another_question_is_refused_and_its_parent_let_go(void **state)
{
    (void)state;
    for (enum wrong wrong = 0; wrong < WRONGS; wrong++) {
        struct node *n = leaf_new();
        struct cu_value good = {.error = ENOENT};

        if (wrong == UNCHANGED_SINCE_ANOTHER)
            list_and_expire(n);
        answer_wrongly(n, wrong);
        assert_int_equal(cu_core_counters(n->core)[CU_COUNT_wrong_answers], 1);
        assert_int_equal(n->replies, 0);
        assert_int_equal(n->disconnects, 1);
        assert_int_equal(cu_core_parent(n->core, 0), 1);
        assert_int_equal(n->reads, 1); /* nobody else is left to ask */
        stored(n, &good);
        assert_int_equal(n->replies, 1);
        /* It is not asked again soon, though it lives. */
        n->connects = 0;
        n->now += 20 * S_NS;
        cu_core_tick(n->core, n->now);
        drain(n);
        assert_int_equal(n->connects, 0);
        n->now += 10 * S_NS;
        cu_core_tick(n->core, n->now);
        drain(n);
        assert_int_equal(n->connects, 1);
        node_free(n);
    }
}

static void want_that_cannot_be_sent_is_read_here_and_the_parent_stays(void **state)
{
    struct node *n = leaf_new();
    struct cu_request r = request_of(CU_KIND_ATTR, "/a");
    struct cu_value v = attr_value(5, 1);
    struct cu_effect e;

    (void)state;
    assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
    assert_true(cu_core_next_effect(n->core, &e));
    assert_int_equal(e.type, CU_EFFECT_SEND);
    cu_core_unsent(n->core, cu_peer_parent(0), &e.send.msg, EINVAL, n->now);
    cu_effect_clear(&e);
    drain(n);
    assert_int_equal(n->reads, 1);
    stored(n, &v);
    assert_int_equal(n->replies, 1);
    assert_int_equal(n->error, 0);
    assert_int_equal(n->disconnects, 0);
    assert_int_equal(cu_core_parent(n->core, 0), 0);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_unsent], 1);
    node_free(n);
}

static void answer_that_cannot_be_sent_becomes_busy_then_costs_the_child(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1);
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = 7};
    struct cu_effect e;

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    msg.want.kind = CU_KIND_ATTR;
    msg.want.path = "/a";
    msg.want.path_len = 2;
    cu_core_message(n->core, cu_peer_child(1), &msg, n->now);
    assert_true(cu_core_next_effect(n->core, &e));
    assert_int_equal(e.send.msg.answer.value.error, 0);
    cu_core_unsent(n->core, cu_peer_child(1), &e.send.msg, EINVAL, n->now);
    cu_effect_clear(&e);
    assert_true(cu_core_next_effect(n->core, &e));
    assert_int_equal(e.type, CU_EFFECT_SEND);
    assert_int_equal(e.send.msg.id, 7);
    assert_int_equal(e.send.msg.answer.kind, CU_KIND_ATTR);
    assert_int_equal(e.send.msg.answer.value.error, EBUSY);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_children], 1);
    cu_core_unsent(n->core, cu_peer_child(1), &e.send.msg, ENOMEM, n->now);
    cu_effect_clear(&e);
    drain(n);
    assert_int_equal(n->disconnects, 1);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_children], 0);
    node_free(n);
}

/* All that a node holds goes while its effects are still in use. */
static void effects_own_what_they_carry(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_effect read, reply, forget, none;
    struct cu_request r = request_of(CU_KIND_XATTR, "/some/path/or/other");
    struct cu_value v = bytes_value("hello"), failed = {.error = EIO};

    (void)state;
    assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
    assert_true(cu_core_next_effect(n->core, &read));
    assert_int_equal(read.type, CU_EFFECT_READ);
    cu_core_storage_done(n->core, read.read.id, &v, n->now);
    cu_value_clear(&v);
    assert_true(cu_core_next_effect(n->core, &reply));
    assert_int_equal(reply.type, CU_EFFECT_REPLY);
    cu_core_refresh(n->core, "/some", 5, true, n->now);
    assert_true(cu_core_next_effect(n->core, &forget));
    assert_int_equal(forget.type, CU_EFFECT_FORGET);
    cu_core_refresh(n->core, "/else", 5, true, n->now);
    cu_core_storage_done(n->core, read.read.id, &failed, n->now);
    assert_true(cu_core_next_effect(n->core, &none));
    cu_effect_clear(&none);
    assert_false(cu_core_next_effect(n->core, &none));
    assert_memory_equal(read.read.request.path, "/some/path/or/other", read.read.request.path_len);
    assert_memory_equal(reply.reply.value.bytes->data, "hello", 5);
    assert_int_equal(forget.forget.path_len, 5);
    assert_memory_equal(forget.forget.path, "/some", 5);
    cu_effect_clear(&read);
    cu_effect_clear(&reply);
    cu_effect_clear(&forget);
    cu_effect_clear(&forget); /* twice is harmless */
    node_free(n);
}

static void large_file_is_read_past_the_tree(void **state)
{
    struct node *n = leaf_new();
    struct cu_request data = request_of(CU_KIND_DATA, "/big");

    (void)state;
    data.version.size = 11 << 20;
    assert_int_equal(cu_core_want(n->core, &data, 1, n->now), 0);
    drain(n);
    assert_int_equal(n->wants, 0);
    assert_int_equal(n->reads, 1);
    node_free(n);
}

static void want_chunk(struct node *n, const char *path, uint64_t size, uint64_t chunk)
{
    struct cu_request r = request_of(CU_KIND_DATA, path);

    r.version.size = size;
    r.chunk = chunk;
    assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
    drain(n);
}

/* /tmp is another one on each node: what is read past the tree and not found is the root's. */
/* A whole chunk of a file of that size. */
static struct cu_value chunk_value(uint64_t size)
{
    struct cu_value v = {.version = {.size = size}};

    v.bytes = cu_buf_new(64 << 10);
    assert_non_null(v.bytes);
    memset(v.bytes->data, 'x', v.bytes->size);
    v.hash = cu_hash_bytes(v.bytes->data, v.bytes->size);
    return v;
}

static void what_storage_here_does_not_have_is_asked_for(void **state)
{
    static const int errors[] = {ESTALE, EACCES, EIO, ENOTCONN};
    const uint64_t large = INT64_MAX;
    struct cu_value v = chunk_value(large);

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct cu_value gone = {.error = errors[i]}, stale = {.error = ESTALE};
        struct node *n = leaf_new();

        want_chunk(n, "/tmp/a", large, UINT64_C(1) << 33);
        assert_int_equal(n->reads, 1);
        assert_int_equal(n->wants, 0);
        stored(n, &gone);
        assert_int_equal(n->replies, 0);
        assert_int_equal(n->wants, 1);
        assert_int_equal(n->want.flags, CU_WANT_HOME);
        assert_true(n->want.chunk == UINT64_C(1) << 33);
        answer(n, 0, CU_KIND_DATA, n->want_id, &v);
        assert_int_equal(n->replies, 1);
        assert_int_equal(n->error, 0);
        want_chunk(n, "/tmp/a", large, 2); /* another chunk: once more here, then there */
        stored(n, &gone);
        answer(n, 0, CU_KIND_DATA, n->want_id, &stale);
        assert_int_equal(n->replies, 2);
        assert_int_equal(n->error, ESTALE);
        assert_int_equal(n->reads, 2);
        node_free(n);
    }
    cu_value_clear(&v);
}

static void a_child_that_asks_so_is_not_answered_from_here(void **state)
{
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = 7};
    struct cu_value stale = {.error = ESTALE};
    struct node *n = node_new(1, 3), *root = node_new(0, 3);

    (void)state;
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    cu_core_peer_up(n->core, cu_peer_child(2), n->now);
    drain(n);
    msg.want = (struct cu_msg_want){.kind = CU_KIND_DATA, .flags = CU_WANT_HOME, .path = "/tmp/a"};
    msg.want.path_len = 6;
    msg.want.version.size = 11 << 20;
    cu_core_message(n->core, cu_peer_child(2), &msg, n->now);
    drain(n);
    assert_int_equal(n->reads, 0);
    assert_int_equal(n->wants, 1);
    assert_int_equal(n->want.flags, CU_WANT_HOME);
    cu_core_peer_up(root->core, cu_peer_child(1), root->now);
    drain(root);
    cu_core_message(root->core, cu_peer_child(1), &msg, root->now);
    drain(root);
    assert_int_equal(root->reads, 1);
    stored(root, &stale); /* there is nobody else to ask */
    assert_int_equal(root->answers, 1);
    assert_int_equal(root->error, ESTALE);
    node_free(n);
    node_free(root);
}

/* The root of a chunk's tree has another file than the root of the path's tree, which said what the
 * file is. */
static void the_root_of_another_tree_asks_that_of_the_path(void **state)
{
    struct cu_value v = chunk_value(1 << 20), stale = {.error = ESTALE};
    struct node *n = NULL;
    uint64_t chunk;
    uint8_t home;

    (void)state;
    for (uint32_t rank = 0; rank < 2 && !n; rank++) {
        n = node_of_trees(rank, 2, 2);
        cu_core_peer_up(n->core, cu_peer_parent(1 - rank), n->now);
        drain(n);
        want(n, CU_KIND_ATTR, "/tmp/a", 1);
        if (n->wants == 0) { /* it is the root of the path's tree itself */
            node_free(n);
            n = NULL;
        }
    }
    assert_non_null(n);
    home = n->want.tree;
    for (chunk = 0; n->reads == 0; chunk++)
        want_chunk(n, "/tmp/a", 1 << 20, chunk);
    stored(n, &stale);
    assert_int_equal(n->want.tree, home);
    assert_int_equal(n->want.flags, CU_WANT_HOME);
    assert_int_equal(n->want.chunk, chunk - 1);
    answer(n, n->core->routes[home].parent, CU_KIND_DATA, n->want_id, &v);
    assert_int_equal(n->error, 0);
    cu_value_clear(&v);
    node_free(n);
}

/* Two roots, each of which wants the same chunk of the other, must not wait for each other. */
static void two_roots_do_not_wait_for_each_other(void **state)
{
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = 7};
    struct cu_value v = bytes_value("hello");
    struct node *n = NULL;
    uint64_t chunk;

    (void)state;
    for (uint32_t rank = 0; rank < 2 && !n; rank++) {
        n = node_of_trees(rank, 2, 2);
        cu_core_peer_up(n->core, cu_peer_parent(1 - rank), n->now);
        cu_core_peer_up(n->core, cu_peer_child(1 - rank), n->now);
        drain(n);
        want(n, CU_KIND_ATTR, "/tmp/a", 1);
        if (n->reads == 0) { /* the other one is the root of the path's tree */
            node_free(n);
            n = NULL;
        }
    }
    assert_non_null(n);
    for (chunk = 0; n->wants == 0; chunk++)
        want_chunk(n, "/tmp/a", 1 << 20, chunk);
    msg.want = n->want;
    msg.want.flags = CU_WANT_HOME;
    msg.want.tree = 1 - n->want.tree;
    msg.want.path = "/tmp/a";
    n->reads = 0;
    cu_core_message(n->core, cu_peer_child(1 - n->core->config.rank), &msg, n->now);
    drain(n);
    assert_int_equal(n->reads, 1);
    stored(n, &v);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->error, 0);
    cu_value_clear(&v);
    node_free(n);
}

static void refresh_forgets_and_reads_again(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = attr_value(5, 1), fresh = attr_value(6, 2);

    (void)state;
    want(n, CU_KIND_ATTR, "/a/b", 1);
    stored(n, &v);
    want(n, CU_KIND_ATTR, "/a/c", 2);
    cu_core_refresh(n->core, "/a", 2, 1, n->now); /* one is FILLED, one is READING */
    drain(n);
    assert_int_equal(n->forgets, 1);
    stored(n, &v);
    assert_int_equal(n->replies, 1); /* read before the refresh: does not count */
    stored(n, &fresh);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->value.attr.size, 6);
    want(n, CU_KIND_ATTR, "/a/b", 3);
    assert_int_equal(n->reads, 4);
    node_free(n);
}

static void cache_stays_within_its_budget(void **state)
{
    struct node *n = node_new(0, 1);
    char text[20001];
    struct cu_value v;
    uint64_t max;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    v = bytes_value(text);
    for (uint32_t i = 0; i < 200; i++) {
        struct cu_request data = request_of(CU_KIND_DATA, "/f");

        data.version.size = 5u << 20;
        data.chunk = i;
        assert_int_equal(cu_core_want(n->core, &data, i, n->now), 0);
        drain(n);
        if (i == 100) /* names take more than all of it */
            cu_core_outside(n->core, 2 << 20);
        stored(n, &v);
        max = i < 100 ? 1u << 20 : 1u << 19;
        assert_true(cu_core_counters(n->core)[CU_COUNT_cached_bytes] <= max);
    }
    assert_int_equal(n->replies, 200);
    assert_true(cu_core_counters(n->core)[CU_COUNT_evictions] > 100);
    cu_value_clear(&v);
    node_free(n);
}

static void storage_slots_bound_the_reads(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = attr_value(5, 1);
    char path[16] = "/f0";

    (void)state;
    for (char c = 'a'; c < 'a' + 10; c++) {
        path[2] = c;
        want(n, CU_KIND_ATTR, path, 1);
    }
    assert_int_equal(n->reads, 4);
    stored(n, &v);
    assert_int_equal(n->reads, 5);
    node_free(n);
}

static void hear_ready(struct node *n, uint32_t child, uint8_t bits)
{
    struct cu_msg msg = {.type = CU_MSG_READY};

    msg.ready.count = 8;
    msg.ready.bits = &bits;
    cu_core_message(n->core, cu_peer_child(child), &msg, n->now);
    drain(n);
}

static void lost_child_is_not_ready_any_more(void **state)
{
    struct node *n = node_new(0, 8);
    const uint8_t *bits;

    (void)state;
    cu_core_mounted(n->core, n->now);
    assert_int_equal(cu_core_ready(n->core, &bits), 1);
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    cu_core_peer_up(n->core, cu_peer_child(2), n->now);
    hear_ready(n, 1, 0x1a);
    hear_ready(n, 2, 0x24);
    assert_int_equal(cu_core_ready(n->core, &bits), 6);
    assert_int_equal(bits[0], 0x3f);
    cu_core_peer_down(n->core, cu_peer_child(1), 0, n->now);
    assert_int_equal(cu_core_ready(n->core, &bits), 3);
    hear_ready(n, 2, 0x2c); /* one of those below it has found another parent */
    assert_int_equal(cu_core_ready(n->core, &bits), 4);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_wants_are_one_read),
        cmocka_unit_test(passing_error_reaches_all_and_is_not_kept),
        cmocka_unit_test(negative_answer_lives_for_its_time),
        cmocka_unit_test(expired_listing_is_asked_for_by_its_version),
        cmocka_unit_test(a_partial_listing_proves_nothing),
        cmocka_unit_test(content_travels_with_the_attr),
        cmocka_unit_test(content_that_is_missing_is_read_for_the_child),
        cmocka_unit_test(unreadable_content_sends_the_attr_alone),
        cmocka_unit_test(stale_data_drops_the_attr),
        cmocka_unit_test(attr_known_to_be_wrong_is_read_again),
        cmocka_unit_test(leaf_asks_once_and_ignores_late_answers),
        cmocka_unit_test(lost_parent_makes_the_leaf_a_root),
        cmocka_unit_test(parent_is_waited_for_at_the_start_but_not_one_of_another_version),
        cmocka_unit_test(silent_parent_is_lost),
        cmocka_unit_test(a_parent_that_is_silent_for_long_is_replaced_at_once),
        cmocka_unit_test(calls_that_hang_do_not_hold_their_slots),
        cmocka_unit_test(busy_parent_is_passed_by),
        cmocka_unit_test(wrong_checksum_is_read_here),
        cmocka_unit_test(answer_to_another_question_is_refused_and_its_parent_let_go),
        cmocka_unit_test(want_that_cannot_be_sent_is_read_here_and_the_parent_stays),
        cmocka_unit_test(answer_that_cannot_be_sent_becomes_busy_then_costs_the_child),
        cmocka_unit_test(effects_own_what_they_carry),
        cmocka_unit_test(large_file_is_read_past_the_tree),
        cmocka_unit_test(what_storage_here_does_not_have_is_asked_for),
        cmocka_unit_test(a_child_that_asks_so_is_not_answered_from_here),
        cmocka_unit_test(the_root_of_another_tree_asks_that_of_the_path),
        cmocka_unit_test(two_roots_do_not_wait_for_each_other),
        cmocka_unit_test(refresh_forgets_and_reads_again),
        cmocka_unit_test(cache_stays_within_its_budget),
        cmocka_unit_test(storage_slots_bound_the_reads),
        cmocka_unit_test(lost_child_is_not_ready_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
