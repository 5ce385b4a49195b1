/* SPDX-License-Identifier: BSD-3-Clause */
/* A blocking connection to a daemon, each step with a deadline: bytes as they are, or frames
 * (proto/frame.h), sealed (net/seal.h) or with tags. Times are cu_clock_ms's. */
#ifndef CU_CONTROL_CHANNEL_H
#define CU_CONTROL_CHANNEL_H

#include "net/seal.h"
#include "proto/auth.h"
#include "proto/frame.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* For the tags of frames. */
struct cu_channel_auth {
    struct cu_auth_job job;
    struct cu_auth send;
};

struct cu_channel {
    int fd;                       /* -1: not open */
    struct cu_seal *seal;         /* owned; NULL: plain */
    struct cu_channel_auth *auth; /* owned; NULL: frames have no tags */
    struct cu_frame frame;        /* what is being received */
};

/* From here on frames are encrypted. 0, -ENOMEM, or what writing gave. */
__attribute__((warn_unused_result)) int cu_channel_encrypt(struct cu_channel *channel,
                                                           const uint8_t key_send[32],
                                                           const uint8_t key_receive[32],
                                                           int64_t deadline_ms);
/* From here on frames have tags. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_channel_authenticate(struct cu_channel *channel,
                                                                const uint8_t job_key[32],
                                                                const uint8_t key_send[32],
                                                                const uint8_t key_receive[32]);

/* Bytes as they are: the handshake, and the lines of a control socket. */
__attribute__((warn_unused_result)) int
cu_channel_write(struct cu_channel *channel, const void *bytes, size_t size, int64_t deadline_ms);
/* How many were read, at least one; -ECONNRESET at the end, -ETIMEDOUT. */
__attribute__((warn_unused_result)) ssize_t cu_channel_read(struct cu_channel *channel, void *bytes,
                                                            size_t size, int64_t deadline_ms);
/* The same until size bytes are there; 0 then. */
__attribute__((warn_unused_result)) int cu_channel_read_all(struct cu_channel *channel, void *bytes,
                                                            size_t size, int64_t deadline_ms);

/* Sends a message as a frame. */
__attribute__((warn_unused_result)) int
cu_channel_send(struct cu_channel *channel, const struct cu_msg *msg, int64_t deadline_ms);
/* Takes what comes next, and delivers the messages that it completes. 0, what deliver returned,
 * -ECONNRESET at the end, -ETIMEDOUT, -EBADMSG (forged or broken), -ENOMEM. */
__attribute__((warn_unused_result)) int cu_channel_receive(struct cu_channel *channel,
                                                           cu_frame_fn deliver, void *context,
                                                           int64_t deadline_ms);
void cu_channel_close(struct cu_channel *channel);

#endif
