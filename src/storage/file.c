/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading regular files: every byte that leaves here was read from a descriptor that showed the
 * wanted version before (when it was opened) and after. A ctime only moves forward, so the check
 * after a chunk covers all the time since the file was opened. Another check before each chunk
 * would prove nothing more, and costs a round trip on some file systems.
 *
 * A stamp moves in ticks, so that equal stamps prove nothing about a file that was changed within
 * the current tick. For such a file, the tick has to pass before its version is checked and the
 * first byte is read: any later change then changes the stamp, too. Where stamps are whole seconds,
 * only a file that is read in several parts is waited for so long: one that is read at once has the
 * bytes of one version all the same. The remaining cases are listed in storage/storage.h. */
#include "storage/ops.h"

#include "base/hash.h"
#include "proto/holes.h"
#include "proto/msg.h"
#include "proto/piece.h"
#include "storage/openfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S        INT64_C(1000000000)
#define AGE_MAX_S       INT64_C(1000000000) /* 31 years: a stamp may be of any time */
#define AHEAD_MAX_NS    (10 * NS_PER_S)     /* of storage's clock, which is believed */
#define MEASURE_BYTES   65536u
#define AT_ONCE_BYTES   65536u /* 15 us of the loop's time */
#define HELD_TRIES      3      /* others may hold it, too */
#define HOLE_SAMPLE     4096u
#define HOLES_LOOKED_AT 4u                   /* of a file, at both ends */
#define SIZELESS_LIMIT  (UINT64_C(16) << 20) /* bounds what a lookup reads */

static struct cu_time time_of(struct timespec t)
{
    bool valid =
        t.tv_nsec >= 0 && t.tv_nsec < NS_PER_S; /* a user-space file system may say anything */

    return (struct cu_time){.sec = t.tv_sec, .nsec = valid ? (uint32_t)t.tv_nsec : 0};
}

struct cu_attr cu_storage_attr_of(const struct stat *st)
{
    return (struct cu_attr){
        .mode = st->st_mode,
        .nlink = st->st_nlink < UINT32_MAX ? (uint32_t)st->st_nlink : UINT32_MAX,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .ino = st->st_ino,
        .rdev = st->st_rdev,
        .size = (uint64_t)st->st_size,
        .blocks = (uint64_t)st->st_blocks,
        .blksize = st->st_blksize < UINT32_MAX ? (uint32_t)st->st_blksize : UINT32_MAX,
        .atime = time_of(st->st_atim),
        .mtime = time_of(st->st_mtim),
        .ctime = time_of(st->st_ctim),
    };
}

struct cu_version cu_storage_version_of(const struct stat *st)
{
    struct cu_attr attr = cu_storage_attr_of(st);

    return cu_version_of(&attr);
}

void cu_storage_believe(const struct cu_storage_job *job, struct stat *st)
{
    if (job->drifts)
        st->st_ctim = st->st_mtim;
}

static int look(const struct cu_storage_job *job, int fd, struct stat *st)
{
    if (fstat(fd, st))
        return -errno;
    cu_storage_believe(job, st);
    return 0;
}

int64_t cu_storage_age_ns(const struct stat *st)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (st->st_ctim.tv_sec < now.tv_sec - AGE_MAX_S)
        return AGE_MAX_S * NS_PER_S;
    if (st->st_ctim.tv_sec > now.tv_sec + AGE_MAX_S)
        return -AGE_MAX_S * NS_PER_S;
    return (now.tv_sec - st->st_ctim.tv_sec) * NS_PER_S + now.tv_nsec - st->st_ctim.tv_nsec;
}

int64_t cu_storage_tick_ns(const struct stat *st)
{
    return st->st_ctim.tv_nsec == 0 ? CU_STORAGE_COARSE_NS : CU_STORAGE_TICK_NS;
}

/* 0 when st describes the regular file in that version, else -ESTALE. A size of 0 may mean that
 * storage does not know the size, and the version has the measured one; then the number of bytes
 * that can be read decides. */
static int compare(const struct stat *st, const struct cu_version *version)
{
    struct cu_version is = cu_storage_version_of(st);

    if (is.size == 0)
        is.size = version->size;
    return S_ISREG(st->st_mode) && cu_version_equal(&is, version) ? 0 : -ESTALE;
}

/* at_end: the version's end was read; of a file whose size storage does not know it must be the
 * file's. */
static int check_version(const struct cu_storage_job *job, int fd, const struct cu_version *version,
                         bool at_end)
{
    struct stat st;
    char byte;
    int r = look(job, fd, &st);

    if (r)
        return r;
    if (st.st_size == 0 && at_end && pread(fd, &byte, 1, (off_t)version->size) != 0)
        return -ESTALE;
    return compare(&st, version);
}

/* The same, but first waits until no change of a file that has just been changed can carry the same
 * stamp. A ctime in the future means that storage's clock is ahead, and a tick from now is enough;
 * one further in the future was made by a wrong clock, at any time, and is not waited for. */
static int check_settled(const struct cu_storage_env *env, const struct cu_storage_job *job, int fd,
                         const struct cu_version *version)
{
    struct timespec pause;
    struct stat st;
    int64_t age, tick = CU_STORAGE_TICK_NS;
    int r = look(job, fd, &st);

    if (r)
        return r;
    age = cu_storage_age_ns(&st);
    if (version->size > env->inline_bytes)
        tick = cu_storage_tick_ns(&st);
    if (age >= tick || age < -AHEAD_MAX_NS || compare(&st, version))
        return compare(&st, version);
    if (age < 0)
        age = 0;
    pause =
        (struct timespec){.tv_sec = (tick - age) / NS_PER_S, .tv_nsec = (tick - age) % NS_PER_S};
    while (nanosleep(&pause, &pause) && errno == EINTR)
        continue;
    return check_version(job, fd, version, false);
}

static int open_version(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk,
                        const struct cu_version *version)
{
    int fd = cu_openfile(on_disk, &env->no_atime_refused, &job->counts.open), r;

    if (fd < 0)
        return fd;
    r = check_settled(env, job, fd, version);
    if (r) {
        close(fd);
        return r;
    }
    return fd;
}

/* size bytes at offset. -ESTALE when the file ends before; or, to_end, does not end there. */
static int read_all(struct cu_storage_counts *counts, int fd, unsigned char *to, size_t size,
                    uint64_t offset, bool to_end)
{
    size_t at = 0;
    char more;

    while (at < size) {
        const struct iovec iov[] = {{.iov_base = to + at, .iov_len = size - at},
                                    {.iov_base = &more, .iov_len = 1}};
        ssize_t n = preadv(fd, iov, to_end ? 2 : 1, (off_t)(offset + at));

        counts->read++;
        if (n < 0)
            return -errno;
        if (n == 0 || (size_t)n > size - at)
            return -ESTALE;
        counts->bytes += (uint64_t)n;
        at += (size_t)n;
    }
    return 0;
}

/* New buffer with that part of the file, which had the version before and after. Where sizes may be
 * wrong, the end of the file is looked at. */
static int read_part(struct cu_storage_job *job, int fd, const struct cu_version *version,
                     uint64_t offset, size_t size, struct cu_buf **out)
{
    bool at_end = offset + size == version->size;
    struct cu_buf *buf = cu_buf_new(size);
    int r;

    if (!buf)
        return -ENOMEM;
    r = read_all(&job->counts, fd, buf->data, size, offset,
                 at_end && (job->place.traits & CU_FS_SIZELESS));
    if (r == 0)
        r = check_version(job, fd, version, at_end);
    if (r) {
        cu_buf_unref(buf);
        return r;
    }
    *out = buf;
    return 0;
}

/* The bytes of a file up to its end, however long it says it is. */
static int measure(struct cu_storage_counts *counts, int fd, uint64_t *size)
{
    unsigned char *buffer = malloc(MEASURE_BYTES);
    uint64_t at = 0;
    int r = buffer ? 0 : -ENOMEM;

    while (r == 0) {
        ssize_t n = pread(fd, buffer, MEASURE_BYTES, (off_t)at);

        counts->read++;
        if (n <= 0) {
            r = n < 0 ? -errno : 0;
            break;
        }
        counts->bytes += (uint64_t)n;
        at += (uint64_t)n;
        if (at > SIZELESS_LIMIT)
            r = -EOVERFLOW;
    }
    free(buffer);
    *size = at;
    return r;
}

/* Does the mode deny this user to read the file? Then it cannot be read through the mount, either,
 * and its size may stay 0. */
static bool mode_denies(const struct cu_attr *attr)
{
    return !(attr->mode & (attr->uid == geteuid() ? S_IRUSR : S_IROTH));
}

int cu_storage_measure(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk)
{
    struct cu_attr *attr = &job->value.attr;
    struct cu_version version = cu_version_of(attr);
    int fd = open_version(env, job, on_disk, &version), r;

    if (fd < 0)
        return (fd == -EACCES || fd == -EPERM) && mode_denies(attr) ? 0 : fd;
    r = measure(&job->counts, fd, &attr->size);
    close(fd);
    attr->blocks = (attr->size + 511) / 512;
    return r;
}

int cu_storage_read_inline(struct cu_storage_env *env, struct cu_storage_job *job,
                           const char *on_disk)
{
    struct cu_version version = cu_version_of(&job->value.attr);
    int fd = open_version(env, job, on_disk, &version), r;

    if (fd < 0)
        return fd;
    r = read_part(job, fd, &version, 0, (size_t)version.size, &job->value.content);
    if (r == 0)
        job->value.content_hash = cu_hash_bytes(job->value.content->data, job->value.content->size);
    close(fd);
    return r;
}

struct open_context {
    struct cu_storage_env *env;
    struct cu_storage_job *job;
    const char *on_disk;
    bool opened; /* result: by this call */
};

static int open_for_cache(void *context, const char *path, const struct cu_version *version)
{
    struct open_context *c = context;

    (void)path; /* the key, which may be too long for open(2) */
    c->opened = true;
    return open_version(c->env, c->job, c->on_disk, version);
}

/* Errors that mean that the path's file does not exist any more. */
static int stale_if_gone(int error)
{
    return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -ENXIO ? -ESTALE
                                                                                       : error;
}

/* Uses the job's file, open in the job's version. A descriptor that was held may fail although the
 * file is well: its mount is gone and storage was mounted anew, or a server has dropped this client
 * and taken it back. So only what fails with one that was opened for this has failed. */
static int with_file(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk,
                     int (*use)(struct cu_storage_env *env, struct cu_storage_job *job, int fd))
{
    struct open_context context = {.env = env, .job = job, .on_disk = on_disk};
    bool local = job->place.traits & CU_FS_LOCAL;
    struct cu_fdcache_file *file;
    int r = -ESTALE;

    for (int left = HELD_TRIES; left > 0 && r && !context.opened; left--) {
        r = cu_fdcache_acquire(env->files, job->path, &job->version, local, open_for_cache,
                               &context, &file);
        if (r)
            break;
        r = use(env, job, cu_fdcache_fd(file));
        cu_fdcache_release(env->files, file, r == 0);
    }
    return stale_if_gone(r);
}

/* Where the job's part of the file is. 0 or a negative errno. */
static int range_of(const struct cu_storage_env *env, const struct cu_storage_job *job,
                    uint64_t *offset, size_t *size)
{
    uint64_t bytes = cu_piece_bytes(env->chunk_bytes, job->piece), left;

    if (job->version.size > INT64_MAX)
        return -EOVERFLOW;
    *offset = job->chunk * env->chunk_bytes + cu_piece_start(env->chunk_bytes, job->piece);
    if (job->chunk > job->version.size / env->chunk_bytes || *offset >= job->version.size)
        return -EINVAL;
    left = job->version.size - *offset;
    *size = left < bytes ? (size_t)left : (size_t)bytes;
    return 0;
}

/* The kernel refuses RWF_NOWAIT where it cannot promise that (EOPNOTSUPP), and where the bytes are
 * not all in its cache (EAGAIN, or fewer bytes). */
static bool read_cached(int fd, struct cu_storage_job *job, uint64_t offset, struct cu_buf *buf)
{
    struct iovec iov = {.iov_base = buf->data, .iov_len = buf->size};
    struct stat st;

    if (preadv2(fd, &iov, 1, (off_t)offset, RWF_NOWAIT) != (ssize_t)buf->size ||
        fstat(fd, &st) < 0 || st.st_size == 0 || compare(&st, &job->version))
        return false;
    job->counts.read++;
    job->counts.bytes += buf->size;
    return true;
}

bool cu_storage_read_at_once(struct cu_storage_env *env, struct cu_storage_job *job)
{
    struct cu_fdcache_file *file;
    struct cu_buf *buf = NULL;
    uint64_t offset;
    size_t size;

    if (range_of(env, job, &offset, &size) < 0 || size > AT_ONCE_BYTES)
        return false;
    file = cu_fdcache_try(env->files, job->path, job->path_len, &job->version);
    if (!file)
        return false;
    buf = cu_buf_new(size);
    if (buf && read_cached(cu_fdcache_fd(file), job, offset, buf)) {
        job->value.version = job->version;
        job->value.hash = cu_hash_bytes(buf->data, size);
        job->value.bytes = cu_buf_ref(buf);
    }
    cu_buf_unref(buf);
    cu_fdcache_untry(env->files, file);
    return job->value.bytes != NULL;
}

static int read_chunk(struct cu_storage_env *env, struct cu_storage_job *job, int fd)
{
    uint64_t offset;
    size_t size;
    int r = range_of(env, job, &offset, &size);

    return r ? r : read_part(job, fd, &job->version, offset, size, &job->value.bytes);
}

int cu_storage_read_chunk(struct cu_storage_env *env, struct cu_storage_job *job,
                          const char *on_disk)
{
    uint64_t offset;
    size_t size;
    int r = range_of(env, job, &offset, &size);

    if (r == 0)
        r = with_file(env, job, on_disk, read_chunk);
    if (r)
        return r;
    job->value.version = job->version;
    job->value.hash = cu_hash_bytes(job->value.bytes->data, job->value.bytes->size);
    return 0;
}

/* Where the next data or hole begins; at most size. When storage cannot tell, the range counts as
 * data. */
static uint64_t seek(int fd, uint64_t at, int whence, uint64_t size)
{
    off_t to = lseek(fd, (off_t)at, whence);

    if (to < 0)
        return whence == SEEK_HOLE || errno == ENXIO ? size : at;
    return (uint64_t)to < size ? (uint64_t)to : size;
}

/* Are the first and the last bytes of what storage calls a hole zeros? A file system in user space
 * may have no idea where data is, and still answer. */
static bool is_hole(int fd, struct cu_hole hole)
{
    uint64_t size = hole.end - hole.start;
    uint8_t bytes[HOLE_SAMPLE];
    size_t part = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
    const uint64_t at[] = {hole.start, hole.end - part};

    for (size_t i = 0; i < 2; i++) {
        ssize_t n = pread(fd, bytes, part, (off_t)at[i]);

        for (ssize_t j = 0; j < n; j++)
            if (bytes[j] != 0)
                return false;
    }
    return true;
}

static int list_holes(int fd, uint64_t size, struct cu_buf **list)
{
    unsigned looked_at = 0;
    uint64_t at = 0;
    int r = 0;

    while (at < size && r == 0) {
        uint64_t data = seek(fd, at, SEEK_DATA, size);
        struct cu_hole hole = {.start = at, .end = data};

        if (data > at && looked_at++ < HOLES_LOOKED_AT && !is_hole(fd, hole)) {
            cu_buf_unref(*list); /* its answers about this file are not used */
            *list = NULL;
            return 0;
        }
        if (data > at)
            r = cu_holes_append(list, hole);
        at = data < size ? seek(fd, data, SEEK_HOLE, size) : size;
        if (at <= data)
            break; /* it contradicts itself, or the file is over */
    }
    return r == -E2BIG ? 0 : r; /* the rest is data */
}

static int find_holes(struct cu_storage_env *env, struct cu_storage_job *job, int fd)
{
    struct stat st;
    int r = 0;

    (void)env;
    if (fstat(fd, &st))
        return -errno;
    if (st.st_size > 0) /* else: a size that storage does not know */
        r = list_holes(fd, job->version.size, &job->value.bytes);
    if (r == 0)
        r = check_version(job, fd, &job->version, false);
    if (r) {
        cu_buf_unref(job->value.bytes);
        job->value.bytes = NULL;
    }
    return r;
}

int cu_storage_find_holes(struct cu_storage_env *env, struct cu_storage_job *job,
                          const char *on_disk)
{
    struct cu_value *value = &job->value;
    int r;

    if (job->version.size > INT64_MAX)
        return -EOVERFLOW;
    job->counts.holes++;
    r = with_file(env, job, on_disk, find_holes);
    if (r)
        return r;
    value->version = job->version;
    if (value->bytes)
        value->hash = cu_hash_bytes(value->bytes->data, value->bytes->size);
    return 0;
}
