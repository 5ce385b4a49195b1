/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage at its bounds: what is over one fails, or is left out and counted; all else is served. */
#include "base/path.h"
#include "storage_tree.h"

#include <sys/xattr.h>

#define LEVEL 200 /* bytes of a name */

/* lstat(2) of this program: a file whose name ends in "over" has a size that off_t does not hold.
 */
int lstat(const char *path, struct stat *st)
{
    size_t len = strlen(path);
    int r = fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);

    if (r == 0 && len > 4 && strcmp(path + len - 4, "over") == 0)
        st->st_size = INT64_MIN + 5;
    return r;
}

static const char first_name[] = "system.posix_acl_access";

/* rm takes steps, nftw(3) does not. */
static int remove_deep(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'/*", root);
    return system(command);
}

static int bounds_teardown(void **state)
{
    return remove_deep() || tree_teardown(state);
}

/* Directories so deep that the path of the last has `len` bytes or a little more; a file "file" and
 * a link "link" in it. The path is the caller's to free. */
static char *make_deep(size_t len)
{
    int fd = open(root, O_PATH | O_DIRECTORY), next;
    char name[LEVEL + 1], *path = calloc(1, len + LEVEL + 16);
    size_t n = 0;

    memset(name, 'd', LEVEL);
    name[LEVEL] = '\0';
    for (; n < len; n += LEVEL + 1) {
        assert_int_equal(mkdirat(fd, name, 0755), 0);
        next = openat(fd, name, O_PATH | O_DIRECTORY);
        assert_true(next >= 0);
        close(fd);
        fd = next;
        sprintf(path + n, "/%s", name);
    }
    next = openat(fd, "file", O_WRONLY | O_CREAT, 0644);
    for (size_t i = 0; i < 100; i++) {
        unsigned char byte = byte_at(i);

        assert_int_equal(write(next, &byte, 1), 1);
    }
    close(next);
    assert_int_equal(symlinkat("file", fd, "link"), 0);
    close(fd);
    return path;
}

static void everything_works_at(size_t len)
{
    char *path = make_deep(len), *end = path + strlen(path);
    struct cu_dir_index index;
    struct cu_version version;

    assert_int_equal(run_kind(CU_KIND_DIR, path), 0);
    assert_int_equal(cu_dir_index_build(&index, done.value.bytes), 0);
    assert_int_equal(index.count, 2);
    cu_dir_index_free(&index);
    assert_int_equal(run_kind(CU_KIND_STATFS, path), 0);
    strcpy(end, "/link");
    assert_int_equal(run_kind(CU_KIND_ATTR, path), 0);
    assert_true(S_ISLNK(done.value.attr.mode));
    assert_memory_equal(done.value.bytes->data, "file", 4);
    strcpy(end, "/file");
    version = version_at(path);
    assert_int_equal(version.size, 100);
    assert_int_equal(run_chunk(path, version, 0), 0);
    check_bytes(done.value.bytes, done.value.hash, 0, 100);
    assert_int_equal(run_kind(CU_KIND_XATTR, path), 0);
    strcpy(end, "/none");
    assert_int_equal(run_kind(CU_KIND_ATTR, path), ENOENT);
    strcpy(end, "/file/none");
    assert_int_equal(run_kind(CU_KIND_ATTR, path), ENOTDIR);
    free(path);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Around the length at which a system call takes no more, and far above. */
static void long_paths_are_reached_in_steps(void **state)
{
    unsigned before = open_descriptors();

    (void)state;
    for (size_t len = CU_PATH_MAX - 3 * LEVEL; len < CU_PATH_MAX + 3 * LEVEL; len += LEVEL) {
        everything_works_at(len);
        assert_int_equal(remove_deep(), 0);
    }
    everything_works_at(3 * CU_PATH_MAX);
    assert_int_equal(remove_deep(), 0);
    everything_works_at(CU_TREE_PATH_MAX - 2 * LEVEL);
    assert_true(open_descriptors() <= before + 4); /* of the files that are kept open */
}

/* --- attributes that no file system at hand can have ------------------------------------------ */

static unsigned attr_count; /* 0: the real calls */
static size_t attr_bytes;   /* of a value */
static int list_errno;
static const char *acl; /* the value of first_name; NULL: as that of the others */
static size_t acl_size;
ssize_t __real_llistxattr(const char *path, char *list, size_t size);
ssize_t __real_lgetxattr(const char *path, const char *name, void *value, size_t size);
ssize_t __wrap_llistxattr(const char *path, char *list, size_t size);
ssize_t __wrap_lgetxattr(const char *path, const char *name, void *value, size_t size);

ssize_t __wrap_llistxattr(const char *path, char *list, size_t size)
{
    size_t n = 0;

    if (attr_count == 0)
        return __real_llistxattr(path, list, size);
    errno = list_errno;
    if (list_errno)
        return -1;
    for (unsigned i = 0; i < attr_count; i++)
        n += (size_t)sprintf(list + n, "user.%05u", i) + 1;
    strcpy(list + n, first_name);
    return (ssize_t)(n + strlen(first_name) + 1);
}

/* "user.00003" cannot be read. */
ssize_t __wrap_lgetxattr(const char *path, const char *name, void *value, size_t size)
{
    if (attr_count == 0)
        return __real_lgetxattr(path, name, value, size);
    if (acl && strcmp(name, first_name) == 0) {
        memcpy(value, acl, acl_size);
        return (ssize_t)acl_size;
    }
    errno = strcmp(name, "user.00003") == 0 ? EIO : ENODATA;
    if (errno == EIO || (strncmp(name, "user.", 5) != 0 && strcmp(name, first_name) != 0))
        return -1;
    memset(value, 'v', attr_bytes);
    return (ssize_t)(attr_bytes < size ? attr_bytes : size);
}

/* How the attribute called name came: 0, its errno, -1 not at all. */
static int came(const char *name)
{
    struct cu_xattr pair;
    size_t cursor = 0;

    while (cu_xattr_next(done.value.bytes, &cursor, &pair) == 1)
        if (pair.name_len == strlen(name) && memcmp(pair.name, name, pair.name_len) == 0)
            return pair.error;
    return -1;
}

static void an_attribute_too_many_fails_alone(void **state)
{
    char name[16];

    (void)state;
    make_file("/file", 1);
    attr_count = 5000;
    attr_bytes = 60000;
    assert_int_equal(run_kind(CU_KIND_XATTR, "/file"), 0);
    assert_int_equal(came(first_name), 0); /* though it is listed last */
    assert_int_equal(came("user.00003"), EIO);
    assert_int_equal(came(""), -1);
    for (unsigned i = 0; i < attr_count; i++) {
        snprintf(name, sizeof(name), "user.%05u", i);
        if (i != 3)
            assert_int_equal(came(name), i < 17 ? 0 : E2BIG);
    }
    assert_int_equal(counters[CU_COUNT_xattrs_over], attr_count - 17);
    attr_count = 0;
}

static void a_list_over_the_bound_leaves_what_the_kernel_asks_for(void **state)
{
    (void)state;
    make_file("/file", 1);
    attr_count = 1;
    attr_bytes = 10;
    list_errno = E2BIG;
    assert_int_equal(run_kind(CU_KIND_XATTR, "/file"), 0);
    assert_int_equal(came(first_name), 0);
    assert_int_equal(came("user.00000"), -1);
    assert_int_equal(came(""), E2BIG);
    list_errno = EOPNOTSUPP;
    assert_int_equal(run_kind(CU_KIND_XATTR, "/file"), EOPNOTSUPP);
    list_errno = 0;
    attr_count = 0;
}

/* The value of first_name is given, and comes as this. */
static void check_acl(const char *given, size_t given_size, const char *shown, size_t shown_size)
{
    struct cu_xattr pair;
    size_t cursor = 0;

    make_file("/file", 1);
    attr_count = 1;
    acl = given;
    acl_size = given_size;
    assert_int_equal(run_kind(CU_KIND_XATTR, "/file"), 0);
    assert_int_equal(cu_xattr_next(done.value.bytes, &cursor, &pair), 1);
    assert_memory_equal(pair.name, first_name, pair.name_len);
    assert_int_equal(pair.value_len, shown_size);
    assert_memory_equal(pair.value, shown, shown_size);
    acl = NULL;
    attr_count = 0;
}

/* Tag, permissions and number of an ACL's entries. */
#define HEADER    "\2\0\0\0"
#define NOBODY    "\xff\xff\xff\xff"
#define OWNER     "\1\0\6\0" NOBODY
#define GROUP_OBJ "\4\0\4\0" NOBODY
#define MASK      "\x10\0\6\0" NOBODY
#define OTHER     "\x20\0\0\0" NOBODY
#define USER_0    "\2\0\4\0\0\0\0\0"
#define GROUP_9   "\10\0\4\0\11\0\0\0"

static void entries_that_name_nobody_are_left_out(void **state)
{
    static const char with[] =
        HEADER OWNER "\2\0\7\0" NOBODY USER_0 GROUP_OBJ GROUP_9 "\10\0\6\0" NOBODY MASK OTHER;
    static const char without[] = HEADER OWNER USER_0 GROUP_OBJ GROUP_9 MASK OTHER;

    (void)state;
    check_acl(with, sizeof(with) - 1, without, sizeof(without) - 1);
    check_acl(without, sizeof(without) - 1, without, sizeof(without) - 1);
    check_acl(HEADER, sizeof(HEADER) - 1, HEADER, sizeof(HEADER) - 1);
    /* What is no ACL stays as it is: of another version, with half an entry, too short. */
    check_acl("\3\0\0\0\2\0\7\0" NOBODY, 12, "\3\0\0\0\2\0\7\0" NOBODY, 12);
    check_acl(with, sizeof(with) - 5, with, sizeof(with) - 5);
    check_acl("\2", 1, "\2", 1);
    check_acl("", 0, "", 0);
}

/* It is never opened: who looks it up gets the errno. */
static void a_size_that_no_offset_reaches_is_refused(void **state)
{
    struct cu_request request = request_of(CU_KIND_ATTR, "/over");

    (void)state;
    make_file("/over", 5);
    make_file("/other", 5);
    assert_int_equal(run(&request), EOVERFLOW);
    request.flags = CU_WANT_CONTENT;
    assert_int_equal(run(&request), EOVERFLOW);
    assert_null(done.value.content);
    /* Nor is it read by who says that it has such a size. */
    assert_int_equal(run_chunk("/over", (struct cu_version){.size = (uint64_t)INT64_MAX + 1}, 0),
                     EOVERFLOW);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/other"), 0);
    assert_int_equal(run_kind(CU_KIND_DIR, "/"), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_setup, bounds_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(long_paths_are_reached_in_steps),
        TEST(an_attribute_too_many_fails_alone),
        TEST(entries_that_name_nobody_are_left_out),
        TEST(a_size_that_no_offset_reaches_is_refused),
        TEST(a_list_over_the_bound_leaves_what_the_kernel_asks_for),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
