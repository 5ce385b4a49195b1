/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages: every type there and back (ANSWER: proto_answer_test.c), the drawn bytes, and each
 * bound from both sides. */
#include "msg_frame.h"

#include "base/path.h"
#include "proto/check.h"
#include "proto/control.h"
#include "proto/dir.h"
#include "proto/piece.h"

static const struct cu_version version = {3, {-4, 6}, {5, 7}};

static struct cu_msg want_of(enum cu_kind kind, const char *path)
{
    return (struct cu_msg){.type = CU_MSG_WANT,
                           .id = 77,
                           .want = {.kind = kind,
                                    .tree = 63,
                                    .generation = 9,
                                    .path = path,
                                    .path_len = (uint16_t)strlen(path)}};
}

static void want_is_as_drawn(void **state)
{
    static const unsigned char drawn[] = {
        56,   0,    0,    0,    0,    0,    0,    0,    1, 0, 0, 0, 0, 0, 0, 0,
        77,   0,    0,    0,    0,    0,    0,    0,                            /* head */
        3,    0,    63,   0,    9,    0,    0,    0,    5, 0, 0, 0, 1, 0, 0, 0, /* fixed, chunk */
        3,    0,    0,    0,    0,    0,    0,    0,                            /* version */
        0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 6, 0, 0, 0,             /* its mtime */
        5,    0,    0,    0,    0,    0,    0,    0,    7, 0, 0, 0,             /* its ctime */
        4,    0,    6,    1, /* path_len, piece */
        '/',  'a',  '/',  'b'};
    struct cu_msg want = want_of(CU_KIND_DATA, "/a/b"), out;
    struct frame f;

    (void)state;
    want.want.chunk = UINT64_C(1) << 32 | 5;
    want.want.piece = 0x106;
    want.want.version = version;
    f = round_trip(&want, &out);
    assert_int_equal(f.head->size, sizeof(drawn));
    assert_memory_equal(f.head->data, drawn, sizeof(drawn));
    assert_null(f.bulk);
    assert_int_equal(out.want.kind, CU_KIND_DATA);
    assert_int_equal(out.want.tree, 63);
    assert_true(out.want.chunk == (UINT64_C(1) << 32 | 5));
    assert_int_equal(out.want.piece, 0x106);
    assert_int_equal(out.want.generation, 9);
    assert_true(cu_version_equal(&out.want.version, &version));
    assert_int_equal(out.want.path_len, 4);
    assert_memory_equal(out.want.path, "/a/b", 4);
    cu_msg_clear(&out);
    frame_free(&f);
}

static void every_kind_can_be_wanted(void **state)
{
    struct cu_msg want, out;
    struct frame f;

    (void)state;
    for (enum cu_kind kind = CU_KIND_ATTR; kind < CU_KIND_COUNT; kind++) {
        want = want_of(kind, "/");
        if (kind == CU_KIND_ATTR)
            want.want.flags = CU_WANT_CONTENT;
        f = round_trip(&want, &out);
        assert_int_equal(out.want.kind, kind);
        assert_int_equal(out.want.flags, kind == CU_KIND_ATTR ? CU_WANT_CONTENT : 0);
        frame_free(&f);
    }
}

static void want_has_bounds(void **state)
{
    static char path[CU_TREE_PATH_MAX + 1];
    struct cu_msg want;

    (void)state;
    want = want_of(CU_KIND_COUNT, "/");
    refuses_to_encode(&want);
    want = want_of((enum cu_kind)0, "/");
    refuses_to_encode(&want);
    want = want_of(CU_KIND_ATTR, "/");
    want.want.tree = CU_TREES_MAX;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_DIR, "/");
    want.want.flags = CU_WANT_CONTENT;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_ATTR, "/");
    want.want.flags = CU_WANT_HOME;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_DATA, "/");
    want.want.flags = CU_WANT_CONTENT;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_ATTR, "/");
    want.want.chunk = 1;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_ATTR, "/");
    want.want.piece = 2;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_DATA, "/");
    want.want.piece = 1;
    refuses_to_encode(&want);
    want.want.piece = CU_PIECE_MAX + 1;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_XATTR, "/");
    want.want.version = version;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_DATA, "/");
    want.want.version.size = UINT64_C(1) << 63;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_DIR, "/");
    want.want.version.ctime.nsec = 1000000000;
    refuses_to_encode(&want);
    want = want_of(CU_KIND_STATFS, "/");
    want.want.version = version;
    refuses_to_encode(&want);
    for (size_t i = 0; i < CU_TREE_PATH_MAX; i++)
        path[i] = i % 2 ? 'x' : '/';
    want = want_of(CU_KIND_ATTR, path);
    refuses_to_encode(&want);
}

static void want_takes_the_longest_path(void **state)
{
    static char path[CU_TREE_PATH_MAX];
    struct cu_msg want, out;
    struct frame f;

    (void)state;
    memset(path, 'x', CU_TREE_PATH_MAX - 1);
    for (size_t i = 0; i < CU_TREE_PATH_MAX - 1; i += 250)
        path[i] = '/';
    want = want_of(CU_KIND_ATTR, path);
    f = round_trip(&want, &out);
    assert_int_equal(out.want.path_len, CU_TREE_PATH_MAX - 1);
    frame_free(&f);
}

static void want_refuses_paths_out_of_form(void **state)
{
    static const char *const bad[] = {"", "a", "/a/", "//", "/a//b", "/..", "/a/../b", "/a/./b"};
    struct cu_msg want;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        want = want_of(CU_KIND_ATTR, bad[i]);
        refuses_to_encode(&want);
    }
    want = want_of(CU_KIND_ATTR, "/a b");
    want.want.path = "/a\0b";
    refuses_to_encode(&want);
}

static void want_decodes_nothing_damaged(void **state)
{
    struct cu_msg want = want_of(CU_KIND_ATTR, "/a/b");
    struct frame f = encode(&want);

    (void)state;
    damage(&f, 8, 0);
    damage(&f, 8, 10);
    damage(&f, 8, CU_MSG_PING);
    damage(&f, 9, 1);
    damage(&f, 10, 2);
    for (size_t at = 12; at < 16; at++)
        damage(&f, at, 1);
    damage(&f, CU_MSG_HEAD + 0, 0);
    damage(&f, CU_MSG_HEAD + 0, CU_KIND_COUNT);
    damage(&f, CU_MSG_HEAD + 1, 2);
    damage(&f, CU_MSG_HEAD + 2, CU_TREES_MAX);
    damage(&f, CU_MSG_HEAD + 3, 1);
    damage(&f, CU_MSG_HEAD + 8, 1);  /* a chunk of what has none */
    damage(&f, CU_MSG_HEAD + 15, 1); /* also where 32 bits do not reach */
    damage(&f, CU_MSG_HEAD + 23, 255);
    damage(&f, CU_MSG_HEAD + 35, 255);
    damage(&f, CU_MSG_HEAD + 47, 255);
    damage(&f, CU_MSG_HEAD + 48, 3);
    damage(&f, CU_MSG_HEAD + 48, 5);
    damage(&f, CU_MSG_HEAD + 49, 255);
    damage(&f, CU_MSG_HEAD + 50, 1);
    damage(&f, CU_MSG_HEAD + 51, 1);
    damage(&f, CU_MSG_HEAD + 52, 'a');
    damage(&f, CU_MSG_HEAD + 53, '/');
    frame_free(&f);
}

static void small_messages_trip(void **state)
{
    static const enum cu_msg_type empty[] = {CU_MSG_PING, CU_MSG_PONG, CU_MSG_BYE};
    struct cu_msg msg = {.type = CU_MSG_JOIN, .join = {.trees = 0x8000000000000001}}, out;
    struct frame f;

    (void)state;
    f = round_trip(&msg, &out);
    assert_true(out.join.trees == 0x8000000000000001);
    damage(&f, 16, 1); /* an id where there is none */
    frame_free(&f);
    msg.id = 1;
    refuses_to_encode(&msg);
    for (size_t i = 0; i < 3; i++) {
        msg = (struct cu_msg){.type = empty[i], .id = empty[i] == CU_MSG_BYE ? 0 : 5};
        f = round_trip(&msg, &out);
        assert_int_equal(f.head->size, CU_MSG_HEAD);
        damage(&f, 0, 1);
        damage(&f, 4, 1);
        damage(&f, 10, 1);
        frame_free(&f);
    }
    msg.type = (enum cu_msg_type)0;
    refuses_to_encode(&msg);
    msg.type = CU_MSG_BYE + 1;
    refuses_to_encode(&msg);
}

static void ready_trips_and_has_bounds(void **state)
{
    static uint8_t bits[CU_MSG_READY_MAX / 8 + 1];
    struct cu_msg msg = {.type = CU_MSG_READY, .ready = {.first = 4, .count = 11, .bits = bits}};
    struct cu_msg out;
    struct frame f;

    (void)state;
    memcpy(bits, (uint8_t[]){0x80, 0x05}, 2);
    f = round_trip(&msg, &out);
    assert_int_equal(out.ready.first, 4);
    assert_int_equal(out.ready.count, 11);
    assert_memory_equal(out.ready.bits, bits, 2);
    damage(&f, CU_MSG_HEAD + 4, 10); /* bit 10 is past the end */
    damage(&f, CU_MSG_HEAD + 4, 17); /* a byte more */
    damage(&f, CU_MSG_HEAD + 4, 8);  /* a byte less */
    damage(&f, CU_MSG_HEAD + 7, 255);
    damage(&f, CU_MSG_HEAD + 3, 255);
    damage(&f, CU_MSG_HEAD + 9, 0x08);
    frame_free(&f);
    msg.ready.count = 10;
    refuses_to_encode(&msg);
    msg.ready.count = 0;
    f = round_trip(&msg, &out);
    frame_free(&f);
    msg.ready.first = 0;
    msg.ready.count = CU_MSG_READY_MAX;
    f = round_trip(&msg, &out);
    assert_int_equal(f.head->size, CU_MSG_HEAD + 8 + 12500);
    frame_free(&f);
    msg.ready.first = 1;
    refuses_to_encode(&msg);
    msg.ready.first = 0;
    msg.ready.count = CU_MSG_READY_MAX + 1;
    refuses_to_encode(&msg);
}

static void control_carries_json(void **state)
{
    static const enum cu_msg_type types[] = {CU_MSG_CONTROL, CU_MSG_RESULT};
    struct cu_msg msg, out;
    struct frame f;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        msg = (struct cu_msg){.type = types[i], .id = 1, .control = {.json = cu_buf_copy("{}", 2)}};
        f = round_trip(&msg, &out);
        assert_ptr_equal(f.bulk, msg.control.json);
        assert_ptr_equal(out.control.json, msg.control.json);
        cu_msg_clear(&out);
        damage(&f, 4, 1); /* not the bulk's length */
        frame_free(&f);
        cu_msg_clear(&msg);
        msg.type = types[i];
        refuses_to_encode(&msg);
        msg.control.json = cu_buf_new(0);
        refuses_to_encode(&msg);
        cu_buf_unref(msg.control.json);
        msg.control.json = cu_buf_new(CU_CONTROL_JSON_MAX + 1);
        refuses_to_encode(&msg);
        cu_msg_clear(&msg);
    }
}

static void checks_carry_lists(void **state)
{
    struct cu_msg msg = {.type = CU_MSG_CHECK, .check = {.generation = 7, .tree = 3, .now = 1}};
    struct cu_msg out;
    struct cu_check_writer writer = {0};
    struct cu_check_question question = {
        .id = 5, .version = {.size = 1}, .path = "/a", .path_len = 2};
    struct frame f;

    (void)state;
    assert_int_equal(cu_check_add(&writer, &question), 0);
    msg.check.list = writer.list;
    f = round_trip(&msg, &out);
    assert_int_equal(out.check.generation, 7);
    assert_int_equal(out.check.tree, 3);
    assert_int_equal(out.check.now, 1);
    assert_ptr_equal(out.check.list, msg.check.list);
    cu_msg_clear(&out);
    damage(&f, CU_MSG_HEAD + 4, CU_TREES_MAX); /* the tree */
    damage(&f, CU_MSG_HEAD + 5, 1);            /* reserved */
    damage(&f, CU_MSG_HEAD + 7, 0x80);         /* more than a CHECK has questions */
    frame_free(&f);
    msg.check.list->size--;
    refuses_to_encode(&msg);
    msg.type = CU_MSG_CHECKED;
    msg.check.generation = 0;
    msg.check.tree = 0;
    msg.check.now = 0;
    refuses_to_encode(&msg);
    msg.check.list->size = CU_CHECK_ANSWER;
    msg.check.now = 1;
    refuses_to_encode(&msg);
    msg.check.now = 0;
    f = round_trip(&msg, &out);
    assert_ptr_equal(out.check.list, msg.check.list);
    cu_msg_clear(&out);
    frame_free(&f);
    cu_msg_clear(&msg);
}

static int head_rc(uint8_t type, uint32_t meta_len, uint32_t bulk_len)
{
    unsigned char bytes[CU_MSG_HEAD] = {0};
    struct cu_msg_head head;

    for (int i = 0; i < 4; i++) {
        bytes[i] = (unsigned char)(meta_len >> (8 * i));
        bytes[4 + i] = (unsigned char)(bulk_len >> (8 * i));
    }
    bytes[8] = type;
    return cu_msg_decode_head(bytes, &head);
}

/* Before a byte is allocated: no type may announce more than it can need. */
static void the_head_bounds_both_lengths(void **state)
{
    static const struct {
        uint8_t type;
        uint32_t meta_min, meta_max, bulk_min, bulk_max;
    } bounds[] = {
        {CU_MSG_WANT, 53, 52 + 65535, 0, 0},
        {CU_MSG_ANSWER, 20, 124 + 4095, 0, CU_DIR_BYTES_MAX},
        {CU_MSG_JOIN, 8, 8, 0, 0},
        {CU_MSG_PING, 0, 0, 0, 0},
        {CU_MSG_PONG, 0, 0, 0, 0},
        {CU_MSG_READY, 8, 12508, 0, 0},
        {CU_MSG_CONTROL, 0, 0, 1, CU_CONTROL_REQUEST_MAX},
        {CU_MSG_RESULT, 0, 0, 1, CU_CONTROL_JSON_MAX},
        {CU_MSG_BYE, 0, 0, 0, 0},
        {CU_MSG_REFRESH, 9, 8 + 4095, 0, 0},
        {CU_MSG_CHECK, 8, 8, 1, CU_CHECK_BYTES_MAX},
        {CU_MSG_CHECKED, 0, 0, CU_CHECK_ANSWER, CU_CHECK_ANSWERS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        uint8_t type = bounds[i].type;
        uint32_t meta = bounds[i].meta_min, bulk = bounds[i].bulk_min;

        assert_int_equal(head_rc(type, meta, bulk), 0);
        assert_int_equal(head_rc(type, bounds[i].meta_max, bounds[i].bulk_max), 0);
        assert_int_equal(head_rc(type, bounds[i].meta_max + 1, bulk), -EBADMSG);
        assert_int_equal(head_rc(type, meta, bounds[i].bulk_max + 1), -EBADMSG);
        assert_int_equal(head_rc(type, UINT32_MAX, bulk), -EBADMSG);
        assert_int_equal(head_rc(type, meta, UINT32_MAX), -EBADMSG);
        if (meta)
            assert_int_equal(head_rc(type, meta - 1, bulk), -EBADMSG);
        if (bulk)
            assert_int_equal(head_rc(type, meta, bulk - 1), -EBADMSG);
    }
}

/* cu_msg_decode does not trust that the head came from cu_msg_decode_head. */
static void a_bulk_of_another_length_is_refused(void **state)
{
    const struct cu_msg_head head = {.type = CU_MSG_RESULT, .bulk_len = 3};
    const struct cu_msg_head odd = {.type = (enum cu_msg_type)200};
    struct cu_buf *bulk = cu_buf_copy("{}", 2);
    struct cu_msg msg;

    (void)state;
    assert_int_equal(cu_msg_decode(&head, NULL, bulk, &msg), -EBADMSG);
    assert_int_equal(cu_msg_decode(&head, NULL, NULL, &msg), -EBADMSG);
    assert_int_equal(cu_msg_decode(&odd, NULL, NULL, &msg), -EBADMSG);
    assert_int_equal(bulk->refs, 1);
    cu_buf_unref(bulk);
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(cu_msg_type_name(CU_MSG_WANT), "WANT");
    assert_string_equal(cu_msg_type_name(CU_MSG_BYE), "BYE");
    assert_string_equal(cu_msg_type_name((enum cu_msg_type)0), "?");
    assert_string_equal(cu_msg_type_name(CU_MSG_REFRESH), "REFRESH");
    assert_string_equal(cu_msg_type_name(CU_MSG_CHECKED), "CHECKED");
    assert_string_equal(cu_msg_type_name((enum cu_msg_type)13), "?");
}

static void a_truncated_want_is_refused(void **state)
{
    const struct cu_msg want = want_of(CU_KIND_ATTR, "/a");

    (void)state;
    refuses_truncated(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_is_as_drawn),
        cmocka_unit_test(every_kind_can_be_wanted),
        cmocka_unit_test(want_has_bounds),
        cmocka_unit_test(want_takes_the_longest_path),
        cmocka_unit_test(want_refuses_paths_out_of_form),
        cmocka_unit_test(want_decodes_nothing_damaged),
        cmocka_unit_test(small_messages_trip),
        cmocka_unit_test(ready_trips_and_has_bounds),
        cmocka_unit_test(control_carries_json),
        cmocka_unit_test(checks_carry_lists),
        cmocka_unit_test(the_head_bounds_both_lengths),
        cmocka_unit_test(a_bulk_of_another_length_is_refused),
        cmocka_unit_test(types_have_names),
        cmocka_unit_test(a_truncated_want_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
