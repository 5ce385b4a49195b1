/* SPDX-License-Identifier: BSD-3-Clause */
/* One storage operation from request to value. A failure is a value with its errno, and nothing
 * else in it.
 *
 * Invariants: every path is checked against the hidden paths and looked up in the mount table
 * before it is accessed: a worker that accessed a Copper mount could wait for itself. The last
 * component is never followed when it is a link. Calls are counted as they are made. */
#include "storage/ops.h"

#include "base/error.h"
#include "base/hash.h"
#include "proto/dir.h"
#include "proto/msg.h"
#include "proto/serve.h"
#include "storage/casefold.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIST_TRIES      3
#define LINK_TRIES      3
#define INTERRUPTED_MAX 16u /* EINTR is no answer; but some storage gives no other */
#define GETDENTS_BYTES  65536u

static bool is_hidden(const struct cu_storage_env *env, const char *path, size_t len)
{
    for (size_t i = 0; i < env->hidden_count; i++) {
        if (cu_path_within(path, len, env->hidden[i], strlen(env->hidden[i])))
            return true;
    }
    return cu_serve_judge(env->serve, path, len) == CU_SERVE_NOT;
}

/* The error that a link's target cannot be read for is no error of the link. */
static int set_target(struct cu_storage_job *job, const char *target, size_t len, int error)
{
    struct cu_buf *bytes = error ? cu_target_unread(error) : cu_buf_copy(target, len);

    if (!bytes)
        return -ENOMEM;
    job->counts.errors += error != 0;
    job->value.bytes = bytes;
    job->value.hash = cu_hash_bytes(bytes->data, bytes->size);
    return 0;
}

/* Reads the target of a link into value.bytes. -ESTALE when it is not the link that st describes
 * any more. last: it is, whatever storage says of it; some file systems do not report the target's
 * length in st_size. */
static int read_link(struct cu_storage_job *job, const char *on_disk, const struct stat *st,
                     bool last)
{
    char target[PATH_MAX];
    ssize_t n;

    job->counts.readlink++;
    n = readlink(on_disk, target, sizeof(target));
    if (n < 0 && errno == EINTR)
        return -EINTR;
    if (!last && (n < 0 ? errno == EINVAL || errno == ENOENT : n != st->st_size))
        return -ESTALE;
    if (n < 0)
        return set_target(job, NULL, 0, cu_error_shown(errno));
    if (n >= CU_PATH_MAX) /* no kernel shows such a target */
        return set_target(job, NULL, 0, ENAMETOOLONG);
    return n > 0 ? set_target(job, target, (size_t)n, 0) : 0; /* no bytes */
}

static int run_attr(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk)
{
    struct stat st;
    int r = -ESTALE;

    for (int left = LINK_TRIES; left > 0 && r == -ESTALE; left--) {
        job->counts.stat++;
        r = cu_served_stat(env->served, &job->place, on_disk, &st);
        if (r)
            return r;
        r = S_ISLNK(st.st_mode) ? read_link(job, on_disk, &st, left == 1) : 0;
    }
    if (r)
        return r;
    if (st.st_size < 0)
        return -EOVERFLOW;
    cu_storage_believe(job, &st);
    job->value.attr = cu_storage_attr_of(&st);
    job->value.attr.ino = cu_served_number(env->served, &job->place, &st);
    if (S_ISREG(st.st_mode) && st.st_size == 0 && (job->place.traits & CU_FS_SIZELESS)) {
        r = cu_storage_measure(env, job, on_disk);
        if (r)
            return r;
    }
    if (S_ISREG(st.st_mode) && (job->flags & CU_WANT_CONTENT) && job->value.attr.size > 0 &&
        job->value.attr.size <= env->inline_bytes)
        (void)cu_storage_read_inline(env, job, on_disk); /* the attr alone is an answer, too */
    return 0;
}

/* Names of hidden paths that are entries of the directory. */
struct omitted {
    const char *names[CU_STORAGE_HIDDEN_MAX];
    size_t count;
};

static struct omitted find_omitted(const struct cu_storage_env *env,
                                   const struct cu_storage_job *job)
{
    struct omitted omitted = {.count = 0};

    for (size_t i = 0; i < env->hidden_count; i++) {
        const char *hidden = env->hidden[i];
        size_t parent = cu_path_parent_len(hidden, strlen(hidden));

        if (parent == job->path_len && memcmp(hidden, job->path, parent) == 0)
            omitted.names[omitted.count++] = strrchr(hidden, '/') + 1;
    }
    return omitted;
}

/* A directory that is being listed. */
struct lister {
    struct cu_storage_env *env;
    const struct cu_storage_job *job;
    struct omitted omitted;
    enum cu_serve_what what; /* of it is served */
    int fd;
    bool has_points;  /* some entries may be mount points */
    uint64_t entries; /* cu_served_entries */
    dev_t dev;
    uint32_t left_out; /* names */
    bool cut;          /* over the bound: names that came later are not in it */
};

static struct lister lister_of(struct cu_storage_env *env, const struct cu_storage_job *job, int fd,
                               const struct stat *st)
{
    const struct cu_served_place *place = &job->place;

    return (struct lister){
        .env = env,
        .job = job,
        .omitted = find_omitted(env, job),
        .what = cu_serve_judge(env->serve, job->path, job->path_len),
        .fd = fd,
        .has_points = cu_served_points(place) != 0,
        .entries = cu_served_entries(env->served, place, st),
        .dev = st->st_dev,
    };
}

static bool is_omitted(const struct omitted *omitted, const char *name)
{
    for (size_t i = 0; i < omitted->count; i++) {
        if (strcmp(name, omitted->names[i]) == 0)
            return true;
    }
    return false;
}

/* Is the entry shown? Its number becomes the one that stat shows. */
static bool is_listed(const struct lister *l, struct cu_dirent *entry)
{
    const struct cu_served_place *place = &l->job->place;
    uint64_t ino = entry->ino;
    struct stat st;

    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0 ||
        is_omitted(&l->omitted, entry->name) ||
        !cu_serve_lists(l->env->serve, l->job->path, l->job->path_len, l->what, entry->name))
        return false;
    entry->ino = cu_served_entry(place, l->entries, entry->name, entry->name_len, ino);
    if (l->has_points && cu_served_point(place, entry->name, entry->name_len, &entry->ino))
        return entry->ino != 0;
    /* It is listed with a number that is none of its own, or that others have, too. */
    if (cu_served_strays(place, l->dev, entry->name, entry->name_len, entry->type) &&
        fstatat(l->fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev != l->dev)
        entry->ino = cu_served_entry_number(place, entry->name, entry->name_len, &st);
    return true;
}

/* As getdents64(2) fills it in: glibc's readdir would do the same in half as large steps. */
struct kernel_dirent {
    uint64_t ino;
    int64_t offset;
    unsigned short record_len;
    unsigned char type;
    char name[];
};

/* A name that no listing can have (over CU_NAME_MAX bytes; or a user-space file system's mistake)
 * is counted, and costs the others nothing. */
static int list_entries(struct lister *l, char *buffer, struct cu_dir_builder *builder)
{
    for (;;) {
        long n = syscall(SYS_getdents64, l->fd, buffer, GETDENTS_BYTES);

        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (long at = 0; at < n;) {
            const struct kernel_dirent *d = (const void *)(buffer + at);
            struct cu_dirent entry = {
                .ino = d->ino, .type = d->type <= 15 ? d->type : 0, .name = d->name};
            int r = 0;

            entry.name_len = (uint16_t)strlen(d->name);
            if (is_listed(l, &entry))
                r = cu_dir_builder_add(builder, &entry);
            l->cut = r == -E2BIG;
            if (l->cut)
                return 0;
            if (r == -EINVAL)
                l->left_out++;
            else if (r)
                return r;
            at += d->record_len;
        }
    }
}

static int list_once(struct lister *l, struct cu_buf **out)
{
    struct cu_dir_builder *builder = cu_dir_builder_new();
    char *buffer = malloc(GETDENTS_BYTES);
    int r = -ENOMEM;

    if (!builder || !buffer)
        goto out;
    cu_dir_builder_bound(builder, l->env->listing_bytes_max);
    l->cut = false;
    l->left_out = 0;
    r = lseek(l->fd, 0, SEEK_SET) < 0 ? -errno : 0;
    if (r == 0)
        r = list_entries(l, buffer, builder);
    if (r)
        goto out;
    *out = cu_dir_builder_finish(builder);
    builder = NULL;
    r = *out ? 0 : -ENOMEM;
out:
    free(buffer);
    cu_dir_builder_free(builder);
    return r;
}

/* Will every later change show in the stamp? */
static bool stamp_is_proof(const struct stat *st)
{
    return cu_storage_age_ns(st) >= cu_storage_tick_ns(st);
}

/* A directory that was changed within the current clock tick may change again without a new stamp.
 * Its listing is right, but its version must not equal that of a later state. So it gets a made-up
 * version, which equals only that of the same listing, and no real one. */
static struct cu_version listing_version(const struct cu_served_place *place, const struct stat *st,
                                         bool proven, uint64_t hash)
{
    struct cu_version version =
        cu_served_version(cu_storage_version_of(st), cu_served_points(place));

    if (!proven) {
        version.mtime = (struct cu_time){.sec = INT64_MIN};
        version.ctime = (struct cu_time){.sec = (int64_t)hash};
    }
    return version;
}

/* May names exist that the listing just made does not show? */
static bool is_partial(struct cu_storage_env *env, struct cu_storage_job *job, int fd)
{
    int folds;

    if (job->place.traits & CU_FS_PROBE) {
        folds = cu_casefold_try(fd, job->value.bytes);
        if (folds >= 0)
            cu_served_probed(env->served, &job->place, folds > 0);
    }
    return (job->place.traits & CU_FS_PARTIAL) ||
           ((job->place.traits & CU_FS_FOLD_FLAG) && cu_casefold_flag(fd));
}

static int list_open(int fd, struct cu_storage_env *env, struct cu_storage_job *job)
{
    struct stat before, after;
    bool changed = true, proven = false;
    struct lister lister;
    int settled;

    if (fstat(fd, &after))
        return -errno;
    cu_storage_believe(job, &after);
    settled = cu_served_settle(env->served, &job->place, &after);
    if (settled)
        return settled;
    lister = lister_of(env, job, fd, &after);
    for (int left = LIST_TRIES; left > 0 && changed; left--) {
        struct cu_version was, is;
        int r;

        before = after;
        proven = !(job->place.traits & CU_FS_UNSTAMPED) && stamp_is_proof(&before);
        cu_buf_unref(job->value.bytes);
        job->value.bytes = NULL;
        r = list_once(&lister, &job->value.bytes);
        if (r)
            return r;
        job->counts.readdir++;
        job->counts.names_left_out = lister.left_out;
        job->counts.listings_cut = lister.cut;
        if (fstat(fd, &after))
            return -errno;
        cu_storage_believe(job, &after);
        was = cu_storage_version_of(&before);
        is = cu_storage_version_of(&after);
        changed = !cu_version_equal(&was, &is);
    }
    job->value.hash = cu_hash_bytes(job->value.bytes->data, job->value.bytes->size);
    job->value.version = listing_version(&job->place, &before, proven && !changed, job->value.hash);
    if (changed) /* it changes faster than it can be listed: the result expires at once */
        job->value.age_ms = UINT32_MAX;
    job->value.cut = lister.cut;
    job->value.partial = is_partial(env, job, fd) || lister.cut;
    return 0;
}

/* It was listed again because its stamps prove nothing, and is still the same: the listing need not
 * be sent. */
static void forget_if_same(struct cu_storage_job *job)
{
    if (!cu_version_equal(&job->version, &job->value.version) || !job->value.bytes)
        return;
    cu_buf_unref(job->value.bytes);
    job->value.bytes = NULL;
    job->value.hash = 0;
    job->value.cut = false; /* the asker holds that, too */
    job->value.unchanged = true;
}

static int run_dir(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk)
{
    bool held = !cu_version_is_none(&job->version);
    int fd, r;

    if (held && !(job->place.traits & CU_FS_UNSTAMPED)) {
        struct cu_version version;
        struct stat st;

        if (lstat(on_disk, &st)) {
            job->counts.stat++;
            return -errno;
        }
        cu_storage_believe(job, &st);
        version = listing_version(&job->place, &st, true, 0);
        if (S_ISDIR(st.st_mode) && cu_version_equal(&version, &job->version)) {
            job->counts.revalidate++;
            job->value.version = version;
            job->value.unchanged = true;
            job->value.partial = job->place.traits & CU_FS_PARTIAL;
            return 0;
        }
        job->counts.stat++;
    }
    fd = open(on_disk, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP ? -ENOTDIR : -errno;
    r = list_open(fd, env, job);
    close(fd);
    if (r == 0 && held && (job->place.traits & CU_FS_UNSTAMPED))
        forget_if_same(job);
    return r;
}

static int run_statfs(struct cu_storage_job *job, const char *on_disk)
{
    struct statvfs vfs;
    int fd, r;

    job->counts.statfs++;
    fd = open(on_disk, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = fstatvfs(fd, &vfs) ? -errno : 0;
    close(fd);
    if (r)
        return r;
    job->value.statfs = (struct cu_statfs){
        .bsize = vfs.f_bsize,
        .frsize = vfs.f_frsize,
        .blocks = vfs.f_blocks,
        .bfree = vfs.f_bfree,
        .bavail = vfs.f_bavail,
        .files = vfs.f_files,
        .ffree = vfs.f_ffree,
        .namemax = vfs.f_namemax,
    };
    return 0;
}

/* Calls that do not trigger an automount are asked of what is mounted. */
static int mount_first(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk)
{
    bool triggers = job->kind != CU_KIND_XATTR && job->kind != CU_KIND_STATFS;
    struct stat st;

    if (triggers || !(job->place.traits & CU_FS_AUTOMOUNT))
        return 0;
    return cu_served_stat(env->served, &job->place, on_disk, &st);
}

/* Where nothing is known of the file system. */
static void find_drift(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk)
{
    bool is_file = job->kind == CU_KIND_ATTR || job->kind == CU_KIND_DATA;

    job->drifts = (job->place.traits & CU_FS_SIZELESS) && job->place.mount &&
                  cu_stamps_drift(&env->stamps, job->place.mount, is_file ? on_disk : NULL);
}

static int run_kind(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk)
{
    assert(!(job->place.traits & CU_FS_NOT_SERVED)); /* looked up before it is accessed */
    switch (job->kind) {
    case CU_KIND_ATTR:
        return run_attr(env, job, on_disk);
    case CU_KIND_DIR:
        return run_dir(env, job, on_disk);
    case CU_KIND_DATA:
        return cu_storage_read_chunk(env, job, on_disk);
    case CU_KIND_XATTR:
        return cu_storage_read_xattrs(job, on_disk);
    case CU_KIND_STATFS:
        return run_statfs(job, on_disk);
    case CU_KIND_HOLES:
        return cu_storage_find_holes(env, job, on_disk);
    }
    return -EINVAL;
}

static int run(struct cu_storage_env *env, struct cu_storage_job *job)
{
    char whole[CU_PATH_MAX + CU_TREE_PATH_MAX];
    struct cu_storage_reached reached;
    size_t len;
    int r = -ENOENT;

    if (is_hidden(env, job->path, job->path_len))
        return -ENOENT;
    len = (size_t)snprintf(whole, sizeof(whole), "%s%s", env->root, job->path);
    if (len >= sizeof(whole))
        return -ENAMETOOLONG;
    cu_served_enter(env->served, whole, len, &job->place);
    if (!(job->place.traits & CU_FS_NOT_SERVED)) {
        if (job->kind == CU_KIND_ATTR || job->kind == CU_KIND_DIR)
            cu_served_try_numbers(env->served, &job->place);
        r = cu_storage_reach(whole, len, &reached);
        if (r == 0)
            find_drift(env, job, reached.path);
        if (r == 0)
            r = mount_first(env, job, reached.path);
        if (r == 0)
            r = run_kind(env, job, reached.path);
        cu_storage_leave(&reached);
    }
    cu_served_leave(&job->place);
    return r;
}

void cu_storage_run(struct cu_storage_env *env, struct cu_storage_job *job)
{
    const struct cu_buf *bytes;
    unsigned tries = INTERRUPTED_MAX;
    int r;

    while ((r = run(env, job)) == -EINTR && --tries > 0)
        cu_value_clear(&job->value);
    bytes = job->value.bytes;
    if (r == 0 && env->prepare && !job->own && bytes && bytes->size >= env->prepare_bytes)
        env->prepare(env->prepare_context, job->value.bytes);
    if (r == 0)
        return;
    cu_value_clear(&job->value);
    job->value.error = cu_error_shown(-r);
    r = -job->value.error;
    /* Errors that are answers and not failures: the file does not exist, has changed, or has no
     * attributes. */
    if (r != -ENOENT && r != -ENOTDIR && r != -ESTALE && r != -EOPNOTSUPP)
        job->counts.errors++;
}
