/* SPDX-License-Identifier: BSD-3-Clause */
/* The command must also end on a node that is in trouble, so every read and write has a time limit.
 * Frames are encoded and decoded by the same code as in the daemon. */
#include "control/channel.h"

#include "host/clock.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int cu_channel_write(struct cu_channel *channel, const void *bytes, size_t size,
                     int64_t deadline_ms)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t n = send(channel->fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            int rc = cu_clock_wait(channel->fd, POLLOUT, deadline_ms);

            if (rc != 0)
                return rc;
        } else if (n < 0) {
            return -errno;
        } else {
            at += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

ssize_t cu_channel_read(struct cu_channel *channel, void *bytes, size_t size, int64_t deadline_ms)
{
    for (;;) {
        ssize_t n = recv(channel->fd, bytes, size, MSG_DONTWAIT);
        int rc;

        if (n > 0)
            return n;
        if (n == 0)
            return -ECONNRESET;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        rc = cu_clock_wait(channel->fd, POLLIN, deadline_ms);
        if (rc != 0)
            return rc;
    }
}

int cu_channel_read_all(struct cu_channel *channel, void *bytes, size_t size, int64_t deadline_ms)
{
    uint8_t *at = bytes;

    while (size > 0) {
        ssize_t n = cu_channel_read(channel, at, size, deadline_ms);

        if (n < 0)
            return (int)n;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int cu_channel_encrypt(struct cu_channel *channel, const uint8_t key_send[32],
                       const uint8_t key_receive[32], int64_t deadline_ms)
{
    struct cu_buf *header;
    int rc;

    channel->seal = cu_seal_new(key_send, key_receive, &header);
    if (!channel->seal)
        return -ENOMEM;
    rc = cu_channel_write(channel, header->data, header->size, deadline_ms);
    cu_buf_unref(header);
    return rc;
}

int cu_channel_authenticate(struct cu_channel *channel, const uint8_t job_key[32],
                            const uint8_t key_send[32], const uint8_t key_receive[32])
{
    channel->auth = malloc(sizeof(*channel->auth));
    if (!channel->auth)
        return -ENOMEM;
    cu_auth_job_init(&channel->auth->job, job_key);
    cu_auth_init(&channel->auth->send, key_send);
    cu_frame_authenticate(&channel->frame, &channel->auth->job, key_receive);
    return 0;
}

/* What a frame is made of, sealed where the channel is. */
static int write_part(struct cu_channel *channel, const struct cu_buf *part, int64_t deadline_ms)
{
    int rc = 0;

    if (!channel->seal)
        return cu_channel_write(channel, part->data, part->size, deadline_ms);
    for (size_t at = 0; at < part->size && rc == 0;) {
        size_t left = part->size - at, size = left < CU_SEAL_PLAIN_MAX ? left : CU_SEAL_PLAIN_MAX;
        struct cu_buf *record = cu_seal_record(channel->seal, part->data + at, size);

        if (!record)
            return -ENOMEM;
        rc = cu_channel_write(channel, record->data, record->size, deadline_ms);
        cu_buf_unref(record);
        at += size;
    }
    return rc;
}

int cu_channel_send(struct cu_channel *channel, const struct cu_msg *msg, int64_t deadline_ms)
{
    struct cu_buf *head = NULL, *bulk = NULL;
    int rc = cu_msg_encode(msg, &head, &bulk);

    if (rc == 0 && channel->auth)
        cu_frame_tag(&channel->auth->job, &channel->auth->send, head, bulk);
    if (rc == 0)
        rc = write_part(channel, head, deadline_ms);
    if (rc == 0 && bulk)
        rc = write_part(channel, bulk, deadline_ms);
    cu_buf_unref(head);
    cu_buf_unref(bulk);
    return rc;
}

struct receiver {
    struct cu_frame *frame;
    cu_frame_fn deliver;
    void *context;
};

static int on_opened(void *context, const void *bytes, size_t size)
{
    const struct receiver *to = context;

    return cu_frame_feed(to->frame, bytes, size, to->deliver, to->context);
}

int cu_channel_receive(struct cu_channel *channel, cu_frame_fn deliver, void *context,
                       int64_t deadline_ms)
{
    struct receiver to = {.frame = &channel->frame, .deliver = deliver, .context = context};
    uint8_t bytes[16384];
    ssize_t n = cu_channel_read(channel, bytes, sizeof(bytes), deadline_ms);

    if (n < 0)
        return (int)n;
    if (channel->seal)
        return cu_seal_feed(channel->seal, bytes, (size_t)n, on_opened, &to);
    return on_opened(&to, bytes, (size_t)n);
}

void cu_channel_close(struct cu_channel *channel)
{
    cu_seal_free(channel->seal);
    channel->seal = NULL;
    if (channel->auth)
        sodium_memzero(channel->auth, sizeof(*channel->auth));
    free(channel->auth);
    channel->auth = NULL;
    cu_frame_clear(&channel->frame);
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
}
