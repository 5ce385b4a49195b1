/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of chunks on one node, driven by hand: a byte that is held or under way as part of
 * something larger is not asked for again. */
#include "core_config.h"

#include "base/hash.h"
#include "core/core.h"
#include "core/driver.h"
#include "proto/piece.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHUNK (64u << 10)
#define NOW   UINT64_C(100000000000)
#define SIZE  (2 * CHUNK + 5000) /* of the file */

static const struct cu_version version = {.size = SIZE, .mtime = {.sec = 3}};

struct node {
    struct cu_core *core;
    struct cu_driver driver;
    unsigned replies, answers, reads, wants;
    int error;
    struct cu_value value; /* of the last reply or answer */
    uint64_t read_id[8], want_id, want_key;
    struct cu_request read[8];
    struct cu_msg_want want;
};

static uint64_t port_now(void *context)
{
    (void)context;
    return NOW;
}

static void note(struct node *n, const struct cu_value *value)
{
    n->error = value->error;
    cu_value_clear(&n->value);
    cu_value_copy(&n->value, value);
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                       const struct cu_value *value)
{
    struct node *n = context;

    (void)where;
    (void)cookie;
    n->replies++;
    note(n, value);
}

static int port_send(void *context, struct cu_peer peer, struct cu_msg *msg, uint64_t *queued)
{
    struct node *n = context;

    (void)peer;
    (void)queued;
    if (msg->type == CU_MSG_ANSWER) {
        n->answers++;
        note(n, &msg->answer.value);
    } else if (msg->type == CU_MSG_WANT) {
        n->wants++;
        n->want_id = msg->id;
        n->want = msg->want;
        n->want_key = cu_object_key(n->want.kind, cu_hash_bytes(n->want.path, n->want.path_len),
                                    n->want.chunk, n->want.piece);
    }
    return 0;
}

static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    struct node *n = context;

    (void)direct;
    n->read_id[n->reads % 8] = id;
    n->read[n->reads++ % 8] = *request;
    return 0;
}

static const struct cu_driver_ports ports = {
    .now_ns = port_now,
    .reply = port_reply,
    .send = port_send,
    .read = port_read,
};

static void drain(struct node *n)
{
    cu_driver_run(&n->driver);
}

static struct node *node_new(uint32_t rank, uint32_t count)
{
    struct node *n = calloc(1, sizeof *n);
    struct cu_core_config config = small_core(rank, count);
    struct cu_error err;

    config.chunk_bytes = CHUNK;
    config.enoent_ttl_ns = NOW;
    config.start_grace_ns = NOW;
    n->core = cu_core_create(&config, NOW, &err);
    assert_non_null(n->core);
    cu_driver_init(&n->driver, n->core, &ports, n);
    if (rank + 1 < count)
        cu_core_peer_up(n->core, cu_peer_child(rank + 1), NOW);
    if (rank > 0)
        cu_core_peer_up(n->core, cu_peer_parent(rank - 1), NOW);
    drain(n);
    return n;
}

static void node_free(struct node *n)
{
    cu_value_clear(&n->value);
    cu_core_destroy(n->core);
    free(n);
}

static unsigned char byte_at(uint64_t offset)
{
    return (unsigned char)(offset * 2654435761u >> 9);
}

/* What storage or a parent has for a piece of the file. */
static struct cu_value value_of(uint64_t chunk, uint32_t piece)
{
    uint64_t start = chunk * CHUNK + cu_piece_start(CHUNK, piece);
    size_t size = cu_piece_bytes(CHUNK, piece);
    struct cu_value v = {.version = version};

    if (size > SIZE - start)
        size = SIZE - start;
    v.bytes = cu_buf_new(size);
    for (size_t i = 0; i < size; i++)
        v.bytes->data[i] = byte_at(start + i);
    v.hash = cu_hash_bytes(v.bytes->data, size);
    return v;
}

static void want(struct node *n, uint64_t chunk, uint16_t piece)
{
    struct cu_request r = {.kind = CU_KIND_DATA,
                           .path = "/f",
                           .path_len = 2,
                           .version = version,
                           .chunk = chunk,
                           .piece = piece};

    assert_int_equal(cu_core_want(n->core, &r, 1, NOW), 0);
    drain(n);
}

static void child_want(struct node *n, uint64_t chunk, uint16_t piece)
{
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = 5};

    msg.want = (struct cu_msg_want){.kind = CU_KIND_DATA,
                                    .path = "/f",
                                    .path_len = 2,
                                    .version = version,
                                    .chunk = chunk,
                                    .piece = piece};
    cu_core_message(n->core, cu_peer_child(1), &msg, NOW);
    drain(n);
}

static void stored(struct node *n, unsigned read)
{
    const struct cu_request *r = &n->read[read];
    struct cu_value v = value_of(r->chunk, r->piece);

    cu_core_storage_done(n->core, n->read_id[read], &v, NOW);
    cu_value_clear(&v);
    drain(n);
}

static void answered(struct node *n, struct cu_value *value)
{
    struct cu_msg msg = {.type = CU_MSG_ANSWER, .id = n->want_id};

    msg.answer.kind = CU_KIND_DATA;
    msg.answer.key = n->want_key;
    msg.answer.value = *value;
    cu_core_message(n->core, cu_peer_parent(0), &msg, NOW);
    cu_value_clear(value);
    drain(n);
}

/* The last reply or answer is that piece. */
static void has(const struct node *n, uint64_t chunk, uint32_t piece)
{
    struct cu_value right = value_of(chunk, piece);

    assert_int_equal(n->error, 0);
    assert_non_null(n->value.bytes);
    assert_int_equal(n->value.bytes->size, right.bytes->size);
    assert_memory_equal(n->value.bytes->data, right.bytes->data, right.bytes->size);
    assert_true(n->value.hash == right.hash);
    assert_true(cu_version_equal(&n->value.version, &version));
    cu_value_clear(&right);
}

static void the_same_piece_is_one_read(void **state)
{
    struct node *n = node_new(0, 2);

    (void)state;
    want(n, 1, 17);
    child_want(n, 1, 17);
    assert_int_equal(n->reads, 1);
    assert_int_equal(n->read[0].chunk, 1);
    assert_int_equal(n->read[0].piece, 17);
    stored(n, 0);
    assert_int_equal(n->replies, 1);
    assert_int_equal(n->answers, 1);
    has(n, 1, 17);
    want(n, 1, 17);
    child_want(n, 1, 17);
    assert_int_equal(n->reads, 1);
    node_free(n);
}

static void pieces_are_kept_apart(void **state)
{
    struct node *n = node_new(0, 1);

    (void)state;
    want(n, 1, 16);
    want(n, 1, 17);
    want(n, 0, 16);
    assert_int_equal(n->reads, 3);
    for (unsigned i = 0; i < 3; i++) {
        stored(n, i);
        has(n, n->read[i].chunk, n->read[i].piece);
    }
    node_free(n);
}

static void what_is_held_answers_for_its_parts(void **state)
{
    struct node *n = node_new(0, 2);

    (void)state;
    want(n, 1, CU_PIECE_WHOLE);
    stored(n, 0);
    want(n, 1, 31);
    has(n, 1, 31);
    child_want(n, 1, 4);
    has(n, 1, 4);
    assert_int_equal(n->reads, 1);
    want(n, 2, 2); /* half a chunk, of which the file has a part */
    stored(n, 1);
    has(n, 2, 2);
    want(n, 2, 17);
    has(n, 2, 17);
    assert_int_equal(n->value.bytes->size, 5000 - 4096);
    assert_int_equal(n->reads, 2);
    want(n, 2, 18);
    assert_int_equal(n->error, EINVAL); /* past the end */
    node_free(n);
}

static void what_is_under_way_answers_for_its_parts(void **state)
{
    struct node *n = node_new(0, 2);

    (void)state;
    want(n, 0, CU_PIECE_WHOLE);
    child_want(n, 0, 20);
    assert_int_equal(n->reads, 1);
    stored(n, 0);
    assert_int_equal(n->answers, 1);
    has(n, 0, 20);
    node_free(n);
}

static void what_is_larger_is_asked_for_as_a_whole(void **state)
{
    struct node *n = node_new(0, 1);

    (void)state;
    want(n, 0, 16);
    stored(n, 0);
    want(n, 0, CU_PIECE_WHOLE);
    assert_int_equal(n->reads, 2);
    stored(n, 1);
    has(n, 0, CU_PIECE_WHOLE);
    want(n, 0, 16);
    has(n, 0, 16);
    want(n, 0, 17);
    has(n, 0, 17);
    assert_int_equal(n->reads, 2);
    node_free(n);
}

static void an_error_of_the_whole_is_one_of_the_part(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value stale = {.error = ESTALE};

    (void)state;
    want(n, 0, CU_PIECE_WHOLE);
    want(n, 0, 20);
    child_want(n, 0, 21);
    cu_core_storage_done(n->core, n->read_id[0], &stale, NOW);
    drain(n);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->error, ESTALE);
    node_free(n);
}

static void a_child_asks_its_parent_for_the_piece(void **state)
{
    struct node *n = node_new(1, 2);
    struct cu_value v = value_of(0, 20);

    (void)state;
    want(n, 0, 20);
    assert_int_equal(n->wants, 1);
    assert_int_equal(n->want.piece, 20);
    answered(n, &v);
    has(n, 0, 20);
    node_free(n);
}

/* A checksum of a part vouches for it further down: it is not made of bytes that are wrong. */
static void no_part_of_wrong_bytes_is_handed_on(void **state)
{
    struct node *n = node_new(1, 3);
    struct cu_value v = value_of(0, CU_PIECE_WHOLE);
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = 6};

    (void)state;
    v.bytes->data[5] ^= 1;
    msg.want =
        (struct cu_msg_want){.kind = CU_KIND_DATA, .path = "/f", .path_len = 2, .version = version};
    cu_core_message(n->core, cu_peer_child(2), &msg,
                    NOW); /* the whole is handed on with its checksum */
    drain(n);
    answered(n, &v);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->reads, 0);
    msg.want.piece = 20;
    cu_core_message(n->core, cu_peer_child(2), &msg, NOW);
    drain(n);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->reads, 1);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_bad_checksums], 1);
    stored(n, 0);
    assert_int_equal(n->answers, 2);
    has(n, 0, 20);
    node_free(n);
}

static void pieces_are_charged_and_give_way(void **state)
{
    struct node *n = node_new(0, 1);
    const uint64_t *counters = cu_core_counters(n->core);

    (void)state;
    for (unsigned round = 0; round < 400; round++) {
        struct cu_request r = {.kind = CU_KIND_DATA,
                               .path = "/f",
                               .path_len = 2,
                               .version = {.size = SIZE, .mtime = {.sec = round + 1}},
                               .piece = 16};
        struct cu_value v = value_of(0, 16);

        v.version = r.version;
        n->reads = 0;
        assert_int_equal(cu_core_want(n->core, &r, 1, NOW), 0);
        drain(n);
        cu_core_storage_done(n->core, n->read_id[0], &v, NOW);
        cu_value_clear(&v);
        drain(n);
        assert_true(counters[CU_COUNT_cached_bytes] <= (1 << 20));
    }
    assert_true(counters[CU_COUNT_evictions] > 100);
    assert_true(counters[CU_COUNT_cached_objects] > 200);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_piece_is_one_read),
        cmocka_unit_test(pieces_are_kept_apart),
        cmocka_unit_test(what_is_held_answers_for_its_parts),
        cmocka_unit_test(what_is_under_way_answers_for_its_parts),
        cmocka_unit_test(what_is_larger_is_asked_for_as_a_whole),
        cmocka_unit_test(an_error_of_the_whole_is_one_of_the_part),
        cmocka_unit_test(a_child_asks_its_parent_for_the_piece),
        cmocka_unit_test(no_part_of_wrong_bytes_is_handed_on),
        cmocka_unit_test(pieces_are_charged_and_give_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
