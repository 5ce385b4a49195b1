/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage: contents of files. What a reader gets is what the file held in one version, or ESTALE.
 */
#include "storage_tree.h"

#include "proto/holes.h"
#include "storage/ops.h"

#include <dirent.h>

static unsigned open_below_root(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;
    struct dirent *d;

    assert_non_null(dir);
    while ((d = readdir(dir))) {
        char target[512];
        ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

        if (n > 0 && strncmp(target, root, strlen(root)) == 0)
            count++;
    }
    closedir(dir);
    return count;
}

static void chunks_make_up_the_file(void **state)
{
    struct cu_version version;

    (void)state;
    make_file("/file", 3 * CHUNK + 100);
    version = version_at("/file");
    for (uint32_t i = 0; i < 4; i++) {
        size_t size = i < 3 ? CHUNK : 100;

        assert_int_equal(run_chunk("/file", version, i), 0);
        check_bytes(done.value.bytes, done.value.hash, (size_t)i * CHUNK, size);
        assert_true(cu_version_equal(&done.value.version, &version));
    }
    assert_int_equal(run_chunk("/file", version, 4), EINVAL);
    assert_int_equal(run_chunk("/file", version, UINT32_MAX), EINVAL);
    assert_int_equal(counters[CU_COUNT_storage_open], 1);
    assert_int_equal(counters[CU_COUNT_storage_read], 4);
    assert_int_equal(counters[CU_COUNT_storage_bytes], 3 * CHUNK + 100);
    assert_int_equal(counters[CU_COUNT_storage_stat], 1);
}

static void pieces_are_parts_of_chunks(void **state)
{
    struct cu_request request = request_of(CU_KIND_DATA, "/file");

    (void)state;
    make_file("/file", CHUNK + 100);
    request.version = version_at("/file");
    request.piece = 7; /* the last fourth */
    run(&request);
    assert_int_equal(done.value.error, 0);
    check_bytes(done.value.bytes, done.value.hash, CHUNK / 4 * 3, CHUNK / 4);
    assert_int_equal(counters[CU_COUNT_storage_bytes], CHUNK / 4);
    request.chunk = 1;
    request.piece = 4;
    run(&request);
    assert_int_equal(done.value.error, 0);
    check_bytes(done.value.bytes, done.value.hash, CHUNK, 100);
    request.piece = 5;
    run(&request);
    assert_int_equal(done.value.error, EINVAL);
}

static void whole_chunks_end_with_the_file(void **state)
{
    struct cu_version version;

    (void)state;
    make_file("/file", 2 * CHUNK);
    version = version_at("/file");
    assert_int_equal(run_chunk("/file", version, 1), 0);
    check_bytes(done.value.bytes, done.value.hash, CHUNK, CHUNK);
    assert_int_equal(run_chunk("/file", version, 2), EINVAL);
    make_file("/empty", 0);
    assert_int_equal(run_chunk("/empty", version_at("/empty"), 0), EINVAL);
}

static void chunks_read_at_once_share_one_descriptor(void **state)
{
    struct cu_request request = request_of(CU_KIND_DATA, "/file");

    (void)state;
    make_file("/file", 32 * CHUNK);
    request.version = version_at("/file");
    done.count = 0;
    for (request.chunk = 0; request.chunk < 32; request.chunk++)
        submit(&request);
    while (done.count < 32)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(done.value.error, 0);
    assert_int_equal(counters[CU_COUNT_storage_open], 1);
    assert_int_equal(counters[CU_COUNT_storage_read], 32);
    assert_int_equal(counters[CU_COUNT_storage_bytes], 32 * CHUNK);
    assert_int_equal(open_below_root(), 1);
}

static void descriptors_are_limited_and_closed(void **state)
{
    struct cu_version versions[10];
    char path[32];

    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof(path), "/file%d", i);
        make_file(path, 100);
        versions[i] = version_at(path);
        assert_int_equal(run_chunk(path, versions[i], 0), 0);
    }
    assert_int_equal(open_below_root(), 4);
    assert_int_equal(counters[CU_COUNT_storage_open], 10);
    assert_int_equal(run_chunk("/file9", versions[9], 0), 0); /* still open */
    assert_int_equal(counters[CU_COUNT_storage_open], 10);
    assert_int_equal(run_chunk("/file0", versions[0], 0), 0); /* the longest unused had to go */
    assert_int_equal(counters[CU_COUNT_storage_open], 11);
    cu_storage_destroy(storage);
    storage = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(open_below_root(), 0);
}

static int run_holes(const char *path, struct cu_version version)
{
    struct cu_request request = request_of(CU_KIND_HOLES, path);

    request.version = version;
    return run(&request);
}

/* Every hole that lseek(2) tells is in the list, and nothing else. */
static void check_holes(const char *path)
{
    struct cu_version version = version_at(path);
    int fd = open(at(path), O_RDONLY | O_CLOEXEC);
    uint64_t pos = 0, size = version.size;

    assert_true(fd >= 0);
    assert_int_equal(run_holes(path, version), 0);
    assert_true(cu_version_equal(&done.value.version, &version));
    assert_true(cu_holes_is_valid(done.value.bytes));
    if (done.value.bytes)
        assert_true(done.value.hash ==
                    cu_hash_bytes(done.value.bytes->data, done.value.bytes->size));
    while (pos < size) {
        off_t data = lseek(fd, (off_t)pos, SEEK_DATA);
        uint64_t hole = (uint64_t)lseek(fd, (off_t)pos, SEEK_HOLE);

        assert_int_equal(cu_holes_data_from(done.value.bytes, size, pos),
                         data < 0 ? (int64_t)size : data);
        assert_int_equal(cu_holes_hole_from(done.value.bytes, size, pos), hole);
        if (data < 0)
            break;
        pos = (uint64_t)data > pos ? (uint64_t)data : hole;
    }
    close(fd);
}

static void holes_are_where_storage_has_them(void **state)
{
    struct cu_version version;
    int fd;

    (void)state;
    make_file("/dense", 3 * CHUNK);
    check_holes("/dense");
    make_file("/empty", 0);
    check_holes("/empty");
    make_file("/end", 10);
    assert_int_equal(truncate(at("/end"), INT64_C(20) << 30), 0);
    check_holes("/end");
    make_file("/many", 0);
    fd = open(at("/many"), O_WRONLY | O_CLOEXEC);
    for (off_t i = 0; i < 300; i++)
        assert_int_equal(pwrite(fd, "x", 1, (i + i % 3) * 40960 + 5), 1);
    close(fd);
    check_holes("/many");
    assert_int_equal(counters[CU_COUNT_storage_holes], 4);
    assert_int_equal(counters[CU_COUNT_storage_bytes], 0);
    version = version_at("/many");
    version.size++;
    assert_int_equal(run_holes("/many", version), ESTALE);
    version.size = UINT64_MAX;
    assert_int_equal(run_holes("/many", version), EOVERFLOW);
    assert_int_equal(run_holes("/none", version_at("/many")), ESTALE);
}

/* A file system in user space that says of each file that there is no data in it. With 64-bit
 * offsets, as Copper is built, lseek is this function. */
static bool no_data;

off_t __real_lseek64(int fd, off_t at, int whence);
off_t __wrap_lseek64(int fd, off_t at, int whence);

off_t __wrap_lseek64(int fd, off_t at, int whence)
{
    if (no_data && whence == SEEK_DATA) {
        errno = ENXIO;
        return -1;
    }
    return __real_lseek64(fd, at, whence);
}

static void a_hole_with_content_is_none(void **state)
{
    (void)state;
    no_data = true;
    make_file("/dense", 3 * CHUNK);
    assert_int_equal(run_holes("/dense", version_at("/dense")), 0);
    assert_null(done.value.bytes); /* all is data */
    make_file("/end", 10);         /* content at one end of it is enough */
    assert_int_equal(truncate(at("/end"), 5 * CHUNK), 0);
    assert_int_equal(run_holes("/end", version_at("/end")), 0);
    assert_null(done.value.bytes);
    make_file("/zeros", 0);
    assert_int_equal(truncate(at("/zeros"), 5 * CHUNK), 0);
    assert_int_equal(run_holes("/zeros", version_at("/zeros")), 0);
    assert_non_null(done.value.bytes);
    no_data = false;
}

static void holes_read_as_zeros(void **state)
{
    struct cu_version version;

    (void)state;
    make_file("/file", 10);
    assert_int_equal(truncate(at("/file"), 3 * CHUNK), 0);
    version = version_at("/file");
    assert_int_equal(run_chunk("/file", version, 1), 0);
    assert_int_equal(done.value.bytes->size, CHUNK);
    for (size_t i = 0; i < CHUNK; i++)
        assert_int_equal(done.value.bytes->data[i], 0);
}

/* A file of the largest size there is, on a file system that takes one: the last byte is the last
 * byte, and byte 2^48 (chunk 2^32) not byte 0. */
static void no_chunk_number_is_cut(void **state)
{
    static const off_t far = (off_t)1 << 48, last = INT64_MAX - 1;
    char dir[] = "/dev/shm/cu-storage-XXXXXX", file[64];
    struct cu_version version;
    int fd;

    (void)state;
    if (!mkdtemp(dir))
        skip();
    snprintf(file, sizeof(file), "%s/f", dir);
    fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(symlink(dir, at("/shm")), 0);
    if (ftruncate(fd, INT64_MAX) < 0 || pwrite(fd, "a", 1, 0) != 1 ||
        pwrite(fd, "b", 1, far) != 1 || pwrite(fd, "c", 1, last) != 1) {
        print_message("no file of 2^63 - 1 bytes on /dev/shm\n");
        skip();
    }
    close(fd);
    version = version_at("/shm/f");
    assert_true(version.size == INT64_MAX);
    assert_int_equal(run_chunk("/shm/f", version, 0), 0);
    assert_int_equal(done.value.bytes->data[0], 'a');
    assert_int_equal(run_chunk("/shm/f", version, (uint64_t)far / CHUNK), 0);
    assert_int_equal(done.value.bytes->data[0], 'b');
    assert_int_equal(run_chunk("/shm/f", version, (uint64_t)last / CHUNK), 0);
    assert_int_equal(done.value.bytes->size, CHUNK - 1);
    assert_int_equal(done.value.bytes->data[last % CHUNK], 'c');
    assert_int_equal(run_chunk("/shm/f", version, (uint64_t)last / CHUNK + 1), EINVAL);
    assert_int_equal(run_chunk("/shm/f", version, UINT64_MAX), EINVAL);
    version.size = UINT64_MAX;
    assert_int_equal(run_chunk("/shm/f", version, 1), EOVERFLOW);
    unlink(file);
    rmdir(dir);
}

static void a_shortened_file_is_stale(void **state)
{
    struct cu_version version;

    (void)state;
    make_file("/file", 2 * CHUNK);
    version = version_at("/file");
    assert_int_equal(run_chunk("/file", version, 0), 0);
    assert_int_equal(truncate(at("/file"), CHUNK + 10), 0);
    assert_int_equal(run_chunk("/file", version, 1), ESTALE); /* found by the short read */
    assert_null(done.value.bytes);
    assert_int_equal(run_chunk("/file", version, 0), ESTALE); /* found by the version */
    assert_int_equal(counters[CU_COUNT_storage_errors], 0);
    version = version_at("/file");
    assert_int_equal(run_chunk("/file", version, 1), 0);
    check_bytes(done.value.bytes, done.value.hash, CHUNK, 10);
}

static void a_rewritten_file_is_stale(void **state)
{
    struct cu_version version;
    int fd;

    (void)state;
    make_file("/file", CHUNK);
    version = version_at("/file");
    assert_int_equal(run_chunk("/file", version, 0), 0);
    fd = open(at("/file"), O_WRONLY);
    assert_int_equal(pwrite(fd, "changed", 7, 100), 7);
    close(fd);
    assert_int_equal(run_chunk("/file", version, 0), ESTALE);
}

static void a_replaced_file_is_stale(void **state)
{
    struct cu_version version;

    (void)state;
    make_file("/file", CHUNK);
    make_file("/new", CHUNK);
    version = version_at("/file");
    assert_int_equal(run_chunk("/file", version, 0), 0); /* the old one is open now */
    assert_int_equal(rename(at("/new"), at("/file")), 0);
    assert_int_equal(run_chunk("/file", version, 0), ESTALE);
    assert_int_equal(run_chunk("/file", version, 0), ESTALE);
    assert_int_equal(run_chunk("/file", version_at("/file"), 0), 0);
}

static void what_is_no_file_any_more_is_stale(void **state)
{
    struct cu_version version;

    (void)state;
    make_dir("/dir");
    make_file("/dir/file", CHUNK);
    version = version_at("/dir/file");
    assert_int_equal(unlink(at("/dir/file")), 0);
    assert_int_equal(run_chunk("/dir/file", version, 0), ESTALE);
    make_dir("/dir/file");
    assert_int_equal(run_chunk("/dir/file", version, 0), ESTALE);
    assert_int_equal(rmdir(at("/dir/file")), 0);
    assert_int_equal(symlink("/etc/passwd", at("/dir/file")), 0);
    assert_int_equal(run_chunk("/dir/file", version, 0), ESTALE);
    assert_int_equal(unlink(at("/dir/file")), 0);
    assert_int_equal(mkfifo(at("/dir/file"), 0600), 0);
    assert_int_equal(run_chunk("/dir/file", version, 0), ESTALE); /* and nobody hangs */
    assert_int_equal(unlink(at("/dir/file")), 0);
    assert_int_equal(rmdir(at("/dir")), 0);
    make_file("/dir", 1);
    assert_int_equal(run_chunk("/dir/file", version, 0), ESTALE);
    assert_int_equal(open_below_root(), 0);
}

static void run_content(const char *path)
{
    struct cu_request request = request_of(CU_KIND_ATTR, path);

    request.flags = CU_WANT_CONTENT;
    assert_int_equal(run(&request), 0);
}

static void a_small_file_comes_with_its_attr(void **state)
{
    (void)state;
    make_file("/small", INLINE);
    run_content("/small");
    assert_int_equal(done.value.attr.size, INLINE);
    check_bytes(done.value.content, done.value.content_hash, 0, INLINE);
    assert_null(done.value.bytes);
    assert_int_equal(counters[CU_COUNT_storage_stat], 1);
    assert_int_equal(counters[CU_COUNT_storage_open], 1);
    assert_int_equal(counters[CU_COUNT_storage_read], 1);
    assert_int_equal(counters[CU_COUNT_storage_bytes], INLINE);
    assert_int_equal(open_below_root(), 0);
    make_file("/large", INLINE + 1);
    run_content("/large");
    assert_null(done.value.content);
    make_file("/empty", 0);
    run_content("/empty");
    assert_null(done.value.content);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/small"), 0); /* not asked for */
    assert_null(done.value.content);
    assert_int_equal(counters[CU_COUNT_storage_open], 1);
}

/* A writer that never stops: whoever reads meanwhile gets one state of the file or ESTALE, and
 * never two states in one chunk, as long as a write does not stand still between its stamp and its
 * bytes (storage/storage.h). Each state is one byte repeated. */
static unsigned slow_writes;

static void write_on(void *context)
{
    int fd = open(context, O_WRONLY);
    unsigned char state[CHUNK];
    uint64_t begun_ns;

    for (int i = 0; i < 3000; i++) {
        memset(state, i, sizeof(state));
        begun_ns = uv_hrtime();
        if (pwrite(fd, state, sizeof(state), 0) != sizeof(state))
            abort();
        slow_writes += uv_hrtime() - begun_ns >= CU_STORAGE_TICK_NS / 2;
    }
    close(fd);
}

static void two_states_never_mix(void **state)
{
    unsigned whole = 0, stale = 0, mixed = 0;
    char path[256];
    uv_thread_t writer;

    (void)state;
    make_file("/file", 0);
    assert_int_equal(truncate(at("/file"), CHUNK), 0);
    snprintf(path, sizeof(path), "%s", at("/file"));
    assert_int_equal(uv_thread_create(&writer, write_on, path), 0);
    for (int i = 0; i < 300; i++) {
        struct cu_version version = version_at("/file");

        if (run_chunk("/file", version, 0) == 0) {
            whole++;
            mixed += memcmp(done.value.bytes->data, done.value.bytes->data + 1, CHUNK - 1) != 0;
        } else {
            stale++;
            assert_int_equal(done.value.error, ESTALE);
        }
    }
    uv_thread_join(&writer);
    assert_int_equal(whole + stale, 300);
    assert_true(mixed == 0 || slow_writes > 0);
    assert_int_equal(run_chunk("/file", version_at("/file"), 0), 0);
    assert_memory_equal(done.value.bytes->data, done.value.bytes->data + 1, CHUNK - 1);
}

static bool on_loop; /* something was prepared on the loop's thread */
static uv_thread_t loop_thread;

static void prepare(void *context, struct cu_buf *bytes)
{
    uv_thread_t self = uv_thread_self();

    assert_ptr_equal(context, &done);
    on_loop |= uv_thread_equal(&self, &loop_thread) != 0;
    bytes->digested = true;
}

/* Reads a chunk; was it prepared? */
static bool is_prepared(struct cu_version version, uint64_t chunk, bool own)
{
    struct cu_request request = request_of(CU_KIND_DATA, "/file");
    unsigned count = done.count;

    request.version = version;
    request.chunk = chunk;
    submit_for(&request, own);
    while (done.count == count)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(done.value.error, 0);
    return done.value.bytes->digested;
}

/* The worker does it, while the bytes are in its cache; of what is small, or goes to no other node,
 * nobody. */
static void large_values_for_others_are_prepared_by_the_worker(void **state)
{
    struct cu_storage_config config = storage_config();
    struct cu_version version;

    (void)state;
    cu_storage_destroy(storage);
    config.prepare = prepare;
    config.prepare_bytes = CHUNK;
    storage = cu_storage_create(&config, &done, on_done, NULL);
    assert_non_null(storage);
    loop_thread = uv_thread_self();
    on_loop = false;
    make_file("/file", 2 * CHUNK + CHUNK - 1);
    version = version_at("/file");
    assert_true(is_prepared(version, 0, false));
    assert_false(is_prepared(version, 1, true));
    assert_true(is_prepared(version, 1, false));
    assert_false(is_prepared(version, 2, false));
    assert_false(on_loop);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(chunks_make_up_the_file),
        TEST(pieces_are_parts_of_chunks),
        TEST(whole_chunks_end_with_the_file),
        TEST(chunks_read_at_once_share_one_descriptor),
        TEST(descriptors_are_limited_and_closed),
        TEST(holes_are_where_storage_has_them),
        TEST(a_hole_with_content_is_none),
        TEST(holes_read_as_zeros),
        TEST(no_chunk_number_is_cut),
        TEST(a_shortened_file_is_stale),
        TEST(a_rewritten_file_is_stale),
        TEST(a_replaced_file_is_stale),
        TEST(what_is_no_file_any_more_is_stale),
        TEST(a_small_file_comes_with_its_attr),
        TEST(two_states_never_mix),
        TEST(large_values_for_others_are_prepared_by_the_worker),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
