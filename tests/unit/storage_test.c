/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage: attributes, links, listings, what is hidden, and the counts. (Contents of files:
 * storage_data_test.c.) */
#include "base/path.h"
#include "storage_tree.h"

#include <limits.h>

#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static void an_attr_is_as_lstat_says(void **state)
{
    struct stat st;

    (void)state;
    make_file("/file", 5000);
    assert_int_equal(chmod(at("/file"), 04751), 0);
    assert_int_equal(link(at("/file"), at("/other")), 0);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/file"), 0);
    assert_int_equal(lstat(at("/file"), &st), 0);
    assert_int_equal(done.value.attr.mode, S_IFREG | 04751);
    assert_int_equal(done.value.attr.nlink, 2);
    assert_int_equal(done.value.attr.uid, st.st_uid);
    assert_int_equal(done.value.attr.gid, st.st_gid);
    assert_int_equal(done.value.attr.ino, st.st_ino);
    assert_int_equal(done.value.attr.size, 5000);
    assert_int_equal(done.value.attr.blocks, st.st_blocks);
    assert_int_equal(done.value.attr.blksize, st.st_blksize);
    assert_int_equal(done.value.attr.mtime.sec, st.st_mtim.tv_sec);
    assert_int_equal(done.value.attr.mtime.nsec, st.st_mtim.tv_nsec);
    assert_int_equal(done.value.attr.ctime.nsec, st.st_ctim.tv_nsec);
    assert_null(done.value.bytes);
    assert_null(done.value.content);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/"), 0);
    assert_true(S_ISDIR(done.value.attr.mode));
    assert_int_equal(counters[CU_COUNT_storage_stat], 2);
    assert_int_equal(counters[CU_COUNT_storage_open], 0);
}

static void every_type_has_its_attr(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(mkfifo(at("/fifo"), 0600), 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/sock", root);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    for (int content = 0; content < 2; content++) {
        struct cu_request request = request_of(CU_KIND_ATTR, "/fifo");

        request.flags = content ? CU_WANT_CONTENT : 0;
        assert_int_equal(run(&request), 0);
        assert_true(S_ISFIFO(done.value.attr.mode));
        assert_null(done.value.content);
    }
    assert_int_equal(run_kind(CU_KIND_ATTR, "/sock"), 0);
    assert_true(S_ISSOCK(done.value.attr.mode));
    if (geteuid() == 0 && mknod(at("/null"), S_IFCHR | 0600, makedev(1, 3)) == 0) {
        assert_int_equal(run_kind(CU_KIND_ATTR, "/null"), 0);
        assert_true(S_ISCHR(done.value.attr.mode));
        assert_int_equal(done.value.attr.rdev, makedev(1, 3));
    }
}

static void what_is_not_there_is_said(void **state)
{
    char name[CU_NAME_MAX + 3];

    (void)state;
    make_file("/file", 1);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/none"), ENOENT);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/file/below"), ENOTDIR);
    assert_int_equal(run_kind(CU_KIND_DIR, "/none"), ENOENT);
    assert_int_equal(run_kind(CU_KIND_DIR, "/file"), ENOTDIR);
    assert_int_equal(run_kind(CU_KIND_XATTR, "/none"), ENOENT);
    assert_int_equal(run_kind(CU_KIND_STATFS, "/none"), ENOENT);
    assert_int_equal(counters[CU_COUNT_storage_errors], 0);
    /* Not a path at all: nobody is asked. */
    assert_int_equal(run_kind(CU_KIND_ATTR, "file"), EINVAL);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/a/../file"), EINVAL);
    assert_int_equal(run_kind(CU_KIND_ATTR, ""), EINVAL);
    assert_int_equal(run_kind((enum cu_kind)77, "/file"), EINVAL);
    memset(name, 'n', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(run_kind(CU_KIND_ATTR, name), EINVAL);
    assert_int_equal(counters[CU_COUNT_storage_stat], 2);
    name[NAME_MAX + 2] = '\0'; /* storage knows its own bound */
    assert_int_equal(run_kind(CU_KIND_ATTR, name), ENAMETOOLONG);
}

static void a_link_brings_its_target(void **state)
{
    char target[4096];

    (void)state;
    assert_int_equal(symlink("../some where/x", at("/link")), 0);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/link"), 0);
    assert_true(S_ISLNK(done.value.attr.mode));
    assert_int_equal(done.value.bytes->size, 15);
    assert_memory_equal(done.value.bytes->data, "../some where/x", 15);
    assert_int_equal(done.value.hash, cu_hash_bytes("../some where/x", 15));
    assert_int_equal(counters[CU_COUNT_storage_readlink], 1);
    memset(target, 't', 4095);
    for (int i = 100; i < 4095; i += 100)
        target[i] = '/';
    target[4095] = '\0';
    assert_int_equal(symlink(target, at("/long")), 0);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/long"), 0);
    assert_int_equal(done.value.attr.size, 4095);
    assert_int_equal(done.value.bytes->size, 4095);
    assert_memory_equal(done.value.bytes->data, target, 4095);
    /* A link is never followed by the last component. */
    make_dir("/dir");
    assert_int_equal(symlink("dir", at("/to-dir")), 0);
    assert_int_equal(run_kind(CU_KIND_DIR, "/to-dir"), ENOTDIR);
    assert_int_equal(run_kind(CU_KIND_STATFS, "/link"), 0); /* though its target is not there */
}

static void a_listing_is_complete(void **state)
{
    struct cu_dir_index index;
    struct cu_dirent entry;
    struct stat st;

    (void)state;
    make_dir("/dir");
    assert_int_equal(run_kind(CU_KIND_DIR, "/dir"), 0);
    assert_non_null(done.value.bytes);
    assert_int_equal(done.value.bytes->size, 0);
    make_file("/dir/b", 0);
    make_dir("/dir/a");
    assert_int_equal(symlink("nowhere", at("/dir/c")), 0);
    make_file("/dir/odd \n\x01\xff\xc3", 0);
    assert_int_equal(run_kind(CU_KIND_DIR, "/dir"), 0);
    assert_int_equal(done.value.hash,
                     cu_hash_bytes(done.value.bytes->data, done.value.bytes->size));
    assert_int_equal(cu_dir_index_build(&index, done.value.bytes), 0);
    assert_int_equal(index.count, 4);
    entry = cu_dir_index_entry(&index, 0);
    assert_int_equal(entry.type, DT_DIR);
    assert_memory_equal(entry.name, "a", 1);
    assert_int_equal(lstat(at("/dir/a"), &st), 0);
    assert_int_equal(entry.ino, st.st_ino);
    assert_int_equal(cu_dir_index_entry(&index, 1).type, DT_REG);
    assert_int_equal(cu_dir_index_entry(&index, 2).type, DT_LNK);
    assert_int_equal(cu_dir_index_find(&index, "odd \n\x01\xff\xc3", 8), 3);
    cu_dir_index_free(&index);
    assert_int_equal(counters[CU_COUNT_storage_readdir], 2);
    assert_int_equal(counters[CU_COUNT_storage_stat], 0); /* names are listed without asking */
}

static void a_large_directory_is_listed(void **state)
{
    const uint32_t count = 50000;
    struct cu_dir_index index;
    char path[64];

    (void)state;
    make_dir("/dir");
    make_file("/file", 0);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "/dir/entry-%u", i);
        assert_int_equal(link(at("/file"), at(path)), 0); /* cheaper than a file each */
    }
    assert_int_equal(run_kind(CU_KIND_DIR, "/dir"), 0);
    assert_int_equal(cu_dir_index_build(&index, done.value.bytes), 0);
    assert_int_equal(index.count, count);
    for (uint32_t i = 0; i < count; i += 777) {
        int length = snprintf(path, sizeof(path), "entry-%u", i);

        assert_true(cu_dir_index_find(&index, path, (size_t)length) >= 0);
    }
    cu_dir_index_free(&index);
}

static int stop; /* atomic */

static void rename_on(void *context)
{
    char to[512];

    snprintf(to, sizeof(to), "%s-renamed", (const char *)context);
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        if (rename(context, to) || rename(to, context))
            abort();
    }
}

/* Listed three times at most, then as it is, to be believed by nobody for long. */
static void a_directory_that_never_rests_is_listed(void **state)
{
    const uint32_t count = 500;
    uint64_t lists = 0;
    uv_thread_t writer;
    char path[256];

    (void)state;
    make_dir("/dir");
    for (uint32_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "/dir/entry-%u", i);
        assert_int_equal(mknod(at(path), S_IFREG | 0600, 0), 0);
    }
    snprintf(path, sizeof(path), "%s", at("/dir/entry-7"));
    stop = 0;
    assert_int_equal(uv_thread_create(&writer, rename_on, path), 0);
    do { /* the writer may have slept all through a listing */
        struct cu_dir_index index;

        lists = counters[CU_COUNT_storage_readdir];
        assert_int_equal(run_kind(CU_KIND_DIR, "/dir"), 0);
        lists = counters[CU_COUNT_storage_readdir] - lists;
        assert_int_equal(cu_dir_index_build(&index, done.value.bytes), 0);
        assert_true(index.count >= count - 1 && index.count <= count + 1);
        cu_dir_index_free(&index);
    } while (done.value.age_ms == 0);
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    uv_thread_join(&writer);
    assert_int_equal(done.value.age_ms, UINT32_MAX);
    assert_int_equal(lists, 3);
}

static void an_unchanged_directory_is_not_listed_again(void **state)
{
    struct cu_request request = request_of(CU_KIND_DIR, "/dir");

    (void)state;
    make_dir("/dir");
    make_file("/dir/a", 0);
    let_stamps_age();
    assert_int_equal(run(&request), 0);
    assert_false(done.value.unchanged);
    request.version = done.value.version;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(&request), 0);
        assert_true(done.value.unchanged);
        assert_null(done.value.bytes);
        assert_true(cu_version_equal(&done.value.version, &request.version));
    }
    assert_int_equal(counters[CU_COUNT_storage_revalidate], 3);
    assert_int_equal(counters[CU_COUNT_storage_readdir], 1);
    assert_int_equal(counters[CU_COUNT_storage_stat], 0);
    make_file("/dir/b", 0);
    assert_int_equal(run(&request), 0);
    assert_false(done.value.unchanged);
    assert_non_null(done.value.bytes);
    assert_int_equal(counters[CU_COUNT_storage_revalidate], 3);
    assert_int_equal(counters[CU_COUNT_storage_readdir], 2);
    assert_int_equal(counters[CU_COUNT_storage_stat], 1);
    assert_int_equal(rename(at("/dir"), at("/gone")), 0);
    assert_int_equal(run(&request), ENOENT);
}

/* Is the last change of the directory so recent that a listing that has just ended began within its
 * tick? On a busy machine it need not be. */
static bool is_fresh(const char *path)
{
    struct timespec now;
    struct stat st;

    assert_int_equal(stat(at(path), &st), 0);
    clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec - st.st_ctim.tv_sec) * 1000000000 + now.tv_nsec - st.st_ctim.tv_nsec <
           20000000;
}

/* Listed within the tick of its last change, a directory may change again under the same stamp:
 * such a version must never be found unchanged, but is the same for the same listing. */
static void a_fresh_directory_is_listed_again(void **state)
{
    struct cu_request request = request_of(CU_KIND_DIR, "/dir");
    struct cu_version first;

    (void)state;
    make_dir("/dir");
    do {
        unlink(at("/dir/a"));
        make_file("/dir/a", 0);
        assert_int_equal(run(&request), 0);
    } while (!is_fresh("/dir"));
    first = done.value.version;
    assert_false(cu_version_is_none(&first));
    request.version = first;
    assert_int_equal(run(&request), 0);
    assert_false(done.value.unchanged);
    make_file("/dir/b", 0);
    assert_int_equal(run(&request), 0);
    assert_false(done.value.unchanged);
    assert_false(cu_version_equal(&first, &done.value.version));
}

static void hidden_paths_are_not_there(void **state)
{
    struct cu_dir_index index;

    (void)state;
    make_dir("/mount");
    make_dir("/mount/copper");
    make_dir("/mount/copper/x");
    make_dir("/mount/copper-b");
    make_dir("/proc");
    make_dir("/process");
    assert_int_equal(run_kind(CU_KIND_ATTR, "/mount/copper"), ENOENT);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/mount/copper/x"), ENOENT);
    assert_int_equal(run_kind(CU_KIND_DIR, "/mount/copper/x"), ENOENT);
    assert_int_equal(run_kind(CU_KIND_DIR, "/proc"), ENOENT);
    assert_int_equal(counters[CU_COUNT_storage_stat], 0);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/mount/copper-b"), 0);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/process"), 0);
    assert_int_equal(run_kind(CU_KIND_DIR, "/mount"), 0);
    assert_int_equal(cu_dir_index_build(&index, done.value.bytes), 0);
    assert_int_equal(index.count, 1);
    assert_int_equal(cu_dir_index_find(&index, "copper-b", 8), 0);
    cu_dir_index_free(&index);
    assert_int_equal(run_kind(CU_KIND_DIR, "/"), 0);
    assert_int_equal(cu_dir_index_build(&index, done.value.bytes), 0);
    assert_int_equal(index.count, 2);
    assert_true(cu_dir_index_find(&index, "proc", 4) < 0);
    cu_dir_index_free(&index);
    assert_int_equal(run_kind(CU_KIND_DIR, "/mount/copper-b"), 0);
}

static void attributes_come_together(void **state)
{
    struct cu_xattr pair;
    bool found_b = false;
    size_t cursor = 0;

    (void)state;
    make_file("/file", 1);
    if (setxattr(at("/file"), "user.a", "", 0, 0) ||
        setxattr(at("/file"), "user.b", "value", 5, 0)) {
        print_message("no user attributes on the file system of /tmp\n");
        skip();
    }
    assert_int_equal(run_kind(CU_KIND_XATTR, "/file"), 0);
    assert_int_equal(done.value.hash,
                     cu_hash_bytes(done.value.bytes->data, done.value.bytes->size));
    while (cu_xattr_next(done.value.bytes, &cursor, &pair) == 1) {
        if (pair.name_len == 6 && memcmp(pair.name, "user.b", 6) == 0) {
            found_b = true;
            assert_int_equal(pair.value_len, 5);
            assert_memory_equal(pair.value, "value", 5);
        }
    }
    assert_true(found_b);
    assert_int_equal(counters[CU_COUNT_storage_xattr], 1);
}

static void statfs_is_as_statvfs_says(void **state)
{
    struct statvfs vfs;

    (void)state;
    assert_int_equal(run_kind(CU_KIND_STATFS, "/"), 0);
    assert_int_equal(statvfs(root, &vfs), 0);
    assert_int_equal(done.value.statfs.bsize, vfs.f_bsize);
    assert_int_equal(done.value.statfs.frsize, vfs.f_frsize);
    assert_int_equal(done.value.statfs.blocks, vfs.f_blocks);
    assert_int_equal(done.value.statfs.files, vfs.f_files);
    assert_int_equal(done.value.statfs.namemax, vfs.f_namemax);
    assert_int_equal(counters[CU_COUNT_storage_statfs], 1);
}

/* In a child that is nobody: what root may, says nothing. Returns the exit status. */
static int denied_things_keep_their_errno(void)
{
    static const struct {
        enum cu_kind kind;
        const char *path;
    } denied[] = {
        {CU_KIND_ATTR, "/secret/file"}, {CU_KIND_DIR, "/secret"}, {CU_KIND_DATA, "/file"}};
    struct cu_storage_config config = storage_config();
    struct cu_request request;

    if (setgid(65534) || setuid(65534) || uv_loop_init(&loop))
        return 2;
    storage = cu_storage_create(&config, &done, on_done, NULL);
    for (int i = 0; i < 3; i++) {
        request = request_of(denied[i].kind, denied[i].path);
        request.version.size = 100; /* the rest is not looked at: it cannot be opened */
        if (run(&request) != EACCES)
            return 10 + i;
    }
    if (counters[CU_COUNT_storage_errors] != 3)
        return 3;
    /* Another's file that may be read: without O_NOATIME, which is its owner's to ask for. */
    request = request_of(CU_KIND_ATTR, "/public");
    request.flags = CU_WANT_CONTENT;
    counters[CU_COUNT_storage_open] = 0;
    if (run(&request) || !done.value.content)
        return 4;
    return counters[CU_COUNT_storage_open] == 1 ? 0 : 5;
}

static void what_is_denied_is_said(void **state)
{
    int status;
    pid_t child;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(root, 0755), 0);
    make_dir("/secret");
    make_file("/secret/file", 1);
    make_file("/file", 100);
    make_file("/public", 100);
    assert_int_equal(chmod(at("/secret"), 0700), 0);
    assert_int_equal(chmod(at("/file"), 0600), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(denied_things_keep_their_errno());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void many_at_once_are_all_answered(void **state)
{
    const unsigned count = 20000;
    struct cu_request request = request_of(CU_KIND_ATTR, "/file");
    const char *oldest_path;
    uint64_t oldest_ns;

    (void)state;
    make_file("/file", 10);
    assert_int_equal(cu_storage_pending(storage, uv_hrtime(), &oldest_ns, &oldest_path), 0);
    for (unsigned i = 0; i < count; i++)
        submit(&request);
    assert_int_equal(cu_storage_pending(storage, uv_hrtime(), &oldest_ns, &oldest_path), count);
    assert_string_equal(oldest_path, "/file");
    assert_true(oldest_ns > 0);
    while (done.count < count)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(counters[CU_COUNT_storage_stat], count);
    assert_int_equal(cu_storage_pending(storage, uv_hrtime(), &oldest_ns, &oldest_path), 0);
    assert_null(oldest_path);
}

static void destroying_drops_what_is_under_way(void **state)
{
    struct cu_request request = request_of(CU_KIND_DIR, "/");

    (void)state;
    for (int i = 0; i < 100; i++)
        submit(&request);
    cu_storage_destroy(storage);
    storage = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(done.count, 0);
}

static void destroy_on_done(void *context, uint64_t id, const struct cu_value *value)
{
    on_done(context, id, value);
    cu_storage_destroy(storage);
    storage = NULL;
}

static void a_result_may_end_the_storage(void **state)
{
    struct cu_storage_config config = storage_config();
    struct cu_request request = request_of(CU_KIND_ATTR, "/");

    (void)state;
    cu_storage_destroy(storage);
    storage = cu_storage_create(&config, &done, destroy_on_done, NULL);
    for (int i = 0; i < 50; i++)
        submit(&request);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(done.count, 1);
    cu_storage_destroy(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)
    static const struct CMUnitTest tests[] = {
        /* first: it forks, and there are no threads yet */
        cmocka_unit_test_setup_teardown(what_is_denied_is_said, bare_tree_setup, tree_teardown),
        TEST(an_attr_is_as_lstat_says),
        TEST(every_type_has_its_attr),
        TEST(what_is_not_there_is_said),
        TEST(a_link_brings_its_target),
        TEST(a_listing_is_complete),
        TEST(a_large_directory_is_listed),
        TEST(a_directory_that_never_rests_is_listed),
        TEST(an_unchanged_directory_is_not_listed_again),
        TEST(a_fresh_directory_is_listed_again),
        TEST(hidden_paths_are_not_there),
        TEST(attributes_come_together),
        TEST(statfs_is_as_statvfs_says),
        TEST(many_at_once_are_all_answered),
        TEST(destroying_drops_what_is_under_way),
        TEST(a_result_may_end_the_storage),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
