/* SPDX-License-Identifier: BSD-3-Clause */
/* The command is one of many things that happen on a node in trouble, so no read and no write here
 * waits without a limit. The sealed form is that of net/seal.c, which works on the loop's queues
 * and so cannot be used from a program that blocks. */
#include "control/channel.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER_BYTES crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define OVERHEAD     crypto_secretstream_xchacha20poly1305_ABYTES
#define RECORD_MAX   65536u
#define PLAIN_MAX    (RECORD_MAX - OVERHEAD)

struct cu_channel_seal {
    crypto_secretstream_xchacha20poly1305_state push, pull;
    uint8_t key_receive[32];
    bool begun;      /* the other side's header has come */
    size_t at, size; /* what is opened and not read yet: plain[at..size) */
    uint8_t plain[PLAIN_MAX];
    uint8_t record[4 + RECORD_MAX];
};

int64_t cu_channel_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int cu_channel_left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - cu_channel_now_ms();

    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

int cu_channel_wait(int fd, short events, int64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int rc;

    do {
        rc = poll(&p, 1, cu_channel_left_ms(deadline_ms));
    } while (rc < 0 && errno == EINTR);
    return rc > 0 ? 0 : rc == 0 ? -ETIMEDOUT : -errno;
}

static int write_raw(int fd, const void *bytes, size_t size, int64_t deadline_ms)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            int rc = cu_channel_wait(fd, POLLOUT, deadline_ms);

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

static ssize_t read_raw(int fd, void *bytes, size_t size, int64_t deadline_ms)
{
    for (;;) {
        ssize_t n = recv(fd, bytes, size, MSG_DONTWAIT);
        int rc;

        if (n > 0)
            return n;
        if (n == 0)
            return -ECONNRESET;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        rc = cu_channel_wait(fd, POLLIN, deadline_ms);
        if (rc != 0)
            return rc;
    }
}

static int read_raw_all(int fd, void *bytes, size_t size, int64_t deadline_ms)
{
    uint8_t *at = bytes;

    while (size > 0) {
        ssize_t n = read_raw(fd, at, size, deadline_ms);

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
    uint8_t header[HEADER_BYTES];
    struct cu_channel_seal *seal = calloc(1, sizeof(*seal));

    if (seal == NULL)
        return -ENOMEM;
    crypto_secretstream_xchacha20poly1305_init_push(&seal->push, header, key_send);
    memcpy(seal->key_receive, key_receive, sizeof(seal->key_receive));
    channel->seal = seal;
    return write_raw(channel->fd, header, sizeof(header), deadline_ms);
}

int cu_channel_authenticate(struct cu_channel *channel, const uint8_t job_key[32],
                            const uint8_t key_send[32], const uint8_t key_receive[32])
{
    channel->auth = malloc(sizeof(*channel->auth));
    if (channel->auth == NULL)
        return -ENOMEM;
    cu_auth_job_init(&channel->auth->job, job_key);
    cu_auth_init(&channel->auth->send, key_send);
    cu_auth_init(&channel->auth->receive, key_receive);
    return 0;
}

int cu_channel_write(struct cu_channel *channel, const void *bytes, size_t size,
                     int64_t deadline_ms)
{
    struct cu_channel_seal *seal = channel->seal;
    const uint8_t *at = bytes;
    int rc = 0;

    if (seal == NULL)
        return write_raw(channel->fd, bytes, size, deadline_ms);
    while (size > 0 && rc == 0) {
        size_t part = size < PLAIN_MAX ? size : PLAIN_MAX;
        size_t length = part + OVERHEAD;

        for (int i = 0; i < 4; i++)
            seal->record[i] = (uint8_t)(length >> (8 * i));
        crypto_secretstream_xchacha20poly1305_push(&seal->push, seal->record + 4, NULL, at, part,
                                                   NULL, 0, 0);
        rc = write_raw(channel->fd, seal->record, 4 + length, deadline_ms);
        at += part;
        size -= part;
    }
    return rc;
}

/* Reads and opens the next record. */
static int open_record(struct cu_channel *channel, int64_t deadline_ms)
{
    struct cu_channel_seal *seal = channel->seal;
    unsigned long long plain_size = 0;
    uint8_t header[HEADER_BYTES];
    size_t length;
    int rc = 0;

    if (!seal->begun) {
        rc = read_raw_all(channel->fd, header, sizeof(header), deadline_ms);
        if (rc != 0)
            return rc;
        if (crypto_secretstream_xchacha20poly1305_init_pull(&seal->pull, header,
                                                            seal->key_receive) != 0)
            return -EBADMSG;
        seal->begun = true;
    }
    rc = read_raw_all(channel->fd, seal->record, 4, deadline_ms);
    if (rc != 0)
        return rc;
    length = seal->record[0] | (size_t)seal->record[1] << 8 | (size_t)seal->record[2] << 16 |
             (size_t)seal->record[3] << 24;
    if (length <= OVERHEAD || length > RECORD_MAX)
        return -EBADMSG;
    rc = read_raw_all(channel->fd, seal->record, length, deadline_ms);
    if (rc != 0)
        return rc;
    if (crypto_secretstream_xchacha20poly1305_pull(&seal->pull, seal->plain, &plain_size, NULL,
                                                   seal->record, length, NULL, 0) != 0)
        return -EBADMSG;
    seal->at = 0;
    seal->size = (size_t)plain_size;
    return 0;
}

ssize_t cu_channel_read(struct cu_channel *channel, void *bytes, size_t size, int64_t deadline_ms)
{
    struct cu_channel_seal *seal = channel->seal;
    int rc = 0;

    if (seal == NULL)
        return read_raw(channel->fd, bytes, size, deadline_ms);
    while (rc == 0 && seal->at == seal->size)
        rc = open_record(channel, deadline_ms);
    if (rc != 0)
        return rc;
    if (size > seal->size - seal->at)
        size = seal->size - seal->at;
    memcpy(bytes, seal->plain + seal->at, size);
    seal->at += size;
    return (ssize_t)size;
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

void cu_channel_close(struct cu_channel *channel)
{
    if (channel->seal != NULL) {
        sodium_memzero(channel->seal, sizeof(*channel->seal));
        free(channel->seal);
        channel->seal = NULL;
    }
    if (channel->auth != NULL) {
        sodium_memzero(channel->auth, sizeof(*channel->auth));
        free(channel->auth);
        channel->auth = NULL;
    }
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
}
