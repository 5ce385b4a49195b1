/* SPDX-License-Identifier: BSD-3-Clause */
/* How slow and how broken the emulated storage is.
 *
 * Two queues, one for metadata operations, one for bytes: each is the time at which its server will
 * be idle. An operation takes its slot with one compare-and-swap and sleeps until the slot's end
 * and the latency are over: a bounded service rate that all threads, and all processes that map the
 * same file, share. A lookup or fstat that succeeds is free: a storage client has the inner
 * components and open files at hand; what it asks the server is the operation itself. */
#include "pfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct queues {
    _Atomic uint64_t op_idle_ns; /* CLOCK_REALTIME: nodes differ in the others */
    _Atomic uint64_t data_idle_ns;
};

struct fault {
    struct fault *next;
    enum cu_pfs_kind kind; /* CU_PFS_KINDS: all */
    int error;             /* 0: hang */
    char path[];
};

static struct queues *queues;
static _Atomic uint64_t latency_us;
static _Atomic uint64_t data_latency_us;
static _Atomic uint64_t rate_ops;
static _Atomic uint64_t bandwidth_bytes;
static _Atomic uint64_t charge_lookups;

static const char *const quirk_names[CU_PFS_QUIRKS] = {
    [CU_PFS_QUIRK_AHEAD] = "ahead",
    [CU_PFS_QUIRK_BLKSIZE] = "blksize",
    [CU_PFS_QUIRK_COARSE] = "coarse",
    [CU_PFS_QUIRK_CTIME_DRIFT] = "ctime_drift",
    [CU_PFS_QUIRK_CUT_ON] = "cut_on",
    [CU_PFS_QUIRK_NORMAL] = "normal",
    [CU_PFS_QUIRK_EMPTY_LINKS] = "empty_links",
    [CU_PFS_QUIRK_HIDDEN] = "hidden",
    [CU_PFS_QUIRK_INO_DRIFT] = "ino_drift",
    [CU_PFS_QUIRK_INO_EPOCH] = "ino_epoch",
    [CU_PFS_QUIRK_INO_PER_MOUNT] = "ino_per_mount",
    [CU_PFS_QUIRK_LONG_NAMES] = "long_names",
    [CU_PFS_QUIRK_MANY_NAMES] = "many_names",
    [CU_PFS_QUIRK_NO_DTYPE] = "no_dtype",
    [CU_PFS_QUIRK_NOCASE] = "nocase",
    [CU_PFS_QUIRK_SIZE0] = "size0",
    [CU_PFS_QUIRK_STILL_DIRS] = "still_dirs",
    [CU_PFS_QUIRK_SHORT_SIZES] = "short_sizes",
};

static _Atomic uint64_t quirks[CU_PFS_QUIRKS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct fault *faults; /* guarded by lock */
static _Atomic unsigned n_faults;
static unsigned hanging; /* guarded by lock */

int cu_pfs_shape_init(const char *file)
{
    int flags = MAP_SHARED;
    int fd = -1;

    if (file) {
        fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return -errno;
        if (ftruncate(fd, sizeof *queues) != 0) {
            int error = errno;
            close(fd);
            return -error;
        }
    } else {
        flags |= MAP_ANONYMOUS;
    }
    queues = mmap(NULL, sizeof *queues, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (fd >= 0)
        close(fd);
    return queues == MAP_FAILED ? -errno : 0;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void wait_until(uint64_t end_ns)
{
    struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000U),
                           .tv_nsec = (long)(end_ns % 1000000000U)};

    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL) == EINTR)
        ;
}

/* The end of a slot of service_ns in the queue. */
static uint64_t take_slot(_Atomic uint64_t *idle_ns, uint64_t service_ns)
{
    uint64_t idle = atomic_load(idle_ns);
    uint64_t end;

    do {
        uint64_t now = now_ns();
        end = (idle > now ? idle : now) + service_ns;
    } while (!atomic_compare_exchange_weak(idle_ns, &idle, end));
    return end;
}

static const struct fault *find_fault(enum cu_pfs_kind kind, const char *path)
{
    const struct fault *fault = faults;

    while (fault &&
           ((fault->kind != CU_PFS_KINDS && fault->kind != kind) || strcmp(fault->path, path) != 0))
        fault = fault->next;
    return fault;
}

static int pass_faults(enum cu_pfs_kind kind, const char *path)
{
    const struct fault *fault;
    int error = 0;

    if (atomic_load(&n_faults) == 0)
        return 0;
    pthread_mutex_lock(&lock);
    while ((fault = find_fault(kind, path)) && fault->error == 0) {
        hanging++;
        pthread_cond_wait(&changed, &lock);
        hanging--;
    }
    if (fault)
        error = fault->error;
    pthread_mutex_unlock(&lock);
    return -error;
}

int cu_pfs_gate(enum cu_pfs_kind kind, const char *path)
{
    uint64_t rate = atomic_load(&rate_ops);
    bool data = kind == CU_PFS_READ;
    uint64_t delay_us = atomic_load(data ? &data_latency_us : &latency_us);
    bool is_free = (kind == CU_PFS_LOOKUP && atomic_load(&charge_lookups) == 0) ||
                   kind == CU_PFS_FSTAT || kind >= CU_PFS_COUNTED;

    if (!is_free && (delay_us > 0 || (rate > 0 && !data))) {
        uint64_t start =
            rate > 0 && !data ? take_slot(&queues->op_idle_ns, 1000000000U / rate) : now_ns();
        wait_until(start + delay_us * 1000U);
    }
    return pass_faults(kind, path);
}

void cu_pfs_pace(uint64_t bytes)
{
    uint64_t bandwidth = atomic_load(&bandwidth_bytes);

    if (bandwidth > 0)
        wait_until(take_slot(&queues->data_idle_ns, bytes * 1000000000U / bandwidth));
}

int cu_pfs_set(const char *name, uint64_t value)
{
    static const struct {
        const char *name;
        _Atomic uint64_t *value;
    } settings[] = {
        {"latency_us", &latency_us},
        {"data_latency_us", &data_latency_us},
        {"rate_ops", &rate_ops},
        {"bandwidth_bytes", &bandwidth_bytes},
        {"charge_lookups", &charge_lookups},
    };

    if (strcmp(name, "paths") == 0) {
        cu_pfs_count_set_paths(value != 0);
        return 0;
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(name, settings[i].name) == 0) {
            atomic_store(settings[i].value, value);
            return 0;
        }
    }
    return -EINVAL;
}

uint64_t cu_pfs_quirk(enum cu_pfs_quirk quirk)
{
    return atomic_load(&quirks[quirk]);
}

int cu_pfs_quirk_set(const char *word)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    char *end = NULL;
    uint64_t value = equals ? strtoull(equals + 1, &end, 10) : 1;

    if (equals && (!equals[1] || *end))
        return -EINVAL;
    for (unsigned quirk = 0; quirk < CU_PFS_QUIRKS; quirk++) {
        if (strlen(quirk_names[quirk]) == len && strncmp(quirk_names[quirk], word, len) == 0) {
            atomic_store(&quirks[quirk], value);
            return 0;
        }
    }
    return -EINVAL;
}

/* After ENOSYS the kernel does without the operation: it sends no open any more, and calls reads
 * with a file that was never opened. */
static bool ends_the_operation(enum cu_pfs_kind kind)
{
    return kind == CU_PFS_OPEN || kind == CU_PFS_READDIR || kind == CU_PFS_KINDS;
}

int cu_pfs_fault_add(const char *path, enum cu_pfs_kind kind, int error)
{
    size_t size = strlen(path) + 1;
    struct fault *fault;

    if (error == ENOSYS && ends_the_operation(kind))
        return -EINVAL;
    fault = calloc(1, sizeof *fault + size);
    if (!fault)
        return -ENOMEM;
    fault->kind = kind;
    fault->error = error;
    memcpy(fault->path, path, size);
    pthread_mutex_lock(&lock);
    fault->next = faults; /* the newest is found first, so it replaces older ones */
    faults = fault;
    atomic_fetch_add(&n_faults, 1);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return 0;
}

void cu_pfs_fault_remove(const char *path, bool hang)
{
    struct fault **link = &faults;

    pthread_mutex_lock(&lock);
    while (*link) {
        struct fault *fault = *link;
        if ((fault->error == 0) == hang && (!path || strcmp(fault->path, path) == 0)) {
            *link = fault->next;
            free(fault);
            atomic_fetch_sub(&n_faults, 1);
        } else {
            link = &fault->next;
        }
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

unsigned cu_pfs_hanging(void)
{
    unsigned n;

    pthread_mutex_lock(&lock);
    n = hanging;
    pthread_mutex_unlock(&lock);
    return n;
}
