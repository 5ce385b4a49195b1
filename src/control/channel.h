/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes to and from a daemon, each step with a deadline: plain, or sealed as net/seal.h draws it.
 */
#ifndef CU_CONTROL_CHANNEL_H
#define CU_CONTROL_CHANNEL_H

#include "proto/auth.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cu_channel_seal;

/* Of the frames of a plain connection to a daemon's port. */
struct cu_channel_auth {
    struct cu_auth_job job;
    struct cu_auth send, receive;
};

struct cu_channel {
    int fd;                       /* -1: not open */
    struct cu_channel_seal *seal; /* owned; NULL: plain */
    struct cu_channel_auth *auth; /* owned; NULL: frames have no tags */
};

int64_t cu_channel_now_ms(void);
int cu_channel_left_ms(int64_t deadline_ms);
/* Waits for events on a descriptor. 0 or -ETIMEDOUT. */
__attribute__((warn_unused_result)) int cu_channel_wait(int fd, short events, int64_t deadline_ms);
/* From here on all is encrypted. 0, -ENOMEM, or what writing gave. */
__attribute__((warn_unused_result)) int cu_channel_encrypt(struct cu_channel *channel,
                                                           const uint8_t key_send[32],
                                                           const uint8_t key_receive[32],
                                                           int64_t deadline_ms);
/* From here on frames have tags (the caller makes and checks them). 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_channel_authenticate(struct cu_channel *channel,
                                                                const uint8_t job_key[32],
                                                                const uint8_t key_send[32],
                                                                const uint8_t key_receive[32]);
__attribute__((warn_unused_result)) int
cu_channel_write(struct cu_channel *channel, const void *bytes, size_t size, int64_t deadline_ms);
/* How many were read, at least one; -ECONNRESET at the end, -ETIMEDOUT, -EBADMSG (forged). */
__attribute__((warn_unused_result)) ssize_t cu_channel_read(struct cu_channel *channel, void *bytes,
                                                            size_t size, int64_t deadline_ms);
/* The same until size bytes are there; 0 then. */
__attribute__((warn_unused_result)) int cu_channel_read_all(struct cu_channel *channel, void *bytes,
                                                            size_t size, int64_t deadline_ms);
void cu_channel_close(struct cu_channel *channel);

#endif
