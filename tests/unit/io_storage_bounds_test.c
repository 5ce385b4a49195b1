/* Storage at its bounds: what is over one fails, or is left out and counted; all else is served. */
#include "base/path.h"
#include "storage_tree.h"

#include <sys/xattr.h>

#define LEVEL 200 /* bytes of a name */

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

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_setup, bounds_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(long_paths_are_reached_in_steps),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
