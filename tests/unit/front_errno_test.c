/* SPDX-License-Identifier: BSD-3-Clause */
/* Errnos of storage on their way to a process: each is told, none ends a request without an answer,
 * and none of one file switches an operation off for the whole mount. */
#include "front_node.h"

#include <sys/syscall.h>
#include <sys/xattr.h>

static struct node node;
static _Atomic int wrong, wrong_list, wrong_value,
    wrong_link; /* what calls for ROOT("/odd/...") fail with; 0: they do not */

static bool fails(const char *path, int with)
{
    int error = strstr(path, "/odd/") ? with : 0;

    errno = error;
    return error != 0;
}

int lstat(const char *path, struct stat *st)
{
    return fails(path, wrong) ? -1 : fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

ssize_t llistxattr(const char *path, char *list, size_t size)
{
    return fails(path, wrong_list) ? -1 : syscall(SYS_llistxattr, path, list, size);
}

ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size)
{
    return fails(path, wrong_value) ? -1 : syscall(SYS_lgetxattr, path, name, value, size);
}

ssize_t readlink(const char *path, char *to, size_t size)
{
    if (strstr(path, "/root/odd/empty"))
        return 0;
    return fails(path, wrong_link) ? -1 : readlinkat(AT_FDCWD, path, to, size);
}

static int setup(void **state)
{
    struct node_config config = {.enoent_ttl_ms = 0, .chunk_bytes = 4096};
    struct cu_error err = {0};
    char root[PATH_MAX], mount_dir[PATH_MAX];

    *state = NULL;
    if (!node_can_mount())
        return 0;
    node_base_make();
    assert_int_equal(mkdir(ROOT("/odd"), 0755), 0);
    node_write(ROOT("/odd/file"), 10, 1);
    node_write(ROOT("/file"), 10, 1);
    assert_int_equal(symlink("target", ROOT("/odd/empty")), 0);
    config.root = strcpy(root, ROOT(""));
    config.mount = strcpy(mount_dir, MOUNT(""));
    if (node_start(&node, &config, &err) < 0)
        fail_msg("%s", err.text);
    *state = &node;
    return 0;
}

static int teardown(void **state)
{
    wrong = wrong_list = wrong_value = wrong_link = 0;
    if (!*state)
        return 0;
    node_stop(&node);
    node_base_remove();
    return 0;
}

#define NEED_MOUNT                                                                                 \
    do {                                                                                           \
        if (!*state)                                                                               \
            skip();                                                                                \
    } while (0)

/* A lookup of a name that is not known yet. */
static void each_errno_of_a_lookup_is_answered(void **state)
{
    struct stat st;

    NEED_MOUNT;
    assert_int_equal(stat(MOUNT("/odd"), &st), 0);
    for (int error = 1; error < 600; error++) {
        wrong = error;
        assert_int_equal(stat(MOUNT("/odd/file"), &st), -1);
        if (error < 134)
            assert_int_equal(errno, error);
        assert_in_range(errno, 1, 511);
    }
    wrong = 0;
    assert_int_equal(stat(MOUNT("/odd/file"), &st), 0);
}

/* Attributes are asked for by the kernel, too, and would be gone for all files. */
static void no_errno_switches_attributes_off(void **state)
{
    char list[64];

    NEED_MOUNT;
    if (setxattr(ROOT("/file"), "user.a", "b", 1, 0) < 0)
        skip();
    for (int error = 1; error < 600; error++) {
        if (error == ENODATA)
            continue;
        wrong_list = error;
        assert_int_equal(listxattr(MOUNT("/odd/file"), list, sizeof(list)), -1);
        assert_int_not_equal(errno, ENOSYS);
        assert_int_equal(getxattr(MOUNT("/odd/file"), "user.a", list, sizeof(list)), -1);
        assert_int_not_equal(errno, ENOSYS);
        wrong_list = 0;
        assert_int_equal(getxattr(MOUNT("/file"), "user.a", list, sizeof(list)), 1);
    }
}

/* It fails alone, and not for longer than storage says so. */
static void a_value_that_cannot_be_read_is_asked_for_again(void **state)
{
    char value[8], name[32];

    NEED_MOUNT;
    for (int error = 1; error < 134; error++) {
        if (error == ENODATA || error == ERANGE || error == EINTR || error == ENOSYS)
            continue;
        snprintf(name, sizeof(name), "/odd/file%d", error);
        node_write(ROOT(name), 1, 1);
        if (setxattr(ROOT(name), "user.a", "b", 1, 0) < 0)
            skip();
        wrong_value = error;
        assert_int_equal(getxattr(MOUNT(name), "user.a", value, sizeof(value)), -1);
        assert_int_equal(errno, error);
        wrong_value = 0;
        assert_int_equal(getxattr(MOUNT(name), "user.a", value, sizeof(value)), 1);
    }
}

static void a_link_may_be_empty(void **state)
{
    char text[16];
    struct stat st;

    NEED_MOUNT;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fstatat(AT_FDCWD, MOUNT("/odd/empty"), &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(st.st_size, 0);
        assert_int_equal(readlinkat(AT_FDCWD, MOUNT("/odd/empty"), text, sizeof(text)), 0);
    }
}

/* Who reads it gets the errno, for as long as storage says so. */
static void a_link_that_cannot_be_read_is_there(void **state)
{
    char text[16], name[32];
    struct stat st;

    NEED_MOUNT;
    for (int error = 1; error < 134; error++) {
        if (error == EINTR)
            continue;
        snprintf(name, sizeof(name), "/odd/link%d", error);
        assert_int_equal(symlink("target", ROOT(name)), 0);
        wrong_link = error;
        assert_int_equal(fstatat(AT_FDCWD, MOUNT(name), &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(st.st_size, 6);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(readlinkat(AT_FDCWD, MOUNT(name), text, sizeof(text)), -1);
            assert_int_equal(errno, error);
        }
        wrong_link = 0;
        assert_int_equal(readlinkat(AT_FDCWD, MOUNT(name), text, sizeof(text)), 6);
        assert_memory_equal(text, "target", 6);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(each_errno_of_a_lookup_is_answered),
        TEST(no_errno_switches_attributes_off),
        TEST(a_value_that_cannot_be_read_is_asked_for_again),
        TEST(a_link_may_be_empty),
        TEST(a_link_that_cannot_be_read_is_there),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
