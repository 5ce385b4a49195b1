/* SPDX-License-Identifier: BSD-3-Clause */
/* The FUSE front as processes see it: a real mount over real storage, as a job with one node. Each
 * fact is compared with what storage itself says. */
#include "front_node.h"

#include "copper/ioctl.h"

#include <dirent.h>
#include <dlfcn.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define CHUNK NODE_CHUNK_BYTES

static struct node node;
static bool mounted, has_xattrs;

static const size_t sizes[] = {0,     1,         4095,          4096,   CHUNK - 1,
                               CHUNK, CHUNK + 1, 3 * CHUNK + 5, 2621440};

static const char *size_name(size_t size)
{
    static char name[32];

    snprintf(name, sizeof(name), "/size-%zu", size);
    return name;
}

/* A program and a library, to be run from the mount. */
static void copy_programs(void)
{
    char command[3 * PATH_MAX];

    snprintf(command, sizeof(command), "cp /bin/true %s && cp -L $(ldconfig -p | sed -n %s) %s",
             ROOT("/true"), "'s|.*libz.so.1 .*=> ||p;T;q'", ROOT("/lib.so"));
    assert_int_equal(system(command), 0);
}

static void make_tree(void)
{
    copy_programs();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        node_write(ROOT(size_name(sizes[i])), sizes[i], 3);
    assert_int_equal(mkdir(ROOT("/d"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/d/sub"), 0750), 0);
    node_write(ROOT("/d/file"), 100, 1);
    assert_int_equal(link(ROOT("/d/file"), ROOT("/d/hard")), 0);
    assert_int_equal(symlink("../d/file", ROOT("/d/soft")), 0);
    assert_int_equal(symlink("/nowhere/at all", ROOT("/dangling")), 0);
    assert_int_equal(mkfifo(ROOT("/fifo"), 0600), 0);
    assert_int_equal(mkdir(ROOT("/x"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/x/a"), 0755), 0);
    node_write(ROOT("/x/a/secret"), 1, 0);
    node_write(ROOT("/x/a-b"), 7, 0);
    assert_int_equal(mkdir(ROOT("/odd"), 0755), 0);
    node_write(ROOT("/odd/ \n\t\x01\xff\"'\\*"), 5, 0);
    node_write(ROOT("/mode"), 5, 0);
    assert_int_equal(chmod(ROOT("/mode"), 04711), 0);
    node_write(ROOT("/with-xattr"), 1, 0);
    has_xattrs = setxattr(ROOT("/with-xattr"), "user.first", "one", 3, 0) == 0 &&
                 setxattr(ROOT("/with-xattr"), "user.empty", "", 0, 0) == 0;
}

static int group_setup(void **state)
{
    struct node_config config = {.hidden = "/x/a", .enoent_ttl_ms = 60000};
    struct cu_error err = {0};

    (void)state;
    if (!node_can_mount())
        return 0;
    node_base_make();
    make_tree();
    config.root = strdup(ROOT(""));
    config.mount = strdup(MOUNT(""));
    if (node_start(&node, &config, &err) < 0)
        fail_msg("%s", err.text);
    free((char *)config.root);
    free((char *)config.mount);
    mounted = true;
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    if (!mounted)
        return 0;
    node_stop(&node);
    assert_int_equal(access(MOUNT("/d"), F_OK), -1); /* it is gone */
    node_base_remove();
    return 0;
}

struct testee {
    void (*test)(void **state);
};

/* A set-up that skips would be an error to cmocka. */
static void if_mounted(void **state)
{
    const struct testee *testee = *state;

    if (!mounted)
        skip();
    testee->test(state);
}

static void files_hold_their_bytes(void **state)
{
    unsigned char *bytes = malloc(3u << 20);

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        int fd = open(MOUNT(size_name(sizes[i])), O_RDONLY | O_CLOEXEC);
        size_t got = 0;
        ssize_t n;

        assert_true(fd >= 0);
        while ((n = read(fd, bytes + got, (3u << 20) - got)) > 0)
            got += (size_t)n;
        assert_int_equal(n, 0);
        assert_int_equal(got, sizes[i]);
        for (size_t at = 0; at < got; at++)
            if (bytes[at] != node_byte(at, 3))
                fail_msg("byte %zu of %zu is wrong", at, sizes[i]);
        close(fd);
    }
    free(bytes);
}

static void compare_stat(const char *path)
{
    struct stat a, b;

    assert_int_equal(lstat(ROOT(path), &a), 0);
    assert_int_equal(lstat(MOUNT(path), &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_equal(a.st_mode, b.st_mode);
    assert_int_equal(a.st_nlink, b.st_nlink);
    assert_int_equal(a.st_uid, b.st_uid);
    assert_int_equal(a.st_gid, b.st_gid);
    assert_int_equal(a.st_size, b.st_size);
    assert_int_equal(a.st_blocks, b.st_blocks);
    assert_int_equal(a.st_blksize, b.st_blksize);
    assert_memory_equal(&a.st_mtim, &b.st_mtim, sizeof(a.st_mtim));
    assert_memory_equal(&a.st_ctim, &b.st_ctim, sizeof(a.st_ctim));
}

static void attributes_are_those_of_storage(void **state)
{
    static const char *const paths[] = {"",
                                        "/d",
                                        "/d/sub",
                                        "/d/file",
                                        "/d/hard",
                                        "/d/soft",
                                        "/mode",
                                        "/dangling",
                                        "/fifo",
                                        "/size-0",
                                        "/odd/ \n\t\x01\xff\"'\\*"};
    struct statvfs a, b;

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        compare_stat(paths[i]);
    assert_int_equal(statvfs(ROOT(""), &a), 0);
    assert_int_equal(statvfs(MOUNT(""), &b), 0);
    assert_int_equal(a.f_blocks, b.f_blocks);
    assert_int_equal(a.f_namemax, b.f_namemax);
    assert_true(b.f_flag & ST_RDONLY);
}

static void links_lead_where_they_did(void **state)
{
    char target[64] = {0};
    struct stat st;

    (void)state;
    assert_int_equal(readlink(MOUNT("/dangling"), target, sizeof(target)), 15);
    assert_string_equal(target, "/nowhere/at all");
    assert_int_equal(readlink(MOUNT("/d/file"), target, sizeof(target)), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(stat(MOUNT("/d/soft"), &st), 0);
    assert_int_equal(st.st_size, 100);
}

/* Both listings in order of name, with types. */
static void compare_listing(const char *path)
{
    struct dirent **a, **b;
    int n = scandir(ROOT(path), &a, NULL, alphasort), m = scandir(MOUNT(path), &b, NULL, alphasort);

    assert_true(n >= 2);
    assert_int_equal(n, m);
    for (int i = 0; i < n; i++) {
        assert_string_equal(a[i]->d_name, b[i]->d_name);
        assert_int_equal(a[i]->d_type, b[i]->d_type);
        if (a[i]->d_name[0] != '.') /* ".." of the root leads elsewhere */
            assert_int_equal(a[i]->d_ino, b[i]->d_ino);
        free(a[i]);
        free(b[i]);
    }
    free(a);
    free(b);
}

static void listings_are_complete(void **state)
{
    (void)state;
    compare_listing("");
    compare_listing("/d");
    compare_listing("/d/sub");
    compare_listing("/odd");
}

static void a_hidden_path_hides_itself_only(void **state)
{
    struct stat st;
    DIR *d;

    (void)state;
    assert_int_equal(stat(MOUNT("/x/a"), &st), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(stat(MOUNT("/x/a/secret"), &st), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(stat(MOUNT("/x/a-b"), &st), 0);
    d = opendir(MOUNT("/x"));
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        assert_string_not_equal(e->d_name, "a");
    closedir(d);
}

static void what_is_not_there_is_answered_here(void **state)
{
    uint64_t before[CU_COUNTER_COUNT], after[CU_COUNTER_COUNT];
    char name[NAME_MAX + 3];
    struct stat st;

    (void)state;
    assert_int_equal(stat(MOUNT("/d/no-0"), &st), -1);
    assert_int_equal(stat(MOUNT("/d/no-1"), &st), -1); /* from here on there is a listing */
    node_counters(&node, before);
    for (int i = 2; i < 100; i++) {
        snprintf(name, sizeof(name), "/d/no-%d", i);
        assert_int_equal(stat(MOUNT(name), &st), -1);
        assert_int_equal(errno, ENOENT);
    }
    node_counters(&node, after);
    assert_int_equal(after[CU_COUNT_hit_negative] - before[CU_COUNT_hit_negative], 98);
    assert_int_equal(after[CU_COUNT_storage_stat], before[CU_COUNT_storage_stat]);
    assert_int_equal(after[CU_COUNT_storage_readdir], before[CU_COUNT_storage_readdir]);
    for (int i = 0; i < 100; i++) { /* now the kernel knows */
        snprintf(name, sizeof(name), "/d/no-%d", i);
        assert_int_equal(stat(MOUNT(name), &st), -1);
    }
    node_counters(&node, before);
    assert_int_equal(after[CU_COUNT_fuse_lookup], before[CU_COUNT_fuse_lookup]);
    memset(name, 'n', sizeof(name));
    name[0] = '/';
    name[NAME_MAX + 2] = '\0';
    assert_int_equal(stat(MOUNT(name), &st), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    name[NAME_MAX + 1] = '\0';
    assert_int_equal(stat(MOUNT(name), &st), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(stat(MOUNT("/d/file/below"), &st), -1);
    assert_int_equal(errno, ENOTDIR);
}

static void use_everything(void)
{
    char bytes[4096], target[64];
    struct stat st;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        int fd = open(MOUNT(size_name(sizes[i])), O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        while (read(fd, bytes, sizeof(bytes)) > 0)
            ;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        close(fd);
    }
    compare_listing("/d");
    compare_listing("");
    assert_true(readlink(MOUNT("/d/soft"), target, sizeof(target)) > 0);
    assert_int_equal(stat(MOUNT("/d/soft"), &st), 0);
    assert_int_equal(stat(MOUNT("/d/none"), &st), -1);
    assert_int_equal(access(MOUNT("/d/file"), R_OK), 0);
    getxattr(MOUNT("/d/file"), "system.posix_acl_access", bytes, sizeof(bytes));
}

static void warm_means_no_request_at_all(void **state)
{
    uint64_t before;

    (void)state;
    uint64_t A[CU_COUNTER_COUNT], B[CU_COUNTER_COUNT];
    use_everything();
    before = node_requests(&node);
    node_counters(&node, A);
    use_everything();
    use_everything();
    node_counters(&node, B);
    for (int i = 0; i < CU_COUNTER_COUNT; i++)
        if (A[i] != B[i])
            printf("%s %lu\n", cu_counter_name(i), B[i] - A[i]);
    assert_int_equal(node_requests(&node), before);
}

static void nothing_can_be_changed(void **state)
{
    struct timespec times[2] = {{0}};
    int dir = open(MOUNT("/d"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_true(dir >= 0);
#define REFUSED(call)                                                                              \
    do {                                                                                           \
        errno = 0;                                                                                 \
        assert_int_equal((call), -1);                                                              \
        assert_int_equal(errno, EROFS);                                                            \
    } while (0)
    REFUSED(open(MOUNT("/d/file"), O_WRONLY | O_CLOEXEC));
    REFUSED(open(MOUNT("/d/file"), O_RDWR | O_CLOEXEC));
    REFUSED(open(MOUNT("/d/file"), O_WRONLY | O_TRUNC | O_CLOEXEC));
    REFUSED(open(MOUNT("/d/new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    REFUSED(open(MOUNT("/d"), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
    REFUSED(truncate(MOUNT("/d/file"), 0));
    REFUSED(unlink(MOUNT("/d/file")));
    REFUSED(rmdir(MOUNT("/d/sub")));
    REFUSED(mkdir(MOUNT("/d/new"), 0755));
    REFUSED(mkfifo(MOUNT("/d/new"), 0644));
    REFUSED(symlink("a", MOUNT("/d/new")));
    REFUSED(link(MOUNT("/d/file"), MOUNT("/d/new")));
    REFUSED(rename(MOUNT("/d/file"), MOUNT("/d/new")));
    REFUSED(chmod(MOUNT("/d/file"), 0600));
    REFUSED(chown(MOUNT("/d/file"), 1, 1));
    REFUSED(utimensat(dir, "file", times, 0));
    REFUSED(setxattr(MOUNT("/d/file"), "user.a", "b", 1, 0));
    REFUSED(removexattr(MOUNT("/d/file"), "user.a"));
    REFUSED(access(MOUNT("/d/file"), W_OK));
#undef REFUSED
    close(dir);
    compare_stat("/d/file");
}

static void files_work_as_files(void **state)
{
    const char *big = MOUNT("/size-2621440");
    int fd = open(big, O_RDONLY | O_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 10};
    unsigned char *map, copy[256];
    off_t at = 70000;

    (void)state;
    assert_true(fd >= 0 && out >= 0);
    map = mmap(NULL, 2621440, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    for (size_t i = 2621439; i > 0; i -= 4111 < i ? 4111 : i)
        assert_int_equal(map[i], node_byte(i, 3));
    munmap(map, 2621440);
    assert_int_equal(sendfile(out, fd, &at, sizeof(copy)), sizeof(copy));
    assert_int_equal(pread(out, copy, sizeof(copy), 0), sizeof(copy));
    for (size_t i = 0; i < sizeof(copy); i++)
        assert_int_equal(copy[i], node_byte(70000 + i, 3));
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(flock(fd, LOCK_UN), 0);
    assert_int_equal(fcntl(fd, F_SETLK, &lock), 0);
    lock.l_type = F_UNLCK;
    assert_int_equal(fcntl(fd, F_SETLK, &lock), 0);
    assert_int_equal(lseek(fd, 5, SEEK_DATA), 5);
    assert_int_equal(lseek(fd, 5, SEEK_HOLE), 2621440);
    assert_int_equal(lseek(fd, 2621440, SEEK_DATA), -1);
    assert_int_equal(errno, ENXIO);
    assert_int_equal(access(big, X_OK), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(isatty(fd), 0);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(pread(fd, copy, sizeof(copy), 2621440), 0);
    assert_int_equal(pread(fd, copy, sizeof(copy), 2621430), 10);
    close(fd);
    close(out);
}

static void programs_and_libraries_run(void **state)
{
    void *library;

    (void)state;
    assert_int_equal(system(MOUNT("/true")), 0);
    library = dlopen(MOUNT("/lib.so"), RTLD_NOW);
    if (!library)
        fail_msg("%s", dlerror());
    assert_non_null(dlsym(library, "zlibVersion"));
    dlclose(library);
}

static void extended_attributes_are_those_of_storage(void **state)
{
    const char *path = MOUNT("/with-xattr");
    char value[300] = {0};

    (void)state;
    if (!has_xattrs) {
        print_message("skipped: /tmp has no extended attributes\n");
        skip();
    }
    assert_int_equal(getxattr(path, "user.first", NULL, 0), 3);
    assert_int_equal(getxattr(path, "user.first", value, sizeof(value)), 3);
    assert_memory_equal(value, "one", 3);
    assert_int_equal(getxattr(path, "user.first", value, 2), -1);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(getxattr(path, "user.empty", value, sizeof(value)), 0);
    assert_int_equal(getxattr(path, "user.none", value, sizeof(value)), -1);
    assert_int_equal(errno, ENODATA);
    assert_int_equal(getxattr(path, "system.posix_acl_access", value, sizeof(value)), -1);
    assert_int_equal(errno, ENODATA);
    assert_int_equal(getxattr(path, "security.capability", value, sizeof(value)), -1);
    assert_int_equal(errno, ENODATA);
    assert_int_equal(getxattr(path, "security.selinux", value, sizeof(value)), -1);
    assert_int_equal(errno, EOPNOTSUPP);
    assert_int_equal(listxattr(path, NULL, 0), 22);
    assert_int_equal(listxattr(path, value, 21), -1);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(listxattr(path, value, sizeof(value)), 22);
    assert_int_equal(listxattr(MOUNT("/d/file"), value, sizeof(value)), 0);
}

static void the_counters_can_be_read(void **state)
{
    int root = open(MOUNT(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = open(MOUNT("/d/file"), O_RDONLY | O_CLOEXEC);
    struct copper_counters counters = {0};

    (void)state;
    assert_int_equal(ioctl(root, COPPER_IOC_COUNTERS, &counters), 0);
    assert_int_equal(counters.version, 1);
    assert_int_equal(counters.count, CU_COUNTER_COUNT);
    assert_true(counters.values[CU_COUNT_fuse_lookup] > 0);
    assert_int_equal(ioctl(file, COPPER_IOC_COUNTERS, &counters), -1);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(ioctl(root, _IO('C', 9)), -1);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(ioctl(root, COPPER_IOC_DROP), 0);
    assert_int_equal(atomic_load(&node.dropped), 1);
    close(root);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f)                                                                                       \
    {                                                                                              \
#f, if_mounted, NULL, NULL, &(struct testee)                                               \
        {                                                                                          \
            f                                                                                      \
        }                                                                                          \
    }
        T(files_hold_their_bytes),
        T(attributes_are_those_of_storage),
        T(links_lead_where_they_did),
        T(listings_are_complete),
        T(a_hidden_path_hides_itself_only),
        T(what_is_not_there_is_answered_here),
        T(warm_means_no_request_at_all),
        T(nothing_can_be_changed),
        T(files_work_as_files),
        T(programs_and_libraries_run),
        T(extended_attributes_are_those_of_storage),
        T(the_counters_can_be_read),
#undef T
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
