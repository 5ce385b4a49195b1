/* SPDX-License-Identifier: BSD-3-Clause */
/* What READs of the kernel fetch: pieces for jumps, chunks for who reads on. Counted at storage. */
#include "front_node.h"

#include <sys/mman.h>

#define CHUNK NODE_CHUNK_BYTES
#define SIZE  (64u * CHUNK)
#define PAGE  4096u

static struct node node;

#define SPARSE (INT64_C(1) << 40)

/* A few bytes here and there. */
static void make_sparse(void)
{
    int fd = open(ROOT("/sparse"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SPARSE), 0);
    for (off_t at = INT64_C(5) << 20; at < SPARSE; at *= 3)
        assert_int_equal(pwrite(fd, "data", 4, at + 100), 4);
    assert_int_equal(close(fd), 0);
}

static void make_files(void)
{
    node_write(ROOT("/f"), SIZE + 100, 5);
    node_write(ROOT("/g"), SIZE, 6);
    make_sparse();
}

static int setup(void **state)
{
    return node_setup(&node, state, 1000, make_files);
}

static uint64_t fetched(void)
{
    return node_counter(&node, CU_COUNT_storage_bytes);
}

static void pending_fn(struct node *n, void *arg)
{
    uint64_t oldest_ns;
    const char *path;

    *(uint32_t *)arg = cu_storage_pending(n->storage, uv_hrtime(), &oldest_ns, &path);
}

static bool is_at_rest(void *arg)
{
    uint32_t pending;

    node_call(arg, pending_fn, &pending);
    return pending == 0;
}

/* The same, when nothing is read ahead any more. */
static uint64_t fetched_at_rest(void)
{
    assert_true(node_until(is_at_rest, &node));
    return fetched();
}

static int open_at(const char *name)
{
    int fd = open(MOUNT(name), O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* The kernel reads nothing ahead of its own. */
static int open_at_random(const char *name)
{
    int fd = open_at(name);

    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
    return fd;
}

static void check(int fd, uint64_t at, size_t size, size_t expected, unsigned seed)
{
    unsigned char *bytes = malloc(size);

    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, size, (off_t)at), expected);
    for (size_t i = 0; i < expected; i++)
        if (bytes[i] != node_byte(at + i, seed))
            fail_msg("byte %zu is wrong", (size_t)at + i);
    free(bytes);
}

/* Pages that have nothing to do with each other. */
static uint64_t jump(unsigned i)
{
    return (i * 37u % 63u + 1) * CHUNK + i % 16 * PAGE;
}

static void a_jump_fetches_what_it_asks_for(void **state)
{
    uint64_t before;
    int fd;

    if (!*state)
        skip();
    fd = open_at("/f");
    before = fetched_at_rest();
    for (unsigned i = 0; i < 60; i++)
        check(fd, jump(i), PAGE, PAGE, 5);
    assert_int_equal(fetched_at_rest() - before, 60 * PAGE);
    before = fetched_at_rest();
    check(fd, SIZE + 10, PAGE, 90, 5); /* the file's end, in a chunk of its own */
    assert_int_equal(fetched_at_rest() - before, 100);
    close(fd);
}

static void a_larger_jump_fetches_at_most_twice_as_much(void **state)
{
    static const size_t sizes[] = {3 * PAGE, 5 * PAGE, 9 * PAGE};
    uint64_t before, asked = 0;
    int fd;

    if (!*state)
        skip();
    fd = open_at("/f");
    before = fetched_at_rest();
    for (unsigned i = 0; i < 20; i++) {
        size_t size = sizes[i % 3];

        check(fd, jump(i) + 2 * PAGE, size, size, 5);
        asked += size;
    }
    assert_true(fetched_at_rest() - before >= asked);
    assert_true(fetched_at_rest() - before <= 2 * asked);
    close(fd);
}

static void who_reads_on_gets_chunks(void **state)
{
    uint64_t before;
    int fd;

    if (!*state)
        skip();
    fd = open_at("/f");
    before = fetched_at_rest();
    for (unsigned i = 0; i < 16; i++)
        check(fd, i * PAGE, PAGE, PAGE, 5);
    assert_true(node_counter(&node, CU_COUNT_storage_read) <= 1 + (fetched() - before) / CHUNK);
    before = fetched_at_rest();
    for (uint64_t at = 32 * CHUNK; at < SIZE; at += PAGE)
        check(fd, at, PAGE, PAGE, 5);
    /* pieces, then chunks; nothing is fetched twice */
    assert_int_equal(fetched_at_rest() - before, 32 * CHUNK + 100);
    close(fd);
}

/* Adjacent pages: more is fetched than they have, but at most three
 * times as much as was used before, and a page. */
static void read_on(int fd, uint64_t at, unsigned pages)
{
    uint64_t before = fetched_at_rest();

    for (unsigned i = 0; i < pages; i++) {
        check(fd, at + i * PAGE, PAGE, PAGE, 5);
        assert_true(fetched_at_rest() - before <= (3 * i + 1) * PAGE);
    }
}

static void who_begins_in_the_middle_gets_more_by_and_by(void **state)
{
    uint64_t before;
    int fd;

    if (!*state)
        skip();
    fd = open_at_random("/f");
    before = node_counter(&node, CU_COUNT_read_ahead);
    read_on(fd, 20 * CHUNK, 3);
    assert_int_equal(node_counter(&node, CU_COUNT_read_ahead), before);
    for (uint64_t at = 20 * CHUNK + 3 * PAGE; at < 28 * CHUNK; at += PAGE)
        check(fd, at, PAGE, PAGE, 5);
    assert_true(node_counter(&node, CU_COUNT_read_ahead) > before);
    close(fd);
}

static void neighbours_among_jumps_get_no_more(void **state)
{
    uint64_t before;
    int fd;

    if (!*state)
        skip();
    fd = open_at_random("/f");
    for (unsigned i = 0; i < 5; i++)
        check(fd, jump(i), PAGE, PAGE, 5);
    before = node_counter(&node, CU_COUNT_read_ahead);
    read_on(fd, jump(5), 3);
    assert_int_equal(node_counter(&node, CU_COUNT_read_ahead), before);
    close(fd);
}

static void a_whole_file_is_fetched_once(void **state)
{
    uint64_t before;
    int fd;

    if (!*state)
        skip();
    fd = open_at("/g");
    before = fetched_at_rest();
    check(fd, 0, SIZE, SIZE, 6);
    assert_int_equal(fetched_at_rest() - before, SIZE);
    close(fd);
}

static void a_map_that_is_used_at_random_fetches_pages(void **state)
{
    const unsigned char *map;
    uint64_t before;
    int fd;

    if (!*state)
        skip();
    fd = open_at("/f");
    map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(madvise((void *)map, SIZE, MADV_RANDOM), 0);
    before = fetched_at_rest();
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(map[jump(i) + 7], node_byte(jump(i) + 7, 5));
    assert_true(fetched_at_rest() - before <= 4 * 60 * PAGE);
    munmap((void *)map, SIZE);
    close(fd);
}

static void seeks_find_what_storage_has(void **state)
{
    int a, b;

    if (!*state)
        skip();
    a = open(ROOT("/sparse"), O_RDONLY | O_CLOEXEC);
    b = open_at("/sparse");
    for (int whence = SEEK_DATA; whence <= SEEK_HOLE; whence++) {
        for (off_t at = 0; at < SPARSE; at = at * 2 + 4095) {
            off_t right = lseek(a, at, whence);

            assert_true(lseek(b, at, whence) == right);
        }
        for (off_t at = SPARSE - 1; at < SPARSE + 2; at++) {
            off_t right = lseek(a, at, whence);
            int error = errno;

            assert_true(lseek(b, at, whence) == right);
            assert_int_equal(errno, error);
        }
    }
    assert_int_equal(node_counter(&node, CU_COUNT_storage_holes), 1); /* one for all of that */
    assert_int_equal(fetched(), 0);
    close(a);
    close(b);
    b = open_at("/g");
    assert_true(lseek(b, 5, SEEK_HOLE) == (off_t)SIZE);
    assert_true(lseek(b, 5, SEEK_DATA) == 5);
    close(b);
}

/* Who reads through a hole gets zeros, of which hardly any come from storage. */
static void a_hole_is_not_fetched(void **state)
{
    static unsigned char bytes[1 << 20];
    uint64_t objects = 0;
    int fd;

    if (!*state)
        skip();
    fd = open_at("/sparse");
    for (int i = 0; i < 300; i++) {
        assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
        for (size_t at = 0; at < sizeof(bytes); at++)
            if (bytes[at] && (at < 100 || at > 103))
                fail_msg("byte %zu of MiB %d is not zero", at, i);
        assert_int_equal(memcmp(bytes + 100, "data", 4) == 0,
                         i == 5 || i == 15 || i == 45 || i == 135);
        if (i == 30)
            objects = node_counter(&node, CU_COUNT_cached_objects);
    }
    /* Of 1,200 chunks: those of read-ahead that were on their way at each hole. */
    assert_true(fetched() < 300 * CHUNK);
    assert_int_equal(node_counter(&node, CU_COUNT_storage_holes), 1);
    /* further holes are no further objects */
    assert_true(node_counter(&node, CU_COUNT_cached_objects) <= objects + 4);
    assert_int_equal(pread(fd, bytes, 4096, SPARSE - 4096), 4096);
    assert_int_equal(bytes[4095], 0);
    close(fd);
}

/* Zeros of a hole are what the kernel was given, as other bytes are: when the stamps move, and
 * nothing but them, reads go on; when a hole was written into, they do not, though mtime is back.
 */
static void a_hole_that_is_filled_is_a_change(void **state)
{
    const uint64_t size = 128 * CHUNK;
    struct timespec times[2];
    char bytes[PAGE];
    struct stat st;
    int out, fd;

    if (!*state)
        skip();
    out = open(ROOT("/filled"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(ftruncate(out, (off_t)size), 0);
    assert_int_equal(pwrite(out, "end", 3, (off_t)size - 3), 3);
    fd = open_at("/filled");
    assert_true(lseek(fd, 0, SEEK_DATA) > 0); /* from now on holes are known */
    assert_int_equal(pread(fd, bytes, PAGE, 5 * CHUNK), PAGE);
    assert_int_equal(bytes[7], 0);
    assert_int_equal(fetched(), 0);
    assert_int_equal(fchmod(out, 0600), 0);
    assert_int_equal(pread(fd, bytes, PAGE, (off_t)(size - PAGE)), PAGE);
    assert_memory_equal(bytes + PAGE - 3, "end", 3);
    assert_int_equal(fstat(out, &st), 0);
    assert_int_equal(pwrite(out, "change", 6, 5 * CHUNK), 6);
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    assert_int_equal(futimens(out, times), 0);
    assert_int_equal(pread(fd, bytes, PAGE, (off_t)(size - 20 * CHUNK)), -1);
    assert_int_equal(errno, ESTALE);
    close(fd);
    close(out);
}

/* The pieces that were fetched before the change belong to the old version, all others to nobody.
 */
static void a_file_that_changes_between_pieces_is_stale(void **state)
{
    unsigned char byte;
    int fd;

    if (!*state)
        skip();
    fd = open_at("/g");
    check(fd, jump(1), PAGE, PAGE, 6);
    node_write(ROOT("/g"), SIZE, 7);
    assert_int_equal(pread(fd, &byte, 1, (off_t)jump(2)), -1);
    assert_int_equal(errno, ESTALE);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
        T(a_jump_fetches_what_it_asks_for),
        T(a_larger_jump_fetches_at_most_twice_as_much),
        T(who_reads_on_gets_chunks),
        T(who_begins_in_the_middle_gets_more_by_and_by),
        T(neighbours_among_jumps_get_no_more),
        T(a_whole_file_is_fetched_once),
        T(a_map_that_is_used_at_random_fetches_pages),
        T(seeks_find_what_storage_has),
        T(a_hole_is_not_fetched),
        T(a_hole_that_is_filled_is_a_change),
        T(a_file_that_changes_between_pieces_is_stale),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
