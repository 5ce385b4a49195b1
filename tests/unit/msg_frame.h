/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages as they arrive: the bytes of cu_msg_encode, and what the decoder says to them. */
#ifndef CU_TESTS_MSG_FRAME_H
#define CU_TESTS_MSG_FRAME_H

#include "proto/msg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A message as it arrives. */
struct frame {
    struct cu_buf *head; /* with the fields behind it */
    struct cu_buf *bulk;
};

static void frame_free(struct frame *f)
{
    cu_buf_unref(f->head);
    cu_buf_unref(f->bulk);
}

static struct frame encode(const struct cu_msg *msg)
{
    struct frame f;

    assert_int_equal(cu_msg_encode(msg, &f.head, &f.bulk), 0);
    return f;
}

static int decode(const struct frame *f, struct cu_msg *msg)
{
    struct cu_msg_head head;
    int rc = cu_msg_decode_head(f->head->data, &head);

    *msg = (struct cu_msg){0};
    if (rc)
        return rc;
    if (head.meta_len != f->head->size - CU_MSG_HEAD)
        return -EBADMSG;
    return cu_msg_decode(&head, f->head->data + CU_MSG_HEAD, f->bulk, msg);
}

/* There and back; the message that came out must make the same bytes again. */
static struct frame round_trip(const struct cu_msg *in, struct cu_msg *out)
{
    struct frame f = encode(in), again;

    assert_int_equal(decode(&f, out), 0);
    assert_int_equal(out->type, in->type);
    assert_true(out->id == in->id);
    again = encode(out);
    assert_int_equal(again.head->size, f.head->size);
    assert_memory_equal(again.head->data, f.head->data, f.head->size);
    assert_ptr_equal(again.bulk, f.bulk);
    frame_free(&again);
    return f;
}

static void refuses_to_encode(const struct cu_msg *msg)
{
    struct cu_buf *head, *bulk;

    assert_int_equal(cu_msg_encode(msg, &head, &bulk), -EINVAL);
    assert_null(head);
    assert_null(bulk);
}

/* Damages one byte (or two) of a good frame and expects a refusal. */
static void damage(const struct frame *f, size_t at, unsigned char to)
{
    struct frame bad = {.head = cu_buf_copy(f->head->data, f->head->size), .bulk = f->bulk};
    struct cu_msg out;

    assert_int_not_equal(bad.head->data[at], to);
    bad.head->data[at] = to;
    assert_int_equal(decode(&bad, &out), -EBADMSG);
    cu_buf_unref(bad.head);
}

/* Every shorter length of the fields is refused. */
static void refuses_truncated(const struct cu_msg *msg)
{
    struct frame f = encode(msg);
    struct cu_msg_head head;
    struct cu_msg out;
    uint32_t whole;

    assert_int_equal(cu_msg_decode_head(f.head->data, &head), 0);
    whole = head.meta_len;
    for (head.meta_len = 0; head.meta_len < whole; head.meta_len++) {
        /* an exact copy, so that a read past the end is seen by the sanitizer */
        struct cu_buf *cut = cu_buf_copy(f.head->data + CU_MSG_HEAD, head.meta_len);

        assert_int_equal(cu_msg_decode(&head, cut->data, f.bulk, &out), -EBADMSG);
        cu_buf_unref(cut);
    }
    frame_free(&f);
}

#endif
