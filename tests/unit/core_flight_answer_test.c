/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers that are wrong, messages that cannot be sent, and who owns what an effect carries. */
#include "core_node.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_checksum_is_read_here),
        cmocka_unit_test(answer_to_another_question_is_refused_and_its_parent_let_go),
        cmocka_unit_test(want_that_cannot_be_sent_is_read_here_and_the_parent_stays),
        cmocka_unit_test(answer_that_cannot_be_sent_becomes_busy_then_costs_the_child),
        cmocka_unit_test(effects_own_what_they_carry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
