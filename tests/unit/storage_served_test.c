/* SPDX-License-Identifier: BSD-3-Clause */
/* File systems as they are mounted: in a mount namespace of its own, which needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/served.h"

#include "host/readfile.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static char top[] = "/tmp/cu-served-XXXXXX";
static struct cu_served *served;

static const char *at(const char *name)
{
    static char paths[4][128];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof(paths[turn]), "%s%s", top, name);
    return paths[turn];
}

static int group_setup(void **state)
{
    (void)state;
    if (!mkdtemp(top) || unshare(CLONE_NEWNS) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mkdir(at("/a"), 0755) ||
        mkdir(at("/b"), 0755) || mkdir(at("/p"), 0755) || mkdir(at("/o"), 0755))
        return -1;
    served = cu_served_create("/", "/nowhere:partial");
    return served ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    cu_served_destroy(served);
    umount2(at("/a"), MNT_DETACH);
    umount2(at("/b"), MNT_DETACH);
    umount2(at("/p"), MNT_DETACH);
    rmdir(at("/a"));
    rmdir(at("/b"));
    rmdir(at("/p"));
    umount2(at("/o"), MNT_DETACH);
    rmdir(at("/o"));
    return rmdir(top);
}

static void mount_tmpfs(const char *name)
{
    int fd;

    assert_int_equal(mount("t", at(name), "tmpfs", 0, "size=1m"), 0);
    fd = open(strcat(strcpy((char[128]){0}, at(name)), "/file"), O_CREAT | O_WRONLY | O_CLOEXEC,
              0644);
    assert_true(fd >= 0);
    close(fd);
}

/* 0 and the number shown, or -errno; *st as storage has it. */
static int number_of(const char *path, struct stat *st, uint64_t *number)
{
    struct cu_served_place place;
    int rc;

    cu_served_enter(served, path, strlen(path), &place);
    rc = place.traits & CU_FS_NOT_SERVED ? -ENOENT : cu_served_stat(served, &place, path, st);
    if (rc == 0)
        *number = cu_served_number(served, &place, st);
    cu_served_leave(&place);
    return rc;
}

static void a_mount_counts_from_when_it_is_there(void **state)
{
    uint64_t number, before, a, b;
    struct stat st, st_a, st_b;

    (void)state;
    assert_int_equal(number_of("/", &st, &number), 0);
    assert_int_equal(number, st.st_ino);
    assert_int_equal(number_of(at("/a"), &st, &before), 0);
    mount_tmpfs("/a");
    mount_tmpfs("/b");
    assert_int_equal(number_of(at("/a"), &st, &number), 0);
    assert_true(number != before && number != st.st_ino);
    assert_int_equal(number_of(at("/a/file"), &st_a, &a), 0);
    assert_int_equal(number_of(at("/b/file"), &st_b, &b), 0);
    assert_int_equal(st_a.st_ino, st_b.st_ino);
    assert_true(a != b && a != st_a.st_ino);
    assert_int_equal((uint32_t)a, (uint32_t)st_a.st_ino);
    assert_int_equal(umount(at("/b")), 0);
    assert_int_equal(number_of(at("/b/file"), &st, &number), -ENOENT);
}

static void what_is_hidden_is_known_before_it_is_touched(void **state)
{
    uint64_t number = 1;
    struct cu_served_place place;
    struct stat st;

    (void)state;
    assert_int_equal(mount("none", at("/p"), "proc", 0, NULL) ? errno : 0, 0);
    assert_int_equal(number_of(at("/p"), &st, &number), -ENOENT);
    assert_int_equal(number_of(at("/p/self"), &st, &number), -ENOENT);
    cu_served_enter(served, top, strlen(top), &place);
    assert_true(cu_served_points(&place) != 0);
    assert_true(cu_served_point(&place, "p", 1, &number));
    assert_int_equal(number, 0);
    assert_false(cu_served_point(&place, "b", 1, &number));
    cu_served_leave(&place);
    assert_int_equal(umount(at("/p")), 0);
    assert_int_equal(number_of(at("/p"), &st, &number), 0);
}

static unsigned traits_of(const char *path)
{
    struct cu_served_place place;
    unsigned traits;

    cu_served_enter(served, path, strlen(path), &place);
    traits = place.traits;
    cu_served_leave(&place);
    return traits;
}

static void note(const char *path, bool folds)
{
    struct cu_served_place place;

    cu_served_enter(served, path, strlen(path), &place);
    assert_true(place.traits & CU_FS_PROBE);
    cu_served_probed(served, &place, folds);
    assert_int_equal(place.traits & CU_FS_PARTIAL ? 1 : 0, folds);
    cu_served_leave(&place);
}

/* On an overlay, of which only a test can tell. False: the kernel has none. */
static bool mount_overlay(void)
{
    char options[256];

    snprintf(options, sizeof(options), "lowerdir=%s/p:%s/b", top, top);
    return mount("overlay", at("/o"), "overlay", 0, options) == 0;
}

static void what_was_tried_is_remembered_while_it_is_mounted(void **state)
{
    struct cu_served_place place;

    (void)state;
    if (!mount_overlay())
        skip();
    note(at("/o"), true);
    assert_int_equal(traits_of(at("/o")) & (CU_FS_PARTIAL | CU_FS_PROBE), CU_FS_PARTIAL);
    assert_int_equal(traits_of(at("/o/below")) & (CU_FS_PARTIAL | CU_FS_PROBE), CU_FS_PARTIAL);
    /* Another one gets its device number, and nobody has asked for anything meanwhile. */
    assert_int_equal(umount(at("/o")), 0);
    assert_true(mount_overlay());
    assert_int_equal(traits_of(at("/o")) & (CU_FS_PARTIAL | CU_FS_PROBE), CU_FS_PROBE);
    note(at("/o"), false);
    assert_int_equal(traits_of(at("/o")) & (CU_FS_PARTIAL | CU_FS_PROBE), 0);
    /* What was tried before a change is not noted after it. */
    cu_served_enter(served, at("/o"), strlen(at("/o")), &place);
    mount_tmpfs("/b");
    cu_served_probed(served, &place, true);
    assert_true(place.traits & CU_FS_PARTIAL);
    cu_served_leave(&place);
    assert_int_equal(traits_of(at("/o")) & (CU_FS_PARTIAL | CU_FS_PROBE), CU_FS_PROBE);
    assert_int_equal(umount(at("/b")), 0);
    assert_int_equal(umount(at("/o")), 0);
}

static atomic_bool stop;

static void *ask(void *context)
{
    unsigned long *asked = context;
    char path[128];

    snprintf(path, sizeof(path), "%s/b/file", top);
    while (!atomic_load(&stop)) {
        struct cu_served_place place;

        cu_served_enter(served, path, strlen(path), &place);
        assert_non_null(place.mount);
        cu_served_leave(&place);
        ++*asked;
    }
    return NULL;
}

static void many_ask_while_mounts_come_and_go(void **state)
{
    pthread_t threads[3];
    unsigned long asked[3] = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &asked[i]), 0);
    for (unsigned i = 0; i < 50; i++) {
        mount_tmpfs("/b");
        assert_int_equal(umount2(at("/b"), MNT_DETACH), 0);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

/* --- the table is read while others ask ------------------------------------------------------- */

/* The next read of the table stops, with the text as it is then, until it is let on. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    bool armed, held;
    unsigned waiting; /* threads that wait for who reads */
    unsigned reads;
    pthread_t reader; /* of the last one */
} reading = {.mutex = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __real_cu_readfile_all(int fd, size_t max, char **text, size_t *size);
int __wrap_cu_readfile_all(int fd, size_t max, char **text, size_t *size);

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    if (cond != &reading.moved) {
        pthread_mutex_lock(&reading.mutex);
        reading.waiting++;
        pthread_cond_broadcast(&reading.moved);
        pthread_mutex_unlock(&reading.mutex);
    }
    return __real_pthread_cond_wait(cond, mutex);
}

int __wrap_cu_readfile_all(int fd, size_t max, char **text, size_t *size)
{
    int rc = __real_cu_readfile_all(fd, max, text, size);

    pthread_mutex_lock(&reading.mutex);
    reading.reads++;
    reading.reader = pthread_self();
    if (reading.armed) {
        reading.armed = false;
        reading.held = true;
        pthread_cond_broadcast(&reading.moved);
        while (reading.held)
            __real_pthread_cond_wait(&reading.moved, &reading.mutex);
    }
    pthread_mutex_unlock(&reading.mutex);
    return rc;
}

static void hold_next(void)
{
    pthread_mutex_lock(&reading.mutex);
    reading.armed = true;
    reading.waiting = 0;
    pthread_mutex_unlock(&reading.mutex);
}

static void until_held(void)
{
    pthread_mutex_lock(&reading.mutex);
    while (!reading.held)
        __real_pthread_cond_wait(&reading.moved, &reading.mutex);
    pthread_mutex_unlock(&reading.mutex);
}

static void until_waiting(unsigned count)
{
    pthread_mutex_lock(&reading.mutex);
    while (reading.waiting < count)
        __real_pthread_cond_wait(&reading.moved, &reading.mutex);
    pthread_mutex_unlock(&reading.mutex);
}

static void let_on(void)
{
    pthread_mutex_lock(&reading.mutex);
    reading.held = false;
    pthread_cond_broadcast(&reading.moved);
    pthread_mutex_unlock(&reading.mutex);
}

/* A worker: looks at the directory, and what is in it. */
struct worker {
    pthread_t thread;
    char path[128];
    int rc;
    uint64_t number;
    struct stat st;
};

static void *work(void *context)
{
    struct worker *worker = context;

    worker->rc = number_of(worker->path, &worker->st, &worker->number);
    return NULL;
}

static void start_worker(struct worker *worker, const char *name)
{
    snprintf(worker->path, sizeof(worker->path), "%s", at(name));
    assert_int_equal(pthread_create(&worker->thread, NULL, work, worker), 0);
}

/* One reads, and meanwhile more is mounted: what asks from then on gets that, or nothing that is
 * hidden; who may not wait gets an answer at once. */
static void mounts_that_come_while_the_table_is_read_count_at_once(void **state)
{
    struct worker first = {.rc = 1}, second = {.rc = 1}, hidden = {.rc = 1};
    dev_t before;

    (void)state;
    before = cu_served_device(served, at("/b"), strlen(at("/b")));
    assert_int_equal(mount("t", at("/o"), "tmpfs", 0, NULL), 0);
    assert_true(cu_served_stale(served));
    hold_next();
    start_worker(&first, "/b");
    until_held();
    mount_tmpfs("/b");
    assert_int_equal(mount("none", at("/p"), "proc", 0, NULL), 0);
    start_worker(&second, "/b/file");
    start_worker(&hidden, "/p/self");
    until_waiting(2);
    assert_true(cu_served_stale(served));
    assert_int_equal(cu_served_device(served, at("/b"), strlen(at("/b"))), before);
    let_on();
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    pthread_join(hidden.thread, NULL);
    assert_int_equal(first.rc, 0);
    assert_true(first.st.st_dev != before && first.number != first.st.st_ino);
    assert_int_equal(second.rc, 0);
    assert_true(second.number != second.st.st_ino);
    assert_int_equal(hidden.rc, -ENOENT);
    assert_false(cu_served_stale(served));
    assert_int_equal(cu_served_device(served, at("/b"), strlen(at("/b"))), first.st.st_dev);
    assert_int_equal(umount(at("/p")), 0);
    assert_int_equal(umount(at("/b")), 0);
    assert_int_equal(umount(at("/o")), 0);
}

static void on_done(void *context, uint64_t id, const struct cu_value *value)
{
    (void)context, (void)id, (void)value;
}

static void on_updated(void *context)
{
    ++*(unsigned *)context;
}

/* The loop asks, and a worker reads. */
static void the_loop_does_not_read_the_table(void **state)
{
    static uint64_t counters[CU_COUNTER_COUNT];
    struct cu_storage_config config = {
        .chunk_bytes = 1 << 18, .counters = counters, .updated = on_updated};
    struct cu_storage *storage;
    unsigned updated = 0;
    struct stat st;
    uint64_t before;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    config.loop = &loop;
    storage = cu_storage_create(&config, &updated, on_done, NULL);
    assert_non_null(storage);
    before = cu_storage_space(storage, at("/b"), strlen(at("/b")));
    mount_tmpfs("/b");
    assert_int_equal(stat(at("/b"), &st), 0);
    reading.reads = 0;
    hold_next();
    assert_int_equal(cu_storage_space(storage, at("/b"), strlen(at("/b"))), before);
    until_held();
    assert_int_equal(cu_storage_space(storage, at("/b"), strlen(at("/b"))), before);
    assert_false(cu_storage_knows(storage));
    let_on();
    while (updated == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(cu_storage_knows(storage));
    assert_int_equal(cu_storage_space(storage, at("/b"), strlen(at("/b"))), st.st_dev);
    assert_int_equal(updated, 1);
    assert_int_equal(reading.reads, 1);
    assert_false(pthread_equal(reading.reader, pthread_self()));
    cu_storage_destroy(storage);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(umount(at("/b")), 0);
}

static void count_mount(void *context, const struct cu_fsmap_mount *mount, unsigned traits)
{
    unsigned *counts = context;

    (void)traits;
    counts[0]++;
    counts[1] += strncmp(mount->info.point, top, strlen(top)) == 0;
}

static void all_that_can_be_reached_are_told(void **state)
{
    unsigned counts[2] = {0};

    (void)state;
    cu_served_update(served);
    cu_served_each(served, count_mount, counts);
    assert_true(counts[0] > 1);
    assert_int_equal(counts[1], 1); /* a */
}

static void mounting_needs_root(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest no_tests[] = {cmocka_unit_test(mounting_needs_root)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mount_counts_from_when_it_is_there),
        cmocka_unit_test(what_is_hidden_is_known_before_it_is_touched),
        cmocka_unit_test(what_was_tried_is_remembered_while_it_is_mounted),
        cmocka_unit_test(many_ask_while_mounts_come_and_go),
        cmocka_unit_test(mounts_that_come_while_the_table_is_read_count_at_once),
        cmocka_unit_test(the_loop_does_not_read_the_table),
        cmocka_unit_test(all_that_can_be_reached_are_told),
    };

    if (geteuid() != 0)
        return cmocka_run_group_tests(no_tests, NULL, NULL);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
