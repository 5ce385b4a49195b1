/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage: what is answered on the loop thread, without a worker. */
#include "storage_tree.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#ifndef XFS_SUPER_MAGIC /* older headers */
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* Until no page of the file is in the page cache. The advice leaves pages that somebody else holds
 * at that moment (the kernel's own housekeeping), so it is given again. */
static void drop_cached(int fd, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page, cached = pages;
    unsigned char *resident = malloc(pages);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

    assert_non_null(resident);
    assert_true(map != MAP_FAILED);
    for (unsigned tries = 0; cached > 0; tries++) {
        assert_true(tries < 10000);
        assert_int_equal(fsync(fd), 0);
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        assert_int_equal(mincore(map, size, resident), 0);
        cached = 0;
        for (size_t i = 0; i < pages; i++)
            cached += resident[i] & 1;
    }
    assert_int_equal(munmap(map, size), 0);
    free(resident);
}

/* The bytes that are in this node's page cache, without a worker. The kernel tells where it can. */
static void what_is_cached_comes_at_once(void **state)
{
    struct cu_request request = request_of(CU_KIND_DATA, "/file");
    struct cu_value value = {0};
    struct statfs fs;
    bool local;
    int fd;

    (void)state;
    assert_int_equal(statfs(root, &fs), 0);
    local = fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC ||
            fs.f_type == BTRFS_SUPER_MAGIC;
    make_file("/file", 3 * CHUNK + 100);
    request.version = version_at("/file");
    request.piece = 7;                                           /* the last fourth */
    assert_false(cu_storage_at_once(storage, &request, &value)); /* it is not open */
    assert_int_equal(run(&request), 0);
    request.piece = 5;
    assert_int_equal(cu_storage_at_once(storage, &request, &value), local);
    if (local) {
        check_bytes(value.bytes, value.hash, CHUNK / 4, CHUNK / 4);
        assert_true(cu_version_equal(&value.version, &request.version));
        cu_value_clear(&value);
    }
    assert_int_equal(counters[CU_COUNT_storage_read], local ? 2 : 1);
    assert_int_equal(counters[CU_COUNT_storage_bytes], (local ? 2 : 1) * CHUNK / 4);
    assert_int_equal(counters[CU_COUNT_storage_open], 1);
    request.chunk = 3;
    request.piece = 5;
    assert_false(cu_storage_at_once(storage, &request, &value)); /* behind the end */
    request.kind = CU_KIND_ATTR;
    assert_false(cu_storage_at_once(storage, &request, &value));
    request.kind = CU_KIND_DATA;
    request.chunk = 1;
    fd = open(at("/file"), O_RDWR);
    if (local)
        drop_cached(fd, 3 * CHUNK + 100);
    assert_true(!local || !cu_storage_at_once(storage, &request, &value)); /* on the device only */
    assert_int_equal(run(&request), 0);
    let_stamps_age();
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    close(fd);
    assert_false(cu_storage_at_once(storage, &request, &value)); /* it is another version now */
    assert_null(value.bytes);
    assert_int_equal(run(&request), ESTALE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_cached_comes_at_once, tree_setup, tree_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
