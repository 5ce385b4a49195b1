/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames out of a byte stream: bytes in as they come, whole messages out. Small frames are decoded
 * where they lie; the payload of a large one is offered as a destination to read into, so that it
 * is received into the very buffer in which it will be cached. Where frames have tags, a message is
 * given out only when its own is right. */
#ifndef CU_PROTO_FRAME_H
#define CU_PROTO_FRAME_H

#include "base/hash.h"
#include "proto/auth.h"
#include "proto/msg.h"

#include <stdbool.h>
#include <stddef.h>

/* Called when a frame with a payload begins. A value other than 0 refuses it: feed returns that
 * value, and no memory is allocated. */
typedef int (*cu_frame_begin_fn)(void *context, const struct cu_msg_head *head);

/* From this size on a payload's checksum is made while it is received. */
#define CU_FRAME_LARGE ((size_t)1024 * 1024)

struct cu_frame {
    cu_frame_begin_fn begin; /* NULL: all may; its context is feed's */
    unsigned char *stash;    /* the begun frame's head and fields */
    size_t stash_size;
    size_t stash_capacity;
    struct cu_msg_head head; /* valid when bulk is not NULL */
    struct cu_buf *bulk;     /* payload being received */
    size_t bulk_at;
    size_t summed;                      /* bytes of it that are in sum and hash */
    struct cu_auth_sum sum;             /* only with auth_job */
    struct cu_hash_stream *hash;        /* of a large payload; NULL: made by who needs it */
    const struct cu_auth_job *auth_job; /* NULL: frames without tags */
    struct cu_auth auth;
};

/* A message is there (borrowed). Other than 0 stops the feeding and is handed back. */
typedef int (*cu_frame_fn)(void *context, const struct cu_msg *msg);

void cu_frame_init(struct cu_frame *frame);
/* From the first frame on each has a tag. job: borrowed. */
void cu_frame_authenticate(struct cu_frame *frame, const struct cu_auth_job *job,
                           const uint8_t key[32]);
/* Puts the tag behind an encoded message's head, in the order in which frames are sent. The
 * payload's digest is made once, and kept in its buffer. bulk: NULL when there is no payload. */
void cu_frame_tag(const struct cu_auth_job *job, struct cu_auth *auth, struct cu_buf *head,
                  struct cu_buf *bulk);
/* Makes the digest of a payload that nobody else has yet; on any thread. */
void cu_frame_digest(const struct cu_auth_job *job, struct cu_buf *bulk);
void cu_frame_clear(struct cu_frame *frame);
/* Takes all bytes. 0, -EBADMSG (the stream is not to be trusted any more), -ENOMEM, or what deliver
 * returned. After anything but 0 the frame may only be cleared. */
__attribute__((warn_unused_result)) int cu_frame_feed(struct cu_frame *frame, const void *bytes,
                                                      size_t size, cu_frame_fn deliver,
                                                      void *context);
/* The rest of the payload under way: where to put the stream's next bytes. 0: none, use feed. */
size_t cu_frame_rest(struct cu_frame *frame, unsigned char **at);
/* size bytes (at most the rest) were put there: their sums are made. On any thread, as long as it
 * alone uses the frame until cu_frame_filled. */
void cu_frame_put(struct cu_frame *frame, size_t size);
/* The same, and gives the message out when it is complete, as it may be before. Returns as feed
 * does. */
__attribute__((warn_unused_result)) int cu_frame_filled(struct cu_frame *frame, size_t size,
                                                        cu_frame_fn deliver, void *context);
/* A frame with a payload that is complete, and its tag right. */
struct cu_frame_whole {
    struct cu_msg_head head;
    unsigned char *begin; /* owned; head, fields, tag */
    struct cu_buf *bulk;  /* owned */
};

/* Takes the payload that has come to its end (cu_frame_rest is 0 after cu_frame_put) out of the
 * frame, so that the next may begin. 0; -EBADMSG: the frame may only be cleared, whole is empty. */
__attribute__((warn_unused_result)) int cu_frame_take(struct cu_frame *frame,
                                                      struct cu_frame_whole *whole);
/* Gives out what was taken, which is empty then. Returns as feed does. */
__attribute__((warn_unused_result)) int cu_frame_give(struct cu_frame_whole *whole,
                                                      cu_frame_fn deliver, void *context);
/* Has a frame begun and not ended? */
bool cu_frame_partial(const struct cu_frame *frame);

#endif
