/* SPDX-License-Identifier: BSD-3-Clause */
/* The layers under a link, without sockets: frames out of a stream cut anywhere, and sealed
 * records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "net/frame.h"
#include "net/seal.h"

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

static void append(struct cu_txq *q, const struct cu_msg *msg)
{
    struct cu_buf *head, *bulk;

    assert_int_equal(cu_msg_encode(msg, &head, &bulk), 0);
    assert_int_equal(cu_txq_push(q, head, bulk), 0);
}

/* PINGs and chunks of 1,000 and 5,000 bytes in turn, with ids 0.. */
static void make_stream(struct cu_txq *q)
{
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
        append(q, &msg);
        cu_msg_clear(&msg);
    }
}

static unsigned char *flatten(struct cu_txq *q, size_t *size)
{
    unsigned char *bytes = malloc(q->bytes);
    uint64_t total;
    uv_buf_t piece;

    assert_non_null(bytes);
    *size = 0;
    while (cu_txq_peek(q, &piece, 1, 1, &total)) {
        memcpy(bytes + *size, piece.base, piece.len);
        *size += piece.len;
        cu_txq_advance(q, piece.len);
    }
    return bytes;
}

static void a_stream_may_be_cut_anywhere(void **state)
{
    static const size_t steps[] = {1, 2, 3, 7, 23, 24, 25, 100, 999, 4096, 1u << 20};
    struct cu_txq q = {0};
    unsigned char *bytes;
    size_t size;

    (void)state;
    make_stream(&q);
    bytes = flatten(&q, &size);
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
    cu_txq_clear(&q);
}

/* The stream with tags, from make_stream's messages. */
static unsigned char *tagged_stream(const struct cu_auth_job *job, const uint8_t key[32],
                                    size_t *size)
{
    struct cu_txq q = {0}, tagged = {0};
    struct cu_auth auth;
    unsigned char *bytes;
    size_t plain_size;
    struct seen seen = {0};
    unsigned char *plain;

    make_stream(&q);
    plain = flatten(&q, &plain_size);
    cu_auth_init(&auth, key);
    for (size_t at = 0; at < plain_size;) {
        struct cu_msg_head head;
        struct cu_buf *begin, *bulk = NULL;

        assert_int_equal(cu_msg_decode_head(plain + at, &head), 0);
        begin = cu_buf_new(CU_MSG_HEAD + head.meta_len + CU_AUTH_TAG_BYTES);
        memcpy(begin->data, plain + at, CU_MSG_HEAD + head.meta_len);
        at += CU_MSG_HEAD + head.meta_len;
        if (head.bulk_len)
            bulk = cu_buf_copy(plain + at, head.bulk_len);
        at += head.bulk_len;
        cu_auth_tag(&auth, begin->data, begin->size - CU_AUTH_TAG_BYTES, cu_frame_digest(job, bulk),
                    begin->data + begin->size - CU_AUTH_TAG_BYTES);
        assert_int_equal(cu_txq_push(&tagged, begin, bulk), 0);
        seen.pings++;
    }
    assert_int_equal(seen.pings, 12);
    bytes = flatten(&tagged, size);
    free(plain);
    cu_txq_clear(&q);
    cu_txq_clear(&tagged);
    return bytes;
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
    struct seen seen = {.next_id = 1};
    struct cu_msg msg = {.type = CU_MSG_ANSWER, .id = 1, .answer = {.kind = CU_KIND_DATA}};
    struct cu_txq q = {0};
    struct cu_frame frame;
    unsigned char *bytes, *at = NULL;
    size_t size, rest;

    (void)state;
    msg.answer.value.bytes = cu_buf_new(50000);
    memset(msg.answer.value.bytes->data, 3, 50000);
    msg.answer.value.hash = cu_hash_bytes(msg.answer.value.bytes->data, 50000);
    append(&q, &msg);
    bytes = flatten(&q, &size);
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
    cu_txq_clear(&q);
    free(bytes);
}

static void what_deliver_returns_stops(void **state)
{
    struct seen seen = {.stop_after = 2};
    struct cu_txq q = {0};
    struct cu_frame frame;
    unsigned char *bytes;
    size_t size;

    (void)state;
    make_stream(&q);
    bytes = flatten(&q, &size);
    cu_frame_init(&frame);
    assert_int_equal(cu_frame_feed(&frame, bytes, size, on_message, &seen), -ECANCELED);
    assert_int_equal(seen.pings + seen.chunks, 2);
    cu_frame_clear(&frame);
    cu_txq_clear(&q);
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

static void a_queue_gives_pieces_in_order(void **state)
{
    struct cu_txq q = {0};
    uv_buf_t iov[4];
    uint64_t total;

    (void)state;
    for (int i = 0; i < 100; i++) {
        struct cu_buf *a = cu_buf_copy("0123456789", 10), *b = i % 2 ? cu_buf_new(0) : NULL;

        assert_int_equal(cu_txq_push(&q, a, b), 0);
    }
    assert_int_equal(q.bytes, 1000);
    cu_txq_advance(&q, 13);
    assert_int_equal(cu_txq_peek(&q, iov, 4, 1000, &total), 4);
    assert_int_equal(iov[0].len, 7);
    assert_memory_equal(iov[0].base, "3456789", 7);
    assert_int_equal(total, 37);
    assert_int_equal(cu_txq_peek(&q, iov, 4, 1, &total), 1); /* always one */
    cu_txq_advance(&q, 987 - 10);
    assert_int_equal(cu_txq_peek(&q, iov, 4, 1000, &total), 1);
    cu_txq_advance(&q, 10);
    assert_int_equal(q.bytes + q.count, 0);
    cu_txq_clear(&q);
}

/* Two ends of a sealed stream, and what the first has sent. */
struct sealed {
    struct cu_seal *a, *b;
    unsigned char *bytes;
    size_t size;
    unsigned char plain[200000], opened[200000];
    size_t opened_size;
};

static int on_opened(void *context, const void *bytes, size_t size)
{
    struct sealed *s = context;

    memcpy(s->opened + s->opened_size, bytes, size);
    s->opened_size += size;
    return 0;
}

static void sealed_start(struct sealed *s)
{
    static const uint8_t up[32] = {1}, down[32] = {2};
    struct cu_txq plain = {0}, out = {0};
    struct cu_buf *header;

    s->opened_size = 0;
    s->b = cu_seal_new(down, up, &header);
    cu_buf_unref(header);
    s->a = cu_seal_new(up, down, &header);
    assert_int_equal(cu_txq_push(&out, header, NULL), 0);
    for (size_t i = 0; i < sizeof(s->plain); i++)
        s->plain[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t at = 0; at < sizeof(s->plain); at += 40000)
        assert_int_equal(cu_txq_push(&plain, cu_buf_copy(s->plain + at, 40000), NULL), 0);
    while (plain.bytes) {
        struct cu_buf *record = cu_seal_record(s->a, &plain);

        assert_true(record->size <= 4 + CU_SEAL_RECORD_MAX);
        assert_int_equal(cu_txq_push(&out, record, NULL), 0);
    }
    s->bytes = flatten(&out, &s->size);
    cu_txq_clear(&plain);
    cu_txq_clear(&out);
}

static void sealed_stop(struct sealed *s)
{
    cu_seal_free(s->a);
    cu_seal_free(s->b);
    free(s->bytes);
}

static void sealed_bytes_open_however_they_come(void **state)
{
    static const size_t steps[] = {1, 5, 1000, 65536, 1u << 20};
    struct sealed s;

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        sealed_start(&s);
        for (size_t at = 0; at < s.size; at += steps[i]) {
            size_t part = s.size - at < steps[i] ? s.size - at : steps[i];

            assert_int_equal(cu_seal_feed(s.b, s.bytes + at, part, on_opened, &s), 0);
        }
        assert_int_equal(s.opened_size, sizeof(s.plain));
        assert_memory_equal(s.opened, s.plain, sizeof(s.plain));
        sealed_stop(&s);
    }
}

static void sealed_bytes_do_not_show_the_plain_ones(void **state)
{
    struct sealed s;

    (void)state;
    sealed_start(&s);
    for (size_t at = 0; at + 16 <= sizeof(s.plain); at += 1000)
        assert_null(memmem(s.bytes, s.size, s.plain + at, 16));
    sealed_stop(&s);
}

static void a_changed_bit_anywhere_is_found(void **state)
{
    static const size_t places[] = {0, 23, 24, 27, 28, 29, 100, 65535, 65570, 150000};
    struct sealed s;

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int r;

        sealed_start(&s);
        s.bytes[places[i]] ^= 0x40;
        r = cu_seal_feed(s.b, s.bytes, s.size, on_opened, &s);
        /* A length that has shrunk or grown is found when its record, as announced, is there. */
        assert_int_equal(r, -EBADMSG);
        assert_memory_equal(s.opened, s.plain, s.opened_size); /* what came before is right */
        assert_true(s.opened_size < sizeof(s.plain));
        sealed_stop(&s);
    }
}

static void a_record_cannot_be_repeated(void **state)
{
    struct sealed s;
    size_t record;

    (void)state;
    sealed_start(&s);
    record = 4 + CU_SEAL_RECORD_MAX;
    assert_int_equal(cu_seal_feed(s.b, s.bytes, 24 + record, on_opened, &s), 0);
    assert_true(s.opened_size > 0);
    assert_int_equal(cu_seal_feed(s.b, s.bytes + 24, record, on_opened, &s), -EBADMSG);
    sealed_stop(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_may_be_cut_anywhere),
        cmocka_unit_test(a_stream_with_tags_may_be_cut_anywhere),
        cmocka_unit_test(a_changed_stream_gives_no_message),
        cmocka_unit_test(a_payload_is_received_in_place),
        cmocka_unit_test(what_deliver_returns_stops),
        cmocka_unit_test(an_impossible_length_is_refused),
        cmocka_unit_test(a_queue_gives_pieces_in_order),
        cmocka_unit_test(sealed_bytes_open_however_they_come),
        cmocka_unit_test(sealed_bytes_do_not_show_the_plain_ones),
        cmocka_unit_test(a_changed_bit_anywhere_is_found),
        cmocka_unit_test(a_record_cannot_be_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
