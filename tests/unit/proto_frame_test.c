/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames out of a stream that is cut anywhere, with and without tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct seen {
    unsigned pings, chunks;
    uint64_t next_id;
    int stop_after; /* messages; 0: never */
};

static int on_message(void *context, const struct cu_msg *msg)
{
    struct seen *seen = context;

    assert_int_equal(msg->id, seen->next_id++);
    if (msg->type == CU_MSG_PING) {
        seen->pings++;
    } else {
        const struct cu_value *value = &msg->answer.value;

        seen->chunks++;
        assert_int_equal(cu_hash_bytes(value->bytes->data, value->bytes->size), value->hash);
    }
    return seen->stop_after && --seen->stop_after == 0 ? -ECANCELED : 0;
}

/* Bytes on their way. */
struct stream {
    unsigned char *bytes;
    size_t size;
};

static void put(struct stream *stream, const struct cu_buf *buf)
{
    if (!buf)
        return;
    stream->bytes = realloc(stream->bytes, stream->size + buf->size);
    assert_non_null(stream->bytes);
    memcpy(stream->bytes + stream->size, buf->data, buf->size);
    stream->size += buf->size;
}

static void append(struct stream *stream, const struct cu_msg *msg)
{
    struct cu_buf *head, *bulk;

    assert_int_equal(cu_msg_encode(msg, &head, &bulk), 0);
    put(stream, head);
    put(stream, bulk);
    cu_buf_unref(head);
    cu_buf_unref(bulk);
}

/* PINGs and chunks of 1,000 and 5,000 bytes in turn, with ids 0.. */
static unsigned char *make_stream(size_t *size)
{
    struct stream stream = {0};

    for (uint64_t id = 0; id < 12; id++) {
        struct cu_msg msg = {.type = CU_MSG_PING, .id = id};

        if (id % 3) {
            msg.type = CU_MSG_ANSWER;
            msg.answer.kind = CU_KIND_DATA;
            msg.answer.value.bytes = cu_buf_new(id % 3 == 1 ? 1000 : 5000);
            memset(msg.answer.value.bytes->data, (int)id, msg.answer.value.bytes->size);
            msg.answer.value.hash =
                cu_hash_bytes(msg.answer.value.bytes->data, msg.answer.value.bytes->size);
        }
        append(&stream, &msg);
        cu_msg_clear(&msg);
    }
    *size = stream.size;
    return stream.bytes;
}

static void a_stream_may_be_cut_anywhere(void **state)
{
    static const size_t steps[] = {1, 2, 3, 7, 23, 24, 25, 100, 999, 4096, 1u << 20};
    unsigned char *bytes;
    size_t size;

    (void)state;
    bytes = make_stream(&size);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        struct seen seen = {0};
        struct cu_frame frame;

        cu_frame_init(&frame);
        for (size_t at = 0; at < size; at += steps[s]) {
            size_t part = size - at < steps[s] ? size - at : steps[s];

            assert_int_equal(cu_frame_feed(&frame, bytes + at, part, on_message, &seen), 0);
        }
        assert_int_equal(seen.pings, 4);
        assert_int_equal(seen.chunks, 8);
        assert_false(cu_frame_partial(&frame));
        cu_frame_clear(&frame);
    }
    free(bytes);
}

/* The stream with tags, from make_stream's messages. */
static unsigned char *tagged_stream(const struct cu_auth_job *job, const uint8_t key[32],
                                    size_t *size)
{
    struct stream tagged = {0};
    struct cu_auth auth;
    size_t plain_size;
    unsigned char *plain = make_stream(&plain_size);
    unsigned frames = 0;

    cu_auth_init(&auth, key);
    for (size_t at = 0; at < plain_size; frames++) {
        struct cu_msg_head head;
        struct cu_buf *begin, *bulk = NULL;

        assert_int_equal(cu_msg_decode_head(plain + at, &head), 0);
        begin = cu_buf_new(CU_MSG_HEAD + head.meta_len + CU_AUTH_TAG_BYTES);
        begin->size -= CU_AUTH_TAG_BYTES;
        memcpy(begin->data, plain + at, begin->size);
        at += begin->size;
        if (head.bulk_len)
            bulk = cu_buf_copy(plain + at, head.bulk_len);
        at += head.bulk_len;
        cu_frame_tag(job, &auth, begin, bulk);
        put(&tagged, begin);
        put(&tagged, bulk);
        cu_buf_unref(begin);
        cu_buf_unref(bulk);
    }
    assert_int_equal(frames, 12);
    free(plain);
    *size = tagged.size;
    return tagged.bytes;
}

static int feed_tagged(const struct cu_auth_job *job, const uint8_t key[32], const uint8_t *bytes,
                       size_t size, size_t step, struct seen *seen)
{
    struct cu_frame frame;
    int r = 0;

    *seen = (struct seen){0};
    cu_frame_init(&frame);
    cu_frame_authenticate(&frame, job, key);
    for (size_t at = 0; at < size && r == 0; at += step)
        r = cu_frame_feed(&frame, bytes + at, size - at < step ? size - at : step, on_message,
                          seen);
    cu_frame_clear(&frame);
    return r;
}

static void a_stream_with_tags_may_be_cut_anywhere(void **state)
{
    static const size_t steps[] = {1, 15, 16, 17, 24, 39, 40, 41, 999, 1u << 20};
    const uint8_t key[32] = {1};
    struct cu_auth_job job;
    unsigned char *bytes;
    struct seen seen;
    size_t size;

    (void)state;
    cu_auth_job_init(&job, key);
    bytes = tagged_stream(&job, key, &size);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        assert_int_equal(feed_tagged(&job, key, bytes, size, steps[s], &seen), 0);
        assert_int_equal(seen.pings, 4);
        assert_int_equal(seen.chunks, 8);
    }
    free(bytes);
}

/* Wherever a bit is changed: what came before it is given out, the frame that has it is not. */
static void a_changed_stream_gives_no_message(void **state)
{
    const uint8_t key[32] = {1};
    struct cu_auth_job job;
    unsigned char *bytes;
    struct seen seen;
    size_t size;

    (void)state;
    cu_auth_job_init(&job, key);
    bytes = tagged_stream(&job, key, &size);
    for (size_t at = 0; at < size; at += at < 1300 ? 1 : 97) {
        int r;

        bytes[at] ^= (unsigned char)(1 << at % 8);
        r = feed_tagged(&job, key, bytes, size, 1u << 20, &seen);
        assert_true(r == -EBADMSG || (r == 0 && seen.pings + seen.chunks < 12));
        if (at < 40)
            assert_int_equal(seen.pings, 0);
        bytes[at] ^= (unsigned char)(1 << at % 8);
    }
    free(bytes);
}

static void a_payload_is_received_in_place(void **state)
{
    struct stream stream = {0};
    struct seen seen = {.next_id = 1};
    struct cu_msg msg = {.type = CU_MSG_ANSWER, .id = 1, .answer = {.kind = CU_KIND_DATA}};
    struct cu_frame frame;
    unsigned char *bytes, *at = NULL;
    size_t size, rest;

    (void)state;
    msg.answer.value.bytes = cu_buf_new(50000);
    memset(msg.answer.value.bytes->data, 3, 50000);
    msg.answer.value.hash = cu_hash_bytes(msg.answer.value.bytes->data, 50000);
    append(&stream, &msg);
    bytes = stream.bytes;
    size = stream.size;
    cu_frame_init(&frame);
    assert_int_equal(cu_frame_rest(&frame, &at), 0);
    assert_int_equal(cu_frame_feed(&frame, bytes, size - 40000, on_message, &seen), 0);
    assert_true(cu_frame_partial(&frame));
    rest = cu_frame_rest(&frame, &at);
    assert_int_equal(rest, 40000);
    memcpy(at, bytes + size - rest, 15000);
    assert_int_equal(cu_frame_filled(&frame, 15000, on_message, &seen), 0);
    assert_int_equal(cu_frame_rest(&frame, &at), 25000);
    assert_int_equal(seen.chunks, 0);
    memcpy(at, bytes + size - 25000, 25000);
    assert_int_equal(cu_frame_filled(&frame, 25000, on_message, &seen), 0);
    assert_int_equal(seen.chunks, 1);
    assert_false(cu_frame_partial(&frame));
    cu_frame_clear(&frame);
    cu_msg_clear(&msg);
    free(bytes);
}

/* A large payload: its digest and its checksum are there when it is. */
static int on_large(void *context, const struct cu_msg *msg)
{
    const struct cu_buf *bytes = msg->answer.value.bytes;
    const struct cu_auth_job *job = context;
    uint8_t digest[CU_AUTH_DIGEST_BYTES];

    assert_true(bytes->hashed);
    assert_true(bytes->hash == cu_hash_bytes(bytes->data, bytes->size));
    assert_true(bytes->hash == msg->answer.value.hash);
    assert_true(bytes->digested);
    cu_auth_digest(job, bytes->data, bytes->size, digest);
    assert_memory_equal(digest, bytes->digest, sizeof(digest));
    return -ECANCELED; /* it was seen */
}

static void sums_of_a_large_payload_are_made_as_it_comes(void **state)
{
    static const size_t sizes[] = {CU_FRAME_LARGE, CU_FRAME_LARGE + 1, 3 * CU_FRAME_LARGE + 777};
    static const size_t steps[] = {1000, 65536, 100003, CU_FRAME_LARGE};
    const uint8_t key[32] = {2};
    struct cu_auth_job job;

    (void)state;
    cu_auth_job_init(&job, key);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct cu_msg msg = {.type = CU_MSG_ANSWER, .answer = {.kind = CU_KIND_DIR}};
        struct cu_buf *head, *bulk;
        struct stream stream = {0};
        struct cu_auth auth;

        msg.answer.value.bytes = cu_buf_new(sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            msg.answer.value.bytes->data[k] = (unsigned char)(k * k >> 5);
        msg.answer.value.hash = cu_buf_hash(msg.answer.value.bytes);
        assert_int_equal(cu_msg_encode(&msg, &head, &bulk), 0);
        cu_auth_init(&auth, key);
        cu_frame_tag(&job, &auth, head, bulk);
        put(&stream, head);
        put(&stream, bulk);
        cu_buf_unref(head);
        cu_buf_unref(bulk);
        cu_msg_clear(&msg);
        for (size_t k = 0; k < 2 * sizeof(steps) / sizeof(steps[0]); k++) {
            size_t step = steps[k / 2], bad = stream.size - 1 - k;
            struct cu_frame frame;
            int r = 0;

            stream.bytes[bad] ^= k % 2;
            cu_frame_init(&frame);
            cu_frame_authenticate(&frame, &job, key);
            for (size_t at = 0; at < stream.size && r == 0; at += step)
                r = cu_frame_feed(&frame, stream.bytes + at,
                                  stream.size - at < step ? stream.size - at : step, on_large,
                                  &job);
            assert_int_equal(r, k % 2 ? -EBADMSG : -ECANCELED);
            cu_frame_clear(&frame);
            assert_int_equal(cu_frame_feed(&frame, stream.bytes, stream.size / 2, on_large, &job),
                             0);
            cu_frame_clear(&frame); /* in the middle of one */
            stream.bytes[bad] ^= k % 2;
        }
        free(stream.bytes);
    }
}

static void what_deliver_returns_stops(void **state)
{
    struct seen seen = {.stop_after = 2};
    struct cu_frame frame;
    unsigned char *bytes;
    size_t size;

    (void)state;
    bytes = make_stream(&size);
    cu_frame_init(&frame);
    assert_int_equal(cu_frame_feed(&frame, bytes, size, on_message, &seen), -ECANCELED);
    assert_int_equal(seen.pings + seen.chunks, 2);
    cu_frame_clear(&frame);
    free(bytes);
}

/* A head that announces more than its type may have is refused before anything is allocated. */
static void an_impossible_length_is_refused(void **state)
{
    unsigned char head[CU_MSG_HEAD] = {0};
    struct seen seen = {0};
    struct cu_frame frame;

    (void)state;
    memset(head + 4, 0xff, 4);
    head[8] = CU_MSG_ANSWER;
    cu_frame_init(&frame);
    assert_int_equal(cu_frame_feed(&frame, head, sizeof(head), on_message, &seen), -EBADMSG);
    assert_null(frame.bulk);
    assert_int_equal(frame.stash_capacity, 0);
    cu_frame_clear(&frame);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_may_be_cut_anywhere),
        cmocka_unit_test(a_stream_with_tags_may_be_cut_anywhere),
        cmocka_unit_test(a_changed_stream_gives_no_message),
        cmocka_unit_test(a_payload_is_received_in_place),
        cmocka_unit_test(sums_of_a_large_payload_are_made_as_it_comes),
        cmocka_unit_test(what_deliver_returns_stops),
        cmocka_unit_test(an_impossible_length_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
