/* SPDX-License-Identifier: BSD-3-Clause */
/* The mount table, kept up to date. The kernel marks an open mountinfo file (POLLPRI, proc(5)) when
 * mounts have come or gone since it was last polled, so that it needs to be read only then.
 *
 * Invariants: `table` is replaced as a whole; its users hold a reference. Only cu_served_stat and
 * cu_served_space access a mounted file system; they are called for places that are served only. */
#include "storage/served.h"

#include "base/hash.h"
#include "base/path.h"
#include "host/mounts.h"
#include "host/readfile.h"
#include "proto/pathno.h"
#include "storage/devprobe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TEXT_FIRST 16384u
#define TEXT_MAX   (64u << 20) /* some 400,000 mounts; more are not looked at */
#define READ_TRIES 4           /* retries when mounts change while the table is read */
#define ROOTS_MAX  64u         /* subvolumes whose place is remembered */

struct cu_served_table {
    uint32_t refs; /* atomic */
    struct cu_fsmap *map;
};

enum found { NOT_TRIED, FOUND_NO, FOUND_YES };

/* The results of tests on a file system. */
struct probe {
    dev_t dev;
    uint64_t made_of;      /* the mount's: see made_of */
    enum found folds;      /* case is not told apart */
    enum found unnumbered; /* files show devices of their own */
};

/* The topmost directory of a device that is not its mount's. */
struct device_root {
    uint32_t mount;
    dev_t dev;
    size_t len;
    char *path; /* owned; NULL: free */
};

struct cu_served {
    char *main, *rules;
    int fd; /* of mountinfo, -1: none */
    pthread_mutex_t mutex;
    bool read;                     /* guarded by mutex, as all below: table is of the last change */
    struct cu_served_table *table; /* reference, or NULL */
    struct probe *probes;
    size_t probe_count;
    struct device_root roots[ROOTS_MAX];
    unsigned next_root;
};

static void table_drop(struct cu_served_table *table)
{
    if (!table || __atomic_sub_fetch(&table->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    cu_fsmap_destroy(table->map);
    free(table);
}

/* --- the table -------------------------------------------------------------------------------- */

/* The file behind a loop device, or behind the disk that it is a part of. */
static int backing(dev_t dev, char *path)
{
    static const char *const files[] = {"loop/backing_file", "../loop/backing_file"};

    for (unsigned i = 0; i < 2; i++) {
        char name[128];
        ssize_t n;
        int fd;

        snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), files[i]);
        fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        n = read(fd, path, CU_PATH_MAX - 1);
        close(fd);
        if (n <= 1)
            continue;
        path[path[n - 1] == '\n' ? n - 1 : n] = '\0';
        return 0;
    }
    return -1;
}

static bool changed(const struct cu_served *served)
{
    struct pollfd poll_fd = {.fd = served->fd, .events = POLLPRI};

    return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLPRI | POLLERR));
}

static struct cu_served_table *table_new(const struct cu_served *served)
{
    struct cu_fsmap_config config = {
        .main = served->main, .rules = served->rules, .backing = backing};
    struct cu_served_table *table = calloc(1, sizeof(*table));
    char *text = NULL;

    if (table && lseek(served->fd, 0, SEEK_SET) == 0 &&
        cu_readfile_all(served->fd, CU_MOUNTS_TEXT_MAX, &text, &config.size) == 0) {
        config.text = text;
        table->map = cu_fsmap_create(&config);
    }
    free(text);
    if (!table || !table->map) {
        free(table);
        return NULL;
    }
    table->refs = 1;
    return table;
}

/* Tells file systems apart that got one device number after each other. */
static uint64_t made_of(const struct cu_mountinfo *info)
{
    uint64_t hash = cu_hash_seeded(info->type, strlen(info->type), 0);

    hash = cu_hash_seeded(info->source, strlen(info->source), hash);
    return cu_hash_seeded(info->options, strlen(info->options), hash);
}

/* The number of a device that is gone may be another one's at once. What is known of inode numbers
 * holds for what the table says to be the same; case, one lstat(2), is tried again. */
static void drop_probes(struct cu_served *served)
{
    const struct cu_fsmap *map = served->table->map;
    size_t kept = 0;

    for (size_t i = 0; i < served->probe_count; i++) {
        struct probe probe = served->probes[i];
        bool there = false;

        probe.folds = NOT_TRIED;
        for (size_t k = 0; k < cu_fsmap_count(map) && !there; k++)
            there = cu_fsmap_at(map, k)->info.dev == probe.dev &&
                    made_of(&cu_fsmap_at(map, k)->info) == probe.made_of;
        if (there && probe.unnumbered != NOT_TRIED)
            served->probes[kept++] = probe;
    }
    served->probe_count = kept;
    for (unsigned i = 0; i < ROOTS_MAX; i++) {
        free(served->roots[i].path);
        served->roots[i].path = NULL;
    }
}

/* Mutex held. A table that cannot be read now is tried again at the next call. */
static void update(struct cu_served *served)
{
    if (served->fd < 0)
        return;
    if (changed(served))
        served->read = false;
    for (int left = READ_TRIES; left > 0 && !served->read; left--) {
        struct cu_served_table *table = table_new(served);

        if (!table)
            return;
        table_drop(served->table);
        served->table = table;
        served->read = !changed(served);
        drop_probes(served);
    }
}

struct cu_served *cu_served_create(const char *main, const char *rules)
{
    struct cu_served *served = calloc(1, sizeof(*served));

    if (!served)
        return NULL;
    served->fd = -1;
    served->main = strdup(main);
    served->rules = strdup(rules ? rules : "");
    if (!served->main || !served->rules || pthread_mutex_init(&served->mutex, NULL)) {
        free(served->main);
        free(served->rules);
        free(served);
        return NULL;
    }
    served->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    update(served);
    if (served->fd < 0 || served->table)
        return served;
    cu_served_destroy(served);
    return NULL;
}

void cu_served_destroy(struct cu_served *served)
{
    if (!served)
        return;
    if (served->fd >= 0)
        close(served->fd);
    table_drop(served->table);
    for (unsigned i = 0; i < ROOTS_MAX; i++)
        free(served->roots[i].path);
    free(served->probes);
    free(served->main);
    free(served->rules);
    pthread_mutex_destroy(&served->mutex);
    free(served);
}

/* --- places ----------------------------------------------------------------------------------- */

static struct probe *probe_of(const struct cu_served *served, dev_t dev)
{
    for (size_t i = 0; i < served->probe_count; i++)
        if (served->probes[i].dev == dev)
            return &served->probes[i];
    return NULL;
}

/* With the mutex. */
static unsigned traits_now(const struct cu_served *served, const struct cu_fsmap_mount *mount)
{
    const unsigned tried = CU_FS_PROBE | CU_FS_PROBE_NUMBERS;
    unsigned traits = mount->traits;
    const struct probe *probe = traits & tried ? probe_of(served, mount->info.dev) : NULL;

    if (probe && (traits & CU_FS_PROBE) && probe->folds != NOT_TRIED)
        traits = (traits & ~CU_FS_PROBE) | (probe->folds == FOUND_YES ? CU_FS_PARTIAL : 0);
    if (probe && (traits & CU_FS_PROBE_NUMBERS) && probe->unnumbered != NOT_TRIED)
        traits = (traits & ~CU_FS_PROBE_NUMBERS) |
                 (probe->unnumbered == FOUND_YES ? CU_FS_UNNUMBERED : 0);
    return traits;
}

void cu_served_enter(struct cu_served *served, const char *path, size_t len,
                     struct cu_served_place *place)
{
    *place = (struct cu_served_place){.path = path, .len = len};
    if (!served)
        return;
    pthread_mutex_lock(&served->mutex);
    update(served);
    place->table = served->table;
    if (place->table) {
        __atomic_add_fetch(&place->table->refs, 1, __ATOMIC_RELAXED);
        place->map = place->table->map;
        place->mount = cu_fsmap_find(place->map, path, len);
    }
    if (place->mount)
        place->traits = traits_now(served, place->mount);
    pthread_mutex_unlock(&served->mutex);
}

void cu_served_leave(struct cu_served_place *place)
{
    table_drop(place->table);
    place->table = NULL;
    place->map = NULL;
    place->mount = NULL;
}

bool cu_served_shows(struct cu_served *served, const char *path, size_t len)
{
    struct cu_served_place place;
    bool shows;

    cu_served_enter(served, path, len, &place);
    shows = !(place.traits & CU_FS_NOT_SERVED);
    cu_served_leave(&place);
    return shows;
}

/* With the mutex. NULL: no memory, or mounts have changed since: it is tried again. */
static struct probe *probe_for(struct cu_served *served, const struct cu_served_place *place)
{
    struct probe *probe, *larger;

    update(served);
    if (place->table != served->table)
        return NULL;
    probe = probe_of(served, place->mount->info.dev);
    if (probe)
        return probe;
    larger = realloc(served->probes, (served->probe_count + 1) * sizeof(*larger));
    if (!larger)
        return NULL;
    served->probes = larger;
    probe = &larger[served->probe_count++];
    *probe = (struct probe){.dev = place->mount->info.dev, .made_of = made_of(&place->mount->info)};
    return probe;
}

void cu_served_probed(struct cu_served *served, struct cu_served_place *place, bool folds)
{
    struct probe *probe;

    if (!place->mount)
        return;
    pthread_mutex_lock(&served->mutex);
    probe = probe_for(served, place);
    if (probe && probe->folds == NOT_TRIED)
        probe->folds = folds ? FOUND_YES : FOUND_NO;
    pthread_mutex_unlock(&served->mutex);
    place->traits = (place->traits & ~CU_FS_PROBE) | (folds ? CU_FS_PARTIAL : 0);
}

void cu_served_try_numbers(struct cu_served *served, struct cu_served_place *place)
{
    struct probe *probe;
    bool unnumbered;

    if (!place->mount || !(place->traits & CU_FS_PROBE_NUMBERS))
        return;
    /* Without a file nothing is known, and paths are always right. */
    unnumbered = cu_devprobe_try(place->map, place->mount) != 0;
    pthread_mutex_lock(&served->mutex);
    probe = probe_for(served, place);
    if (probe && probe->unnumbered == NOT_TRIED)
        probe->unnumbered = unnumbered ? FOUND_YES : FOUND_NO;
    if (probe) /* of two threads that tried, the first one decides */
        unnumbered = probe->unnumbered == FOUND_YES;
    pthread_mutex_unlock(&served->mutex);
    place->traits = (place->traits & ~CU_FS_PROBE_NUMBERS) | (unnumbered ? CU_FS_UNNUMBERED : 0);
}

void cu_served_each(struct cu_served *served,
                    void (*fn)(void *context, const struct cu_fsmap_mount *mount, unsigned traits),
                    void *context)
{
    pthread_mutex_lock(&served->mutex);
    update(served);
    for (size_t i = 0; served->table && i < cu_fsmap_count(served->table->map); i++) {
        const struct cu_fsmap_mount *mount = cu_fsmap_at(served->table->map, i);

        if (mount->visible)
            fn(context, mount, traits_now(served, mount));
    }
    pthread_mutex_unlock(&served->mutex);
}

/* --- stat ------------------------------------------------------------------------------------- */

static void convert(const struct statx *from, struct stat *st)
{
    *st = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor),
        .st_ino = from->stx_ino,
        .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink,
        .st_uid = from->stx_uid,
        .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor),
        .st_size = (off_t)from->stx_size,
        .st_blksize = (blksize_t)from->stx_blksize,
        .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = {from->stx_atime.tv_sec, from->stx_atime.tv_nsec},
        .st_mtim = {from->stx_mtime.tv_sec, from->stx_mtime.tv_nsec},
        .st_ctim = {from->stx_ctime.tv_sec, from->stx_ctime.tv_nsec},
    };
}

/* The stat(2) family leaves an automount at the end of the path alone; statx(2) does not unless
 * told to. What cannot be mounted is shown as the directory that waits for it. */
static int stat_mounting(const char *path, struct stat *st)
{
    struct statx x;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x) == 0) {
        convert(&x, st);
        return 0;
    }
    return errno == ENOENT || lstat(path, st) ? -errno : 0;
}

int cu_served_settle(struct cu_served *served, struct cu_served_place *place, const struct stat *st)
{
    if (!place->mount || st->st_dev == place->mount->info.dev ||
        (place->mount->traits & CU_FS_SUBDEVS))
        return 0;
    /* Another device: a file system was mounted in the meantime. */
    cu_served_leave(place);
    cu_served_enter(served, place->path, place->len, place);
    if (place->traits & CU_FS_NOT_SERVED)
        return -ENOENT;
    cu_served_try_numbers(served, place);
    return 0;
}

int cu_served_stat(struct cu_served *served, struct cu_served_place *place, const char *on_disk,
                   struct stat *st)
{
    int rc;

    assert(!(place->traits & CU_FS_NOT_SERVED));
    if (place->traits & CU_FS_AUTOMOUNT)
        rc = stat_mounting(on_disk, st);
    else
        rc = lstat(on_disk, st) ? -errno : 0;
    return rc ? rc : cu_served_settle(served, place, st);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* Length of the path of the topmost directory, below the mount's own root, that dev is seen
 * through; of the mount's root when that is of dev itself. */
static size_t climb(const struct cu_served_place *place, dev_t dev)
{
    size_t at = place->len, point = place->mount->point_len;
    char path[2 * CU_PATH_MAX];
    struct stat st;

    if (place->len >= sizeof(path))
        return at;
    memcpy(path, place->path, place->len + 1);
    while (at > point) {
        size_t parent = cu_path_parent_len(path, at);

        path[parent > 1 ? parent : 1] = '\0';
        if (lstat(path, &st) || st.st_dev != dev)
            break;
        at = parent;
    }
    return at;
}

static size_t known_root(struct cu_served *served, const struct cu_served_place *place, dev_t dev)
{
    size_t len = 0;

    pthread_mutex_lock(&served->mutex);
    for (unsigned i = 0; i < ROOTS_MAX && len == 0; i++) {
        const struct device_root *root = &served->roots[i];

        if (root->path && root->dev == dev && root->mount == place->mount->info.id &&
            cu_path_within(place->path, place->len, root->path, root->len))
            len = root->len;
    }
    pthread_mutex_unlock(&served->mutex);
    return len;
}

static void keep_root(struct cu_served *served, const struct cu_served_place *place, dev_t dev,
                      size_t len)
{
    char *path = strndup(place->path, len);

    pthread_mutex_lock(&served->mutex);
    free(served->roots[served->next_root].path);
    served->roots[served->next_root] =
        (struct device_root){.mount = place->mount->info.id, .dev = dev, .len = len, .path = path};
    served->next_root = (served->next_root + 1) % ROOTS_MAX;
    pthread_mutex_unlock(&served->mutex);
}

uint64_t cu_served_space(struct cu_served *served, const struct cu_served_place *place,
                         const struct stat *st)
{
    const struct cu_fsmap_mount *mount = place->mount;
    size_t len;

    if (!mount)
        return 0;
    if (st->st_dev == mount->info.dev)
        return mount->space;
    len = known_root(served, place, st->st_dev);
    if (len == 0) {
        len = climb(place, st->st_dev);
        if (len == place->len && !S_ISDIR(st->st_mode)) /* a file of its own device */
            return cu_fsmap_subspace(mount->space, place->path, place->len);
        keep_root(served, place, st->st_dev, len);
    }
    if (len <= mount->point_len)
        return mount->space;
    return cu_fsmap_subspace(mount->space, place->path, len);
}

uint64_t cu_served_number(struct cu_served *served, const struct cu_served_place *place,
                          const struct stat *st)
{
    const struct cu_fsmap_mount *mount = place->mount;

    /* "/" is in no listing, so it keeps storage's number. */
    if (mount && place->len == mount->point_len && place->len > 1)
        return mount->root_ino;
    if (place->traits & CU_FS_UNNUMBERED)
        return cu_pathno_of(place->path, place->len);
    return cu_fsmap_number(cu_served_space(served, place, st), st->st_ino);
}
