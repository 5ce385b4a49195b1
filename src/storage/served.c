/* SPDX-License-Identifier: BSD-3-Clause */
/* The mount table, kept up to date. The kernel marks an open mountinfo file (POLLPRI, proc(5)) when
 * mounts have come or gone since it was last polled, so that it needs to be read only then. Each
 * such mark is counted by who polls it. A table is of the changes that were counted before it was
 * read; who enters waits until it is of all that were counted when he came. One thread reads,
 * without the mutex; so who does not wait is held up by nothing but a few memory accesses.
 *
 * Invariants: `table` is replaced as a whole; its users hold a reference, or the mutex. Only
 * cu_served_stat and cu_served_space access a mounted file system; they are called for places that
 * are served only. */
#include "storage/served.h"

#include "base/path.h"
#include "proto/pathno.h"
#include "storage/devprobe.h"
#include "storage/served_table.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_TRIES 4   /* when mounts change while the table is read */
#define ROOTS_MAX  64u /* subvolumes whose place is remembered */

enum found { NOT_TRIED, FOUND_NO, FOUND_YES };

/* The results of tests on a file system. */
struct probe {
    dev_t dev;
    uint64_t made_of;      /* the mount's: cu_served_made_of */
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
    pthread_cond_t was_read;       /* reading has become false */
    bool reading;                  /* guarded by mutex, as all below: a thread reads the table */
    uint64_t changes;              /* of the table that were seen, and 1 at first */
    uint64_t table_of;             /* those that table is of */
    struct cu_served_table *table; /* reference, or NULL */
    struct probe *probes;
    size_t probe_count;
    struct device_root roots[ROOTS_MAX];
    unsigned next_root;
};

/* --- the table -------------------------------------------------------------------------------- */

/* With the mutex. */
static void count_change(struct cu_served *served)
{
    struct pollfd poll_fd = {.fd = served->fd, .events = POLLPRI};

    if (poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLPRI | POLLERR)))
        served->changes++;
}

/* The number of a device that is gone may be another one's at once. What is known of inode numbers
 * holds for what the table says to be the same; case, one lstat(2), is tried again. */
static void drop_probes(struct cu_served *served)
{
    size_t kept = 0;

    for (size_t i = 0; i < served->probe_count; i++) {
        struct probe probe = served->probes[i];

        probe.folds = NOT_TRIED;
        if (probe.unnumbered != NOT_TRIED &&
            cu_served_table_has(served->table, probe.dev, probe.made_of))
            served->probes[kept++] = probe;
    }
    served->probe_count = kept;
    for (unsigned i = 0; i < ROOTS_MAX; i++) {
        free(served->roots[i].path);
        served->roots[i].path = NULL;
    }
}

/* With the mutex, which others may have meanwhile. */
static void read_table(struct cu_served *served)
{
    struct cu_served_table *table = NULL, *next;
    uint64_t table_of = 0, of;

    served->reading = true;
    for (int left = READ_TRIES; left > 0 && table_of != served->changes; left--) {
        of = served->changes;
        pthread_mutex_unlock(&served->mutex);
        next = cu_served_table_read(served->fd, served->main, served->rules);
        if (next) {
            cu_served_table_drop(table);
            table = next;
            table_of = of;
        }
        pthread_mutex_lock(&served->mutex);
        count_change(served);
        if (!next)
            break;
    }
    served->reading = false;
    if (table) {
        next = served->table;
        served->table = table;
        served->table_of = table_of;
        drop_probes(served);
        table = next;
    }
    pthread_cond_broadcast(&served->was_read);
    pthread_mutex_unlock(&served->mutex);
    cu_served_table_drop(table); /* takes a while */
    pthread_mutex_lock(&served->mutex);
}

/* The same. Returns when the table has what was mounted at the call. One that cannot be read now is
 * tried again at the next call. */
static void catch_up(struct cu_served *served)
{
    uint64_t changes;

    count_change(served);
    changes = served->changes;
    while (served->fd >= 0 && served->table_of < changes) {
        if (served->reading) {
            pthread_cond_wait(&served->was_read, &served->mutex);
            continue;
        }
        read_table(served);
        if (served->table_of < changes)
            return;
    }
}

void cu_served_update(struct cu_served *served)
{
    pthread_mutex_lock(&served->mutex);
    catch_up(served);
    pthread_mutex_unlock(&served->mutex);
}

bool cu_served_stale(struct cu_served *served)
{
    bool stale;

    pthread_mutex_lock(&served->mutex);
    count_change(served);
    stale = served->fd >= 0 && served->table_of < served->changes;
    pthread_mutex_unlock(&served->mutex);
    return stale;
}

/* With the mutex. */
static const struct cu_fsmap_mount *mount_there(const struct cu_served *served, const char *path,
                                                size_t len)
{
    return served->table ? cu_fsmap_find(served->table->map, path, len) : NULL;
}

dev_t cu_served_device(struct cu_served *served, const char *path, size_t len)
{
    const struct cu_fsmap_mount *mount;
    dev_t dev;

    pthread_mutex_lock(&served->mutex);
    mount = mount_there(served, path, len);
    dev = mount ? mount->info.dev : 0;
    pthread_mutex_unlock(&served->mutex);
    return dev;
}

bool cu_served_shows(struct cu_served *served, const char *path, size_t len)
{
    const struct cu_fsmap_mount *mount;
    bool shows;

    pthread_mutex_lock(&served->mutex);
    mount = mount_there(served, path, len);
    shows = !mount || !(mount->traits & CU_FS_NOT_SERVED);
    pthread_mutex_unlock(&served->mutex);
    return shows;
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
    pthread_cond_init(&served->was_read, NULL);
    served->changes = 1;
    served->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    cu_served_update(served);
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
    cu_served_table_drop(served->table);
    for (unsigned i = 0; i < ROOTS_MAX; i++)
        free(served->roots[i].path);
    free(served->probes);
    free(served->main);
    free(served->rules);
    pthread_cond_destroy(&served->was_read);
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
    catch_up(served);
    place->table = cu_served_table_ref(served->table);
    if (place->table) {
        place->map = place->table->map;
        place->mount = cu_fsmap_find(place->map, path, len);
    }
    if (place->mount)
        place->traits = traits_now(served, place->mount);
    pthread_mutex_unlock(&served->mutex);
}

void cu_served_leave(struct cu_served_place *place)
{
    cu_served_table_drop(place->table);
    place->table = NULL;
    place->map = NULL;
    place->mount = NULL;
}

/* With the mutex. NULL: no memory, or mounts have changed since: it is tried again. */
static struct probe *probe_for(struct cu_served *served, const struct cu_served_place *place)
{
    struct probe *probe, *larger;

    catch_up(served);
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
    *probe = (struct probe){.dev = place->mount->info.dev,
                            .made_of = cu_served_made_of(&place->mount->info)};
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
    for (size_t i = 0; served->table && i < cu_fsmap_count(served->table->map); i++) {
        const struct cu_fsmap_mount *mount = cu_fsmap_at(served->table->map, i);

        if (mount->visible)
            fn(context, mount, traits_now(served, mount));
    }
    pthread_mutex_unlock(&served->mutex);
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
