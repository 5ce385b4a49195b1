/* SPDX-License-Identifier: BSD-3-Clause */
/* File systems as they are mounted: in a mount namespace of its own, which needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/served.h"

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
        cmocka_unit_test(all_that_can_be_reached_are_told),
    };

    if (geteuid() != 0)
        return cmocka_run_group_tests(no_tests, NULL, NULL);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
