/* SPDX-License-Identifier: BSD-3-Clause */
/* A ctime drifts when it differs from one look to the next and the one after, while size and mtime
 * stay the same. The looks are a tick of the stamps apart if the ctime is of this moment. A file
 * whose mode or links are changed all the time looks the same; then changes of its file system are
 * known by size and mtime, as if storage had no ctime. */
#include "storage/stamps.h"

#include "base/hash.h"
#include "storage/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#define LOOKS    2 /* after the first one */
#define NS_PER_S INT64_C(1000000000)

static bool look(const char *path, struct statx *x)
{
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, x) ==
               0 &&
           S_ISREG(x->stx_mode);
}

static bool same(const struct statx_timestamp *a, const struct statx_timestamp *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static void wait_for_tick(const struct statx *x)
{
    const struct stat st = {.st_ctim = {x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec}};
    int64_t left = cu_storage_tick_ns(&st) - cu_storage_age_ns(&st);
    struct timespec pause = {.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};

    if (left > 0 && left <= cu_storage_tick_ns(&st))
        while (nanosleep(&pause, &pause) && errno == EINTR)
            continue;
}

/* 1 or 0; -1: it cannot be told. */
static int try_file(const char *path)
{
    struct statx was, is;

    if (!look(path, &was))
        return -1;
    for (int left = LOOKS; left > 0; left--) {
        wait_for_tick(&was);
        if (!look(path, &is))
            return -1;
        if (is.stx_size != was.stx_size || !same(&is.stx_mtime, &was.stx_mtime) ||
            same(&is.stx_ctime, &was.stx_ctime))
            return 0;
        was = is;
    }
    return 1;
}

static uint64_t key_of(const struct cu_fsmap_mount *mount)
{
    const struct cu_mountinfo *info = &mount->info;
    uint64_t hash = cu_hash_seeded(info->type, strlen(info->type), info->dev);

    hash = cu_hash_seeded(info->source, strlen(info->source), hash);
    return cu_hash_seeded(info->options, strlen(info->options), hash) | 1;
}

/* Mutex held. 1 or 0; -1: not known. */
static int find(const struct cu_stamps *stamps, uint64_t key)
{
    for (unsigned i = 0; i < CU_STAMPS_MAX; i++)
        if (stamps->known[i].key == key)
            return stamps->known[i].drift;
    return -1;
}

bool cu_stamps_drift(struct cu_stamps *stamps, const struct cu_fsmap_mount *mount, const char *path)
{
    uint64_t key = key_of(mount);
    int drift, tried;

    pthread_mutex_lock(&stamps->mutex);
    drift = find(stamps, key);
    pthread_mutex_unlock(&stamps->mutex);
    if (drift >= 0 || !path)
        return drift > 0;
    tried = try_file(path);
    if (tried < 0)
        return false;
    pthread_mutex_lock(&stamps->mutex);
    drift = find(stamps, key);
    if (drift < 0) { /* of two threads that tried, the first one decides */
        drift = tried;
        stamps->known[stamps->next].key = key;
        stamps->known[stamps->next].drift = drift > 0;
        stamps->next = (stamps->next + 1) % CU_STAMPS_MAX;
    }
    pthread_mutex_unlock(&stamps->mutex);
    return drift > 0;
}
