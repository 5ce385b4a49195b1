/* SPDX-License-Identifier: BSD-3-Clause */
/* Records lie one behind the other around the end of the room. A process that dies while it holds
 * the mutex (a robust one) may leave half of a change, so the next one begins with an empty ring;
 * the numbers go on. */
#include "host/logring.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define LINE_MAX_BYTES 2048u

struct cu_logring {
    pthread_mutex_t mutex; /* guards all below */
    size_t mapped, size;
    size_t head, used;
    uint64_t last_us;
    uint32_t number; /* of the last line */
    char bytes[];
};

struct record {
    uint64_t us;
    uint32_t number;
    uint32_t len;
};

struct cu_logring *cu_logring_create(size_t size)
{
    size_t mapped = sizeof(struct cu_logring) + size;
    struct cu_logring *ring =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attr;

    if (ring == MAP_FAILED)
        return NULL;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&ring->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    ring->mapped = mapped;
    ring->size = size;
    return ring;
}

void cu_logring_destroy(struct cu_logring *ring)
{
    if (ring)
        munmap(ring, ring->mapped);
}

static void lock(struct cu_logring *ring)
{
    if (pthread_mutex_lock(&ring->mutex) != EOWNERDEAD)
        return;
    ring->head = ring->used = 0;
    pthread_mutex_consistent(&ring->mutex);
}

static void put(struct cu_logring *ring, size_t at, const void *bytes, size_t len)
{
    size_t first = ring->size - at % ring->size;

    if (first > len)
        first = len;
    memcpy(ring->bytes + at % ring->size, bytes, first);
    memcpy(ring->bytes, (const char *)bytes + first, len - first);
}

static void get(const struct cu_logring *ring, size_t at, void *bytes, size_t len)
{
    size_t first = ring->size - at % ring->size;

    if (first > len)
        first = len;
    memcpy(bytes, ring->bytes + at % ring->size, first);
    memcpy((char *)bytes + first, ring->bytes, len - first);
}

static void drop_oldest(struct cu_logring *ring)
{
    struct record record;

    get(ring, ring->head, &record, sizeof(record));
    ring->used -= sizeof(record) + record.len;
    ring->head = (ring->head + sizeof(record) + record.len) % ring->size;
}

void cu_logring_add(struct cu_logring *ring, uint64_t us, const char *line, size_t len)
{
    struct record record;

    if (!ring)
        return;
    if (len > LINE_MAX_BYTES)
        len = LINE_MAX_BYTES;
    lock(ring);
    if (us > ring->last_us)
        ring->last_us = us;
    record = (struct record){.us = ring->last_us, .number = ++ring->number, .len = (uint32_t)len};
    if (sizeof(record) + len <= ring->size) {
        while (ring->size - ring->used < sizeof(record) + len)
            drop_oldest(ring);
        put(ring, ring->head + ring->used, &record, sizeof(record));
        put(ring, ring->head + ring->used + sizeof(record), line, len);
        ring->used += sizeof(record) + len;
    }
    pthread_mutex_unlock(&ring->mutex);
}

void cu_logring_each(struct cu_logring *ring, cu_logring_fn *fn, void *context)
{
    char line[LINE_MAX_BYTES];
    struct record record;

    if (!ring)
        return;
    lock(ring);
    for (size_t at = 0; at < ring->used; at += sizeof(record) + record.len) {
        get(ring, ring->head + at, &record, sizeof(record));
        get(ring, ring->head + at + sizeof(record), line, record.len);
        fn(context, record.us, record.number, line, record.len);
    }
    pthread_mutex_unlock(&ring->mutex);
}
