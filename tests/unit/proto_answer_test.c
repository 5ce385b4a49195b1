/* SPDX-License-Identifier: BSD-3-Clause */
/* ANSWER: every kind there and back, and each bound from both sides. */
#include "fail_alloc.h"
#include "msg_frame.h"

#include "base/path.h"
#include "proto/dir.h"
#include "proto/holes.h"
#include "proto/xattr.h"

#include <sys/stat.h>

static const struct cu_version version = {3, {-4, 1}, {5, 2}};

static struct cu_msg answer_of(enum cu_kind kind)
{
    return (struct cu_msg){
        .type = CU_MSG_ANSWER,
        .id = UINT64_MAX,
        .answer = {
            .kind = kind, .generation = 3, .key = 0x0102030405060708, .value = {.age_ms = 250}}};
}

static struct cu_attr regular(uint64_t size)
{
    return (struct cu_attr){.mode = S_IFREG | 0640,
                            .nlink = 2,
                            .uid = 1000,
                            .gid = UINT32_MAX,
                            .ino = UINT64_MAX,
                            .rdev = 6,
                            .size = size,
                            .blocks = 8,
                            .blksize = 4096,
                            .atime = {.sec = -1, .nsec = 999999999},
                            .mtime = {.sec = INT64_MAX, .nsec = 1},
                            .ctime = {.sec = INT64_MIN, .nsec = 2}};
}

static void answer_carries_an_attr_as_drawn(void **state)
{
    static const unsigned char start[] = {
        124,  0,    0,   0,   2,   0,   0,   0,   2,    0, 0, 0, 0, 0, 0,
        0,    255,  255, 255, 255, 255, 255, 255, 255,  1, 1, 0, 0, 3, 0,
        0,    0,    250, 0,   0,   0,   8,   7,   6,    5, 4, 3, 2, 1, /* kind, payload, no target,
                                                                                  generation, age,
                                                                          key */
        0xa0, 0x81, 0,   0,   2,   0,   0,   0,   0xe8, 3, 0, 0};      /* mode, nlink, uid */
    struct cu_msg answer = answer_of(CU_KIND_ATTR), out;
    struct cu_value *v = &answer.answer.value;
    struct frame f;

    (void)state;
    v->attr = regular(2);
    v->content = cu_buf_copy("hi", 2);
    v->content_hash = 0x1122334455667788;
    f = round_trip(&answer, &out);
    /* 20 + 88 + 16 bytes of fields, no target */
    assert_int_equal(f.head->size, CU_MSG_HEAD + 124);
    assert_memory_equal(f.head->data, start, sizeof(start));
    assert_ptr_equal(f.bulk, v->content);
    assert_ptr_equal(out.answer.value.content, v->content);
    assert_true(out.answer.value.content_hash == 0x1122334455667788);
    assert_null(out.answer.value.bytes);
    assert_int_equal(out.answer.value.age_ms, 250);
    assert_int_equal(out.answer.generation, 3);
    assert_true(out.answer.key == 0x0102030405060708);
    assert_memory_equal(&out.answer.value.attr.atime.sec, &v->attr.atime.sec, sizeof(int64_t));
    assert_int_equal(out.answer.value.attr.atime.nsec, 999999999);
    assert_true(out.answer.value.attr.mtime.sec == INT64_MAX);
    assert_true(out.answer.value.attr.ctime.sec == INT64_MIN);
    assert_true(out.answer.value.attr.ino == UINT64_MAX);
    assert_int_equal(out.answer.value.attr.blksize, 4096);
    /* ours, the frame's and the decoded message's: no copy */
    assert_int_equal(v->content->refs, 3);
    cu_msg_clear(&out);
    cu_msg_clear(&out);
    assert_int_equal(v->content->refs, 2);
    frame_free(&f);
    cu_msg_clear(&answer);
}

static void answer_carries_a_link_target(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_ATTR), out;
    struct cu_value *v = &answer.answer.value;
    char longest[CU_PATH_MAX];
    struct frame f;

    (void)state;
    memset(longest, 't', sizeof(longest));
    v->attr = regular(0);
    v->attr.mode = S_IFLNK | 0777;
    v->bytes = cu_buf_copy(longest, CU_PATH_MAX - 1);
    v->hash = 42;
    f = round_trip(&answer, &out);
    assert_null(f.bulk);
    assert_int_equal(out.answer.value.bytes->size, CU_PATH_MAX - 1);
    assert_memory_equal(out.answer.value.bytes->data, longest, CU_PATH_MAX - 1);
    assert_true(out.answer.value.hash == 42);
    cu_msg_clear(&out);
    damage(&f, CU_MSG_HEAD + 20 + 1, 0x81);       /* a regular file has no target */
    damage(&f, CU_MSG_HEAD + 20 + 104 + 7, '\0'); /* no name has a NUL */
    frame_free(&f);
    cu_buf_unref(v->bytes);
    v->bytes = cu_buf_copy(longest, CU_PATH_MAX);
    refuses_to_encode(&answer);
    cu_buf_unref(v->bytes);
    v->bytes = cu_buf_new(0);
    refuses_to_encode(&answer);
    cu_msg_clear(&answer);
}

static void a_target_that_cannot_be_read_has_an_errno(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_ATTR), out;
    struct cu_value *v = &answer.answer.value;
    struct frame f;

    (void)state;
    v->attr = regular(6);
    v->attr.mode = S_IFLNK | 0777;
    v->bytes = cu_target_unread(EACCES);
    assert_int_equal(cu_target_error(v->bytes), EACCES);
    f = round_trip(&answer, &out);
    assert_int_equal(cu_target_error(out.answer.value.bytes), EACCES);
    cu_msg_clear(&out);
    damage(&f, CU_MSG_HEAD + 20 + 104 + 2, 0x80); /* no errno */
    frame_free(&f);
    cu_buf_unref(v->bytes);
    v->bytes = cu_target_unread(0);
    assert_int_equal(cu_target_error(v->bytes), 0);
    refuses_to_encode(&answer);
    cu_msg_clear(&answer);
    assert_int_equal(cu_target_error(NULL), 0);
}

static void an_attr_must_be_possible(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_ATTR);
    struct cu_attr *a = &answer.answer.value.attr;
    struct frame f;

    (void)state;
    *a = regular(5);
    f = encode(&answer);
    damage(&f, CU_MSG_HEAD + 20 + 1, 0x01);  /* no type */
    damage(&f, CU_MSG_HEAD + 20 + 2, 0x01);  /* mode over 16 bits */
    damage(&f, CU_MSG_HEAD + 20 + 39, 0x80); /* size over INT64_MAX */
    damage(&f, CU_MSG_HEAD + 20 + 63, 0x80); /* atime nsec */
    damage(&f, CU_MSG_HEAD + 20 + 75, 0x80); /* mtime nsec */
    damage(&f, CU_MSG_HEAD + 20 + 87, 0x80); /* ctime nsec */
    damage(&f, CU_MSG_HEAD + 20 + 88, 0x01); /* a hash of no target */
    damage(&f, CU_MSG_HEAD + 20 + 96, 0x01); /* a hash of no content */
    frame_free(&f);
    a->atime.nsec = 1000000000;
    refuses_to_encode(&answer);
    *a = regular((uint64_t)INT64_MAX + 1);
    refuses_to_encode(&answer);
    *a = regular(0);
    a->mode = 0644;
    refuses_to_encode(&answer);
}

static void a_content_is_the_whole_file(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_ATTR), out;
    struct cu_value *v = &answer.answer.value;
    struct frame f;

    (void)state;
    v->content = cu_buf_new(CU_MSG_CONTENT_MAX);
    memset(v->content->data, 1, v->content->size);
    v->attr = regular(CU_MSG_CONTENT_MAX);
    f = round_trip(&answer, &out);
    cu_msg_clear(&out);
    damage(&f, CU_MSG_HEAD + 20 + 32, 1);   /* another size than the content's */
    damage(&f, CU_MSG_HEAD + 20 + 1, 0x41); /* of a directory */
    damage(&f, CU_MSG_HEAD + 1, 0);         /* bulk, but no payload announced */
    frame_free(&f);
    v->attr.size++;
    refuses_to_encode(&answer);
    cu_buf_unref(v->content);
    v->content = cu_buf_new(CU_MSG_CONTENT_MAX + 1);
    refuses_to_encode(&answer);
    cu_msg_clear(&answer);
}

/* An empty file's content is there and empty, which is not the same as not there. */
static void empty_is_not_absent(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_ATTR), out;
    struct frame f;

    (void)state;
    answer.answer.value.attr = regular(0);
    answer.answer.value.content = cu_buf_new(0);
    answer.answer.value.content_hash = 1;
    f = round_trip(&answer, &out);
    assert_null(f.bulk);
    assert_non_null(out.answer.value.content);
    assert_int_equal(out.answer.value.content->size, 0);
    assert_true(out.answer.value.content_hash == 1);
    cu_msg_clear(&out);
    frame_free(&f);
    cu_msg_clear(&answer);
    answer = answer_of(CU_KIND_ATTR);
    answer.answer.value.attr = regular(0);
    f = round_trip(&answer, &out);
    assert_null(out.answer.value.content);
    frame_free(&f);
}

static void payload_trips(enum cu_kind kind, size_t max)
{
    struct cu_msg answer = answer_of(kind), out;
    struct cu_value *v = &answer.answer.value;
    struct frame f;

    v->bytes = cu_buf_new(max);
    v->hash = 99;
    v->version = version;
    f = round_trip(&answer, &out);
    assert_ptr_equal(out.answer.value.bytes, v->bytes);
    assert_true(out.answer.value.hash == 99);
    if (kind != CU_KIND_XATTR)
        assert_true(cu_version_equal(&out.answer.value.version, &version));
    cu_msg_clear(&out);
    damage(&f, CU_MSG_HEAD + 1, 0);
    damage(&f, CU_MSG_HEAD + 1, 3);
    damage(&f, CU_MSG_HEAD + 1, 9);
    damage(&f, CU_MSG_HEAD + 2, 1);
    frame_free(&f);
    cu_buf_unref(v->bytes);
    v->bytes = cu_buf_new(max + 1);
    refuses_to_encode(&answer);
    cu_msg_clear(&answer);
    answer = answer_of(kind);
    f = round_trip(&answer, &out);
    assert_null(out.answer.value.bytes);
    damage(&f, f.head->size - 8, 1); /* a hash of nothing */
    frame_free(&f);
}

static void answer_carries_payloads_up_to_their_bounds(void **state)
{
    (void)state;
    payload_trips(CU_KIND_DIR, CU_DIR_BYTES_MAX);
    payload_trips(CU_KIND_DATA, CU_MSG_CHUNK_MAX);
    payload_trips(CU_KIND_XATTR, CU_XATTR_BYTES_MAX);
}

/* The head alone allows a listing's length; the kind must narrow it. */
static void a_chunk_may_not_be_as_long_as_a_listing(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_DIR), out;
    struct frame f;

    (void)state;
    answer.answer.value.bytes = cu_buf_new(CU_MSG_CHUNK_MAX + 1);
    f = encode(&answer);
    damage(&f, CU_MSG_HEAD, CU_KIND_DATA);
    f.head->data[CU_MSG_HEAD] = CU_KIND_DIR;
    assert_int_equal(decode(&f, &out), 0);
    cu_msg_clear(&out);
    frame_free(&f);
    cu_msg_clear(&answer);
}

static void a_directory_may_be_unchanged(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_DIR), out;
    struct frame f;

    (void)state;
    answer.answer.value.version = version;
    answer.answer.value.unchanged = true;
    f = round_trip(&answer, &out);
    assert_true(out.answer.value.unchanged);
    assert_null(out.answer.value.bytes);
    damage(&f, CU_MSG_HEAD + 1, 3);
    damage(&f, CU_MSG_HEAD, CU_KIND_DATA);
    frame_free(&f);
    answer.answer.value.bytes = cu_buf_new(0);
    refuses_to_encode(&answer);
    cu_msg_clear(&answer);
    answer = answer_of(CU_KIND_DATA);
    answer.answer.value.unchanged = true;
    refuses_to_encode(&answer);
}

static void a_listing_may_be_partial(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_DIR), out;
    struct frame f;

    (void)state;
    answer.answer.value.version = version;
    answer.answer.value.partial = true;
    answer.answer.value.cut = true;
    answer.answer.value.bytes = cu_buf_new(0);
    f = round_trip(&answer, &out);
    assert_true(out.answer.value.partial);
    assert_true(out.answer.value.cut);
    damage(&f, CU_MSG_HEAD, CU_KIND_DATA);
    frame_free(&f);
    cu_msg_clear(&out);
    cu_msg_clear(&answer);
    answer = answer_of(CU_KIND_XATTR);
    answer.answer.value.partial = true;
    refuses_to_encode(&answer);
}

static void answer_carries_statfs(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_STATFS), out;
    const struct cu_statfs s = {1, 2, 3, 4, 5, 6, 7, UINT64_MAX};
    struct frame f;

    (void)state;
    answer.answer.value.statfs = s;
    f = round_trip(&answer, &out);
    assert_memory_equal(&out.answer.value.statfs, &s, sizeof(s));
    damage(&f, CU_MSG_HEAD + 1, 1);
    damage(&f, CU_MSG_HEAD + 2, 1);
    frame_free(&f);
    answer.answer.value.bytes = cu_buf_new(1);
    refuses_to_encode(&answer);
    cu_msg_clear(&answer);
    answer.type = CU_MSG_ANSWER;
    answer.answer.kind = CU_KIND_STATFS;
    answer.answer.value.content = cu_buf_new(1);
    refuses_to_encode(&answer);
    cu_msg_clear(&answer);
}

static void answer_carries_holes(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_HOLES), out;
    struct frame f;

    (void)state;
    answer.answer.value.version = version;
    f = round_trip(&answer, &out);
    assert_null(out.answer.value.bytes); /* no holes */
    frame_free(&f);
    assert_int_equal(cu_holes_append(&answer.answer.value.bytes, (struct cu_hole){7, 9}), 0);
    answer.answer.value.hash = 5;
    f = round_trip(&answer, &out);
    assert_int_equal(f.bulk->size, 16);
    assert_true(cu_version_equal(&out.answer.value.version, &version));
    cu_msg_clear(&out);
    f.bulk->data[0] = 9;
    assert_int_equal(decode(&f, &out), -EBADMSG);
    frame_free(&f);
    answer.answer.value.bytes->size = 15;
    refuses_to_encode(&answer);
    cu_msg_clear(&answer);
}

/* An error has nothing else, whatever the value still holds. */
static void an_error_travels_alone(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_DATA), out;
    struct frame f;

    (void)state;
    answer.answer.value.bytes = cu_buf_new(10);
    answer.answer.value.hash = 1;
    answer.answer.value.error = ENOENT;
    for (enum cu_kind kind = CU_KIND_ATTR; kind < CU_KIND_COUNT; kind++) {
        answer.answer.kind = kind;
        f = round_trip(&answer, &out);
        assert_int_equal(f.head->size, CU_MSG_HEAD + 20);
        assert_null(f.bulk);
        assert_int_equal(out.answer.kind, kind);
        assert_int_equal(out.answer.value.error, ENOENT);
        assert_int_equal(out.answer.value.age_ms, 250);
        assert_int_equal(out.answer.generation, 3);
        assert_null(out.answer.value.bytes);
        damage(&f, 10, 0); /* success without fields */
        damage(&f, 11, 0x10);
        damage(&f, CU_MSG_HEAD + 1, 1);
        damage(&f, CU_MSG_HEAD + 1, 2);
        damage(&f, CU_MSG_HEAD + 2, 1);
        frame_free(&f);
    }
    answer.answer.value.error = 4096;
    refuses_to_encode(&answer);
    answer.answer.value.error = -ENOENT;
    refuses_to_encode(&answer);
    answer.answer.value.error = 4095;
    f = round_trip(&answer, &out);
    frame_free(&f);
    cu_msg_clear(&answer);
}

static void failing_allocations_leave_nothing(void **state)
{
    struct cu_msg answer = answer_of(CU_KIND_ATTR), out;
    struct cu_buf *head, *bulk;
    struct frame f;

    (void)state;
    answer.answer.value.attr = regular(0);
    answer.answer.value.content = cu_buf_new(0);
    fail_alloc_at(0);
    assert_int_equal(cu_msg_encode(&answer, &head, &bulk), -ENOMEM);
    assert_true(fail_alloc_hit());
    assert_null(head);
    assert_null(bulk);
    f = encode(&answer);
    fail_alloc_at(0);
    assert_int_equal(decode(&f, &out), -ENOMEM);
    assert_true(fail_alloc_hit());
    frame_free(&f);
    cu_msg_clear(&answer);

    answer = answer_of(CU_KIND_ATTR);
    answer.answer.value.attr = regular(0);
    answer.answer.value.attr.mode = S_IFLNK;
    answer.answer.value.bytes = cu_buf_copy("x", 1);
    f = encode(&answer);
    fail_alloc_at(0);
    assert_int_equal(decode(&f, &out), -ENOMEM);
    assert_true(fail_alloc_hit());
    frame_free(&f);
    cu_msg_clear(&answer);
}

static void a_truncated_answer_is_refused(void **state)
{
    struct cu_msg attr = answer_of(CU_KIND_ATTR), dir = answer_of(CU_KIND_DIR);
    struct cu_msg statfs = answer_of(CU_KIND_STATFS);

    (void)state;
    attr.answer.value.attr = regular(1);
    refuses_truncated(&attr);
    refuses_truncated(&dir);
    refuses_truncated(&statfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_carries_an_attr_as_drawn),
        cmocka_unit_test(answer_carries_a_link_target),
        cmocka_unit_test(a_target_that_cannot_be_read_has_an_errno),
        cmocka_unit_test(an_attr_must_be_possible),
        cmocka_unit_test(a_content_is_the_whole_file),
        cmocka_unit_test(empty_is_not_absent),
        cmocka_unit_test(answer_carries_payloads_up_to_their_bounds),
        cmocka_unit_test(a_chunk_may_not_be_as_long_as_a_listing),
        cmocka_unit_test(a_directory_may_be_unchanged),
        cmocka_unit_test(a_listing_may_be_partial),
        cmocka_unit_test(answer_carries_statfs),
        cmocka_unit_test(answer_carries_holes),
        cmocka_unit_test(an_error_travels_alone),
        cmocka_unit_test(failing_allocations_leave_nothing),
        cmocka_unit_test(a_truncated_answer_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
