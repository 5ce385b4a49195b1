/* SPDX-License-Identifier: BSD-3-Clause */
/* Open files of storage. close(2) may block on a network file system as open(2) may: both are
 * called without the mutex.
 *
 * Invariants: a file is in `files` (most recently released last) while it may be handed out. A file
 * that is not in it is freed with its last user. `count` is the number of files in the list, of
 * which only those with users may exceed files_max. fd and result are written by the opener before
 * `ready`, then only read. */
#include "storage/fdcache.h"

#include "base/hash.h"
#include "base/list.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

struct cu_fdcache_file {
    struct cu_list in_files;
    bool listed; /* guarded by mutex, as all below */
    bool ready;  /* the attempt to open it is over */
    bool local;
    uint32_t users;
    uint64_t used_ns;
    int fd;     /* -1: not open */
    int result; /* of the attempt */
    uint64_t hash;
    struct cu_version version;
    char path[];
};

struct cu_fdcache {
    uv_mutex_t mutex;
    uv_cond_t opened;
    uint32_t files_max;
    struct cu_list files; /* guarded by mutex */
    uint32_t count;       /* guarded by mutex */
};

struct cu_fdcache *cu_fdcache_create(uint32_t files_max)
{
    struct cu_fdcache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return NULL;
    if (uv_mutex_init(&cache->mutex)) {
        free(cache);
        return NULL;
    }
    if (uv_cond_init(&cache->opened)) {
        uv_mutex_destroy(&cache->mutex);
        free(cache);
        return NULL;
    }
    cache->files_max = files_max;
    cu_list_init(&cache->files);
    return cache;
}

static void file_free(struct cu_fdcache_file *file)
{
    if (file && file->fd >= 0)
        close(file->fd);
    free(file);
}

void cu_fdcache_destroy(struct cu_fdcache *cache)
{
    if (!cache)
        return;
    (void)cu_fdcache_sweep(cache, UINT64_MAX);
    uv_cond_destroy(&cache->opened);
    uv_mutex_destroy(&cache->mutex);
    free(cache);
}

static void unlist(struct cu_fdcache *cache, struct cu_fdcache_file *file)
{
    if (!file->listed)
        return;
    assert(cache->count > 0);
    file->listed = false;
    cu_list_remove(&file->in_files);
    cache->count--;
}

static uint64_t hash_of(const char *path, size_t path_len, const struct cu_version *version)
{
    return cu_hash_seeded(path, path_len,
                          version->size ^ (uint64_t)version->ctime.sec << 30 ^ version->ctime.nsec);
}

static struct cu_fdcache_file *find(struct cu_fdcache *cache, const char *path, size_t path_len,
                                    uint64_t hash, const struct cu_version *version)
{
    cu_list_for_each (it, &cache->files) {
        struct cu_fdcache_file *file = CU_LIST_ENTRY(it, struct cu_fdcache_file, in_files);

        if (file->hash == hash && cu_version_equal(&file->version, version) &&
            strncmp(file->path, path, path_len) == 0 && file->path[path_len] == '\0')
            return file;
    }
    return NULL;
}

/* The longest unused file while there are too many, or NULL; it is the caller's to free. */
static struct cu_fdcache_file *take_surplus(struct cu_fdcache *cache)
{
    if (cache->count <= cache->files_max)
        return NULL;
    cu_list_for_each (it, &cache->files) {
        struct cu_fdcache_file *file = CU_LIST_ENTRY(it, struct cu_fdcache_file, in_files);

        if (file->users == 0) {
            unlist(cache, file);
            return file;
        }
    }
    return NULL;
}

static struct cu_fdcache_file *file_new(const char *path, uint64_t hash,
                                        const struct cu_version *version)
{
    size_t size = strlen(path) + 1;
    struct cu_fdcache_file *file = calloc(1, sizeof(*file) + size);

    if (!file)
        return NULL;
    memcpy(file->path, path, size);
    file->fd = -1;
    file->hash = hash;
    file->version = *version;
    file->users = 1;
    return file;
}

int cu_fdcache_acquire(struct cu_fdcache *cache, const char *path, const struct cu_version *version,
                       bool local, cu_fdcache_open_fn open, void *context,
                       struct cu_fdcache_file **out)
{
    uint64_t hash = hash_of(path, strlen(path), version);
    struct cu_fdcache_file *file, *surplus;
    int r;

    uv_mutex_lock(&cache->mutex);
    file = find(cache, path, strlen(path), hash, version);
    if (file) {
        file->users++;
        while (!file->ready)
            uv_cond_wait(&cache->opened, &cache->mutex);
        r = file->result;
        uv_mutex_unlock(&cache->mutex);
        if (r)
            cu_fdcache_release(cache, file, false);
        else
            *out = file;
        return r;
    }
    file = file_new(path, hash, version);
    if (!file) {
        uv_mutex_unlock(&cache->mutex);
        return -ENOMEM;
    }
    file->local = local;
    file->listed = true;
    cu_list_push_back(&cache->files, &file->in_files);
    cache->count++;
    surplus = take_surplus(cache);
    uv_mutex_unlock(&cache->mutex);

    file_free(surplus);
    r = open(context, path, version);

    uv_mutex_lock(&cache->mutex);
    file->fd = r >= 0 ? r : -1;
    file->result = r >= 0 ? 0 : r;
    file->ready = true;
    uv_cond_broadcast(&cache->opened);
    uv_mutex_unlock(&cache->mutex);
    if (r < 0) {
        cu_fdcache_release(cache, file, false);
        return r;
    }
    *out = file;
    return 0;
}

struct cu_fdcache_file *cu_fdcache_try(struct cu_fdcache *cache, const char *path, size_t path_len,
                                       const struct cu_version *version)
{
    uint64_t hash = hash_of(path, path_len, version);
    struct cu_fdcache_file *file;

    uv_mutex_lock(&cache->mutex);
    file = find(cache, path, path_len, hash, version);
    if (file && file->local && file->ready && file->result == 0)
        file->users++;
    else
        file = NULL;
    uv_mutex_unlock(&cache->mutex);
    return file;
}

void cu_fdcache_untry(struct cu_fdcache *cache, struct cu_fdcache_file *file)
{
    bool last;

    uv_mutex_lock(&cache->mutex);
    assert(file->users > 0 && file->local);
    file->users--;
    file->used_ns = uv_hrtime();
    last = file->users == 0 && !file->listed;
    if (file->listed) {
        cu_list_remove(&file->in_files);
        cu_list_push_back(&cache->files, &file->in_files);
    }
    uv_mutex_unlock(&cache->mutex);
    if (last)
        file_free(file);
}

int cu_fdcache_fd(const struct cu_fdcache_file *file)
{
    return file->fd;
}

void cu_fdcache_release(struct cu_fdcache *cache, struct cu_fdcache_file *file, bool keep)
{
    struct cu_fdcache_file *surplus;

    uv_mutex_lock(&cache->mutex);
    if (!keep)
        unlist(cache, file);
    assert(file->users > 0 && file->ready);
    file->users--;
    file->used_ns = uv_hrtime();
    if (file->listed) {
        cu_list_remove(&file->in_files);
        cu_list_push_back(&cache->files, &file->in_files);
        surplus = take_surplus(cache);
    } else {
        surplus = file->users == 0 ? file : NULL;
    }
    uv_mutex_unlock(&cache->mutex);
    file_free(surplus);
}

uint32_t cu_fdcache_sweep(struct cu_fdcache *cache, uint64_t before_ns)
{
    struct cu_list idle;
    struct cu_list *entry;
    uint32_t count;

    cu_list_init(&idle);
    uv_mutex_lock(&cache->mutex);
    cu_list_for_each_safe (it, &cache->files) {
        struct cu_fdcache_file *file = CU_LIST_ENTRY(it, struct cu_fdcache_file, in_files);

        if (file->users == 0 && file->used_ns < before_ns) {
            unlist(cache, file);
            cu_list_push_back(&idle, it);
        }
    }
    count = cache->count;
    uv_mutex_unlock(&cache->mutex);
    while ((entry = cu_list_pop_front(&idle)))
        file_free(CU_LIST_ENTRY(entry, struct cu_fdcache_file, in_files));
    return count;
}
