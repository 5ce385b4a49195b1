/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames out of a byte stream. A frame's head is checked before anything of its size is allocated.
 *
 * Invariants: while a payload is under way (bulk not NULL) the stash holds exactly the frame's
 * head, fields and tag; else it holds the begin of these, never a whole frame. Digest and checksum
 * of a payload under way are made while it comes, so that no step grows with its size. */
#include "proto/frame.h"

#include "base/grow.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define STASH_MIN 256u
#define SUM_BYTES (64 * CU_AUTH_UNIT_BYTES)

void cu_frame_init(struct cu_frame *frame)
{
    *frame = (struct cu_frame){0};
}

void cu_frame_clear(struct cu_frame *frame)
{
    free(frame->stash);
    cu_buf_unref(frame->bulk);
    cu_hash_stream_free(frame->hash);
    sodium_memzero(frame, sizeof(*frame));
}

void cu_frame_authenticate(struct cu_frame *frame, const struct cu_auth_job *job,
                           const uint8_t key[32])
{
    frame->auth_job = job;
    cu_auth_init(&frame->auth, key);
}

void cu_frame_digest(const struct cu_auth_job *job, struct cu_buf *bulk)
{
    if (!bulk->digested)
        cu_auth_digest(job, bulk->data, bulk->size, bulk->digest);
    bulk->digested = true;
}

/* A payload's digest, made when it is not in the buffer yet. */
static const uint8_t *digest_of(const struct cu_auth_job *job, struct cu_buf *bulk)
{
    if (!bulk)
        return NULL;
    cu_frame_digest(job, bulk);
    return bulk->digest;
}

void cu_frame_tag(const struct cu_auth_job *job, struct cu_auth *auth, struct cu_buf *head,
                  struct cu_buf *bulk)
{
    cu_auth_tag(auth, head->data, head->size, digest_of(job, bulk), head->data + head->size);
    head->size += CU_AUTH_TAG_BYTES;
}

static size_t tag_bytes(const struct cu_frame *frame)
{
    return frame->auth_job ? CU_AUTH_TAG_BYTES : 0;
}

bool cu_frame_partial(const struct cu_frame *frame)
{
    return frame->stash_size > 0;
}

static int stash(struct cu_frame *frame, const unsigned char *bytes, size_t size)
{
    size_t need = frame->stash_size + size;
    unsigned char *grown = cu_grow(frame->stash, &frame->stash_capacity, need, STASH_MIN, 1);

    if (!grown)
        return -ENOMEM;
    frame->stash = grown;
    memcpy(frame->stash + frame->stash_size, bytes, size);
    frame->stash_size = need;
    return 0;
}

/* Sees to `need` bytes of the frame's beginning in one piece: in the input, or in the stash when
 * part of them came earlier. NULL with *result 0: not all there yet, and what there is, is stashed.
 */
static const unsigned char *gather(struct cu_frame *frame, const unsigned char **bytes,
                                   size_t *size, size_t need, int *result)
{
    size_t take;

    *result = 0;
    if (frame->stash_size == 0 && *size >= need)
        return *bytes;
    if (frame->stash_size >= need)
        return frame->stash;
    take = need - frame->stash_size;
    if (take > *size)
        take = *size;
    *result = stash(frame, *bytes, take);
    *bytes += take;
    *size -= take;
    return *result == 0 && frame->stash_size >= need ? frame->stash : NULL;
}

static int check(struct cu_frame *frame, const struct cu_msg_head *head, const unsigned char *begin,
                 struct cu_buf *bulk)
{
    size_t size = CU_MSG_HEAD + head->meta_len;

    return frame->auth_job ? cu_auth_check(&frame->auth, begin, size,
                                           digest_of(frame->auth_job, bulk), begin + size)
                           : 0;
}

static int hand_over(const struct cu_msg_head *head, const unsigned char *begin,
                     struct cu_buf *bulk, cu_frame_fn deliver, void *context)
{
    struct cu_msg msg;
    int r = cu_msg_decode(head, begin + CU_MSG_HEAD, bulk, &msg);

    if (r)
        return r;
    r = deliver(context, &msg);
    cu_msg_clear(&msg);
    return r;
}

/* --- sums of a payload under way ----------------------------------------------------------------
 */

static void begin_sums(struct cu_frame *frame)
{
    frame->summed = 0;
    if (frame->auth_job)
        cu_auth_sum_begin(&frame->sum, frame->auth_job);
    if (frame->head.bulk_len >= CU_FRAME_LARGE)
        frame->hash = cu_hash_stream_new(); /* NULL: it is made in one go */
}

/* Adds what has come since, in whole units; at the end, the rest. */
static void add_sums(struct cu_frame *frame, bool all)
{
    const unsigned char *at = frame->bulk->data + frame->summed;
    size_t size = frame->bulk_at - frame->summed;

    if (!all)
        size -= size % SUM_BYTES;
    if (frame->auth_job)
        cu_auth_sum_add(&frame->sum, frame->auth_job, at, size);
    if (frame->hash)
        cu_hash_stream_add(frame->hash, at, size);
    frame->summed += size;
}

static void end_sums(struct cu_frame *frame)
{
    struct cu_buf *bulk = frame->bulk;

    if (frame->auth_job) {
        cu_auth_sum_end(&frame->sum, bulk->digest);
        bulk->digested = true;
    }
    if (frame->hash) {
        bulk->hash = cu_hash_stream_value(frame->hash);
        bulk->hashed = true;
        cu_hash_stream_free(frame->hash);
        frame->hash = NULL;
    }
}

/* One frame, or as much of it as there is. */
static int feed_frame(struct cu_frame *frame, const unsigned char **bytes, size_t *size,
                      cu_frame_fn deliver, void *context)
{
    struct cu_msg_head head;
    const unsigned char *begin;
    struct cu_buf *bulk = NULL;
    size_t need = CU_MSG_HEAD, part;
    int r;

    begin = gather(frame, bytes, size, need, &r);
    if (!begin)
        return r;
    r = cu_msg_decode_head(begin, &head);
    if (r)
        return r;
    need += head.meta_len + tag_bytes(frame);
    begin = gather(frame, bytes, size, need, &r);
    if (!begin)
        return r;
    if (begin == *bytes) {
        *bytes += need;
        *size -= need;
    }
    if (head.bulk_len > 0) {
        r = frame->begin ? frame->begin(context, &head) : 0;
        if (r)
            return r;
        bulk = cu_buf_new(head.bulk_len);
        if (!bulk)
            return -ENOMEM;
        part = *size < head.bulk_len ? *size : head.bulk_len;
        memcpy(bulk->data, *bytes, part);
        *bytes += part;
        *size -= part;
        if (part < head.bulk_len) {
            r = begin == frame->stash ? 0 : stash(frame, begin, need);
            if (r) {
                cu_buf_unref(bulk);
                return r;
            }
            frame->head = head;
            frame->bulk = bulk;
            frame->bulk_at = part;
            begin_sums(frame);
            return 0;
        }
    }
    r = check(frame, &head, begin, bulk);
    if (r == 0)
        r = hand_over(&head, begin, bulk, deliver, context);
    cu_buf_unref(bulk);
    frame->stash_size = 0;
    return r;
}

int cu_frame_feed(struct cu_frame *frame, const void *data, size_t size, cu_frame_fn deliver,
                  void *context)
{
    const unsigned char *bytes = data;
    unsigned char *at;
    size_t part;
    int r = 0;

    while (size > 0 && r == 0) {
        if (!frame->bulk) {
            r = feed_frame(frame, &bytes, &size, deliver, context);
            continue;
        }
        part = cu_frame_rest(frame, &at);
        if (part > size)
            part = size;
        memcpy(at, bytes, part);
        bytes += part;
        size -= part;
        r = cu_frame_filled(frame, part, deliver, context);
    }
    return r;
}

static void drop_whole(struct cu_frame_whole *whole)
{
    free(whole->begin);
    cu_buf_unref(whole->bulk);
    *whole = (struct cu_frame_whole){.begin = NULL};
}

size_t cu_frame_rest(struct cu_frame *frame, unsigned char **at)
{
    if (!frame->bulk)
        return 0;
    *at = frame->bulk->data + frame->bulk_at;
    return frame->head.bulk_len - frame->bulk_at;
}

void cu_frame_put(struct cu_frame *frame, size_t size)
{
    frame->bulk_at += size;
    add_sums(frame, frame->bulk_at == frame->head.bulk_len);
}

int cu_frame_filled(struct cu_frame *frame, size_t size, cu_frame_fn deliver, void *context)
{
    struct cu_frame_whole whole;
    int r;

    cu_frame_put(frame, size);
    if (frame->bulk_at < frame->head.bulk_len)
        return 0;
    r = cu_frame_take(frame, &whole);
    return r ? r : cu_frame_give(&whole, deliver, context);
}

int cu_frame_take(struct cu_frame *frame, struct cu_frame_whole *whole)
{
    int r;

    end_sums(frame);
    *whole =
        (struct cu_frame_whole){.head = frame->head, .begin = frame->stash, .bulk = frame->bulk};
    frame->bulk = NULL;
    frame->bulk_at = 0;
    frame->stash = NULL;
    frame->stash_size = frame->stash_capacity = 0;
    r = check(frame, &whole->head, whole->begin, whole->bulk);
    if (r)
        drop_whole(whole);
    return r;
}

int cu_frame_give(struct cu_frame_whole *whole, cu_frame_fn deliver, void *context)
{
    int r = hand_over(&whole->head, whole->begin, whole->bulk, deliver, context);

    drop_whole(whole);
    return r;
}
