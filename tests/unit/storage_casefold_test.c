/* SPDX-License-Identifier: BSD-3-Clause */
/* Directories that do not tell case apart. Few kernels have one, so fstatat(2) and ioctl(2) are
 * replaced in this program by ones that answer as there. */
#include "storage/casefold.h"

#include "base/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "own_mounts.h"
#include "storage_tree.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

#ifndef FS_CASEFOLD_FL
#define FS_CASEFOLD_FL 0x40000000
#endif

static bool folding;     /* fstatat finds a name in either case */
static int stat_error;   /* what fstatat fails with; 0: nothing */
static unsigned tried;   /* calls of fstatat with a bare name */
static int flags;        /* what FS_IOC_GETFLAGS says */
static bool no_flags;    /* it fails */
static char listed[512]; /* a directory of this test */

int __real_fstatat64(int fd, const char *path, struct stat *st, int how);
int __wrap_fstatat64(int fd, const char *path, struct stat *st, int how);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_fstatat64(int fd, const char *path, struct stat *st, int how)
{
    char name[CU_NAME_MAX + 1] = {0};
    int r;

    if (strchr(path, '/') || strlen(path) > CU_NAME_MAX)
        return __real_fstatat64(fd, path, st, how);
    tried++;
    if (stat_error) {
        errno = stat_error;
        return -1;
    }
    r = __real_fstatat64(fd, path, st, how);
    if (r == 0 || !folding)
        return r;
    for (size_t i = 0; path[i]; i++) {
        bool letter = (path[i] >= 'a' && path[i] <= 'z') || (path[i] >= 'A' && path[i] <= 'Z');

        name[i] = letter ? (char)(path[i] ^ 0x20) : path[i];
    }
    return __real_fstatat64(fd, name, st, how);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;

    (void)fd;
    if (request != FS_IOC_GETFLAGS || no_flags) {
        errno = ENOTTY;
        return -1;
    }
    va_start(args, request);
    *va_arg(args, int *) = flags;
    va_end(args);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    folding = no_flags = false;
    stat_error = flags = 0;
    tried = 0;
    strcpy(listed, "/tmp/cu-casefold-XXXXXX");
    return mkdtemp(listed) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(listed, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The answer for a directory with these names, ended by NULL. */
static int answer(const char *const *names)
{
    struct cu_dir_builder *builder = cu_dir_builder_new();
    int dir = open(listed, O_RDONLY | O_DIRECTORY), found;
    struct cu_buf *listing;

    assert_true(dir >= 0);
    assert_non_null(builder);
    for (; *names; names++) {
        struct cu_dirent entry = {
            .ino = 1, .type = DT_REG, .name = *names, .name_len = (uint16_t)strlen(*names)};
        int fd = openat(dir, *names, O_CREAT | O_WRONLY, 0644);

        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(cu_dir_builder_add(builder, &entry), 0);
    }
    listing = cu_dir_builder_finish(builder);
    assert_non_null(listing);
    found = cu_casefold_try(dir, listing);
    cu_buf_unref(listing);
    close(dir);
    return found;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void one_name_in_the_other_case_tells(void **state)
{
    (void)state;
    assert_int_equal(answer(NAMES("17", "Name-1", "other")), 0);
    assert_int_equal(tried, 1);
    folding = true;
    assert_int_equal(answer(NAMES("17", "Name-1", "other")), 1);
    assert_int_equal(tried, 2);
}

static void a_name_that_is_listed_in_both_cases_tells_nothing(void **state)
{
    (void)state;
    folding = true;
    assert_int_equal(answer(NAMES("NAME", "name")), -ENODATA);
    assert_int_equal(tried, 0);
    assert_int_equal(answer(NAMES("NAME", "name", "third")), 1);
}

static void without_a_letter_or_an_answer_nothing_is_known(void **state)
{
    (void)state;
    folding = true;
    assert_int_equal(cu_casefold_try(-1, NULL), -ENODATA);
    assert_int_equal(answer(NAMES("1", "2.3", "_")), -ENODATA);
    assert_int_equal(tried, 0);
    stat_error = EIO;
    assert_int_equal(answer(NAMES("1", "name")), -ENODATA);
    stat_error = EACCES;
    assert_int_equal(answer(NAMES("1", "name")), -ENODATA);
}

static void the_flag_is_the_directorys(void **state)
{
    (void)state;
    assert_false(cu_casefold_flag(0));
    flags = FS_CASEFOLD_FL | FS_SYNC_FL;
    assert_true(cu_casefold_flag(0));
    flags = FS_SYNC_FL;
    assert_false(cu_casefold_flag(0));
    flags = FS_CASEFOLD_FL;
    no_flags = true;
    assert_false(cu_casefold_flag(0));
}

/* Storage as a whole, on a file system of a type that is asked for the flag, and on one that is
 * tried. */
static int mounts_setup(void **state)
{
    own_mounts();
    folding = no_flags = false;
    stat_error = flags = 0;
    tried = 0;
    if (tree_setup(state))
        return -1;
    make_dir("/flag");
    make_dir("/lower");
    make_dir("/lower/a");
    make_dir("/lower/b");
    make_dir("/probe");
    make_dir("/lower/a/17");
    make_file("/lower/a/17/name", 1);
    make_dir("/lower/a/18");
    make_file("/lower/a/18/1", 1);
    return mount("t", at("/flag"), "tmpfs", 0, "size=1m");
}

static int mounts_teardown(void **state)
{
    umount2(at("/flag"), MNT_DETACH);
    umount2(at("/probe"), MNT_DETACH);
    return tree_teardown(state);
}

static bool partial(const char *path)
{
    assert_int_equal(run_kind(CU_KIND_DIR, path), 0);
    return done.value.partial;
}

static void a_listing_with_the_flag_proves_nothing(void **state)
{
    (void)state;
    make_dir("/flag/dir");
    make_file("/flag/dir/name", 1);
    assert_false(partial("/flag/dir"));
    flags = FS_CASEFOLD_FL;
    assert_true(partial("/flag/dir"));
    flags = 0;
    assert_false(partial("/flag/dir")); /* each directory for itself */
    assert_int_equal(tried, 0);
}

/* False, and the test is skipped, where the kernel has no overlays. */
static bool mount_overlay(void)
{
    char options[256];

    snprintf(options, sizeof(options), "lowerdir=%s/lower/a:%s/lower/b", root, root);
    return mount("overlay", at("/probe"), "overlay", 0, options) == 0;
}

static void what_was_tried_holds_while_it_is_mounted(void **state)
{
    (void)state;
    if (!mount_overlay())
        skip();
    folding = true;
    assert_false(partial("/probe/18")); /* no name to try with */
    assert_true(partial("/probe/17"));
    assert_int_equal(tried, 1);
    assert_true(partial("/probe/18"));
    folding = false;
    assert_true(partial("/probe/17"));
    assert_int_equal(tried, 1);
    /* Mounted anew it is tried anew. */
    assert_int_equal(umount2(at("/probe"), MNT_DETACH), 0);
    assert_true(mount_overlay());
    assert_false(partial("/probe/17"));
    assert_int_equal(tried, 2);
    folding = true;
    assert_false(partial("/probe/17"));
    assert_int_equal(tried, 2);
}

static void mounting_needs_root(void **state)
{
    (void)state;
    skip();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define M(name) cmocka_unit_test_setup_teardown(name, mounts_setup, mounts_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_name_in_the_other_case_tells),
        T(a_name_that_is_listed_in_both_cases_tells_nothing),
        T(without_a_letter_or_an_answer_nothing_is_known),
        T(the_flag_is_the_directorys),
    };
    const struct CMUnitTest mounted[] = {
        M(a_listing_with_the_flag_proves_nothing),
        M(what_was_tried_holds_while_it_is_mounted),
    };
    const struct CMUnitTest none[] = {cmocka_unit_test(mounting_needs_root)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (geteuid() != 0)
        return failed + cmocka_run_group_tests(none, NULL, NULL);
    return failed + cmocka_run_group_tests(mounted, NULL, NULL);
}
