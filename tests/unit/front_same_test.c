/* SPDX-License-Identifier: BSD-3-Clause */
/* What counts as a change of a file that is being read: its bytes. A link, another mode, owner,
 * name or attribute moves its ctime, and readers and maps go on; a rewrite in place is noticed
 * whatever its stamps say. */
#include "front_node.h"

#include <sys/mman.h>
#include <sys/xattr.h>

#define SIZE   (6u << 20)  /* 96 chunks: not asked for as a whole ahead */
#define LARGE  (300 << 16) /* more chunks than are noted */
#define BEFORE 1u          /* bytes of the file as it is at first */
#define AFTER  99u

static struct node node;
static char file[16]; /* the one that a test is about, in its directory */

static void new_file(const char *name)
{
    snprintf(file, sizeof(file), "/d/%s", name);
    node_write(ROOT(file), SIZE, BEFORE);
}

static void make(void)
{
    assert_int_equal(mkdir(ROOT("/d"), 0755), 0);
    new_file("file");
}

static int setup(void **state)
{
    return node_setup(&node, state, 0, make); /* no listing says that a new file is not there */
}

static int teardown(void **state)
{
    return node_teardown(state);
}

#define NEED_MOUNT                                                                                 \
    do {                                                                                           \
        if (!*state)                                                                               \
            skip();                                                                                \
    } while (0)

static int open_and_begin(void)
{
    int fd = open(MOUNT(file), O_RDONLY | O_CLOEXEC);
    char byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal((unsigned char)byte, node_byte(0, BEFORE));
    return fd;
}

static void check(const unsigned char *bytes, size_t size, uint64_t offset, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != node_byte(offset + i, seed))
            fail_msg("byte %zu is wrong", (size_t)offset + i);
}

/* The rest of the file, from the end: 0, or the errno that ended it. */
static int read_rest(int fd, unsigned seed)
{
    static unsigned char bytes[65536];

    for (off_t at = SIZE - (off_t)sizeof(bytes); at >= 0; at -= (off_t)sizeof(bytes)) {
        ssize_t n = pread(fd, bytes, sizeof(bytes), at);

        if (n < 0)
            return errno;
        assert_int_equal(n, sizeof(bytes));
        check(bytes, sizeof(bytes), (uint64_t)at, seed);
    }
    return 0;
}

static void do_link(void)
{
    assert_int_equal(link(ROOT(file), ROOT("/d/other")), 0);
}

static void do_chmod(void)
{
    assert_int_equal(chmod(ROOT(file), 0600), 0);
}

static void do_chown(void)
{
    assert_int_equal(chown(ROOT(file), getuid(), getgid()), 0);
}

static void do_rename(void)
{
    assert_int_equal(rename(ROOT(file), ROOT("/d/x")), 0);
    assert_int_equal(rename(ROOT("/d/x"), ROOT(file)), 0);
}

static void do_setxattr(void)
{
    if (setxattr(ROOT(file), "user.a", "b", 1, 0) < 0)
        print_message("no extended attributes here: %s\n", strerror(errno));
}

static void do_unlink_a_link(void)
{
    do_link();
    assert_int_equal(unlink(ROOT("/d/other")), 0);
}

static void do_move(void)
{
    assert_int_equal(rename(ROOT(file), ROOT("/d/elsewhere")), 0);
}

static void do_replace(void)
{
    assert_int_equal(rename(ROOT(file), ROOT("/d/backup")), 0);
    node_write(ROOT(file), SIZE, AFTER);
}

static void do_move_directory(void)
{
    assert_int_equal(rename(ROOT("/d"), ROOT("/e")), 0);
    assert_int_equal(rename(ROOT("/e"), ROOT("/f")), 0);
}

static void (*const moves[])(void) = {do_move, do_replace, do_move_directory};

static void (*const attribute_changes[])(void) = {do_link,   do_chmod,    do_chown,
                                                  do_rename, do_setxattr, do_unlink_a_link};
#define CHANGES (sizeof(attribute_changes) / sizeof(attribute_changes[0]))

static void attributes_may_change_under_a_reader(void **state)
{
    NEED_MOUNT;
    for (size_t i = 0; i < CHANGES; i++) {
        int fd;

        new_file((char[]){'a', (char)('0' + i), '\0'});
        fd = open_and_begin();
        attribute_changes[i]();
        assert_int_equal(read_rest(fd, BEFORE), 0);
        close(fd);
        unlink(ROOT("/d/other"));
    }
}

static void attributes_may_change_under_a_map(void **state)
{
    int fd;
    unsigned char *map;

    NEED_MOUNT;
    fd = open_and_begin();
    map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(madvise(map, SIZE, MADV_RANDOM), 0);
    close(fd);
    for (size_t i = 0; i < CHANGES; i++) {
        attribute_changes[i]();
        check(map + SIZE - (i + 1) * 65536 * 4, 65536, SIZE - (i + 1) * 65536 * 4, BEFORE);
        unlink(ROOT("/d/other"));
    }
    check(map, SIZE, 0, BEFORE);
    munmap(map, SIZE);
}

static void a_file_may_be_moved_under_a_reader(void **state)
{
    int fd;

    NEED_MOUNT;
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        new_file((char[]){'m', (char)('0' + i), '\0'});
        fd = open_and_begin();
        moves[i]();
        assert_int_equal(read_rest(fd, BEFORE), 0);
        close(fd);
    }
}

static void rewrite(bool first_chunk, bool also_chmod)
{
    struct stat st;
    FILE *f;

    assert_int_equal(stat(ROOT(file), &st), 0);
    f = fopen(ROOT(file), "r+e");
    assert_non_null(f);
    if (!first_chunk)
        fseek(f, SIZE / 2, SEEK_SET);
    for (size_t i = first_chunk ? 0 : SIZE / 2; i < SIZE; i++)
        putc(node_byte(i, AFTER), f);
    assert_int_equal(fclose(f), 0);
    if (also_chmod)
        assert_int_equal(chmod(ROOT(file), 0600), 0);
    assert_int_equal(
        utimensat(AT_FDCWD, ROOT(file), (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
}

/* Whoever opens it from now on gets the new version. */
static bool is_after(void *arg)
{
    int fd = open(MOUNT(file), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    ssize_t n = pread(fd, &byte, 1, 0);
    bool after = n == 1 && (unsigned char)byte == node_byte(0, AFTER);

    (void)arg;
    assert_true(fd >= 0);
    if (after)
        assert_int_equal(read_rest(fd, AFTER), 0);
    close(fd);
    return after;
}

static void a_rewrite_in_place_is_noticed_though_its_mtime_is_put_back(void **state)
{
    char byte;
    int fd;

    NEED_MOUNT;
    for (int chmod_too = 0; chmod_too < 2; chmod_too++) {
        new_file(chmod_too ? "b" : "c");
        fd = open_and_begin();
        rewrite(true, chmod_too);
        assert_int_equal(read_rest(fd, BEFORE), ESTALE);
        assert_int_equal(pread(fd, &byte, 1, 0), 1); /* what was read stays what it was */
        assert_int_equal((unsigned char)byte, node_byte(0, BEFORE));
        close(fd);
        assert_true(node_until(is_after, NULL));
    }
}

/* Of the half that was changed nothing was read: the reader has the new version from its beginning,
 * and gets all of it. */
static void what_nobody_has_read_may_change(void **state)
{
    static unsigned char bytes[65536];
    int fd;

    NEED_MOUNT;
    fd = open_and_begin();
    rewrite(false, false);
    assert_int_equal(pread(fd, bytes, sizeof(bytes), SIZE - sizeof(bytes)), sizeof(bytes));
    check(bytes, sizeof(bytes), SIZE - sizeof(bytes), AFTER);
    assert_int_equal(pread(fd, bytes, sizeof(bytes), SIZE / 2 - sizeof(bytes)), sizeof(bytes));
    check(bytes, sizeof(bytes), SIZE / 2 - sizeof(bytes), BEFORE);
    rewrite(true, false); /* now both halves were read */
    assert_int_equal(pread(fd, bytes, sizeof(bytes), SIZE / 4), -1);
    assert_int_equal(errno, ESTALE);
    close(fd);
}

/* Puts another file of the same size and mtime in its place, which differs up to there. */
static void replace(off_t end)
{
    struct stat st;
    int fd;

    assert_int_equal(stat(ROOT(file), &st), 0);
    node_write(ROOT("/d/new"), LARGE, BEFORE);
    fd = open(ROOT("/d/new"), O_WRONLY | O_CLOEXEC);
    for (off_t at = 0; at < end; at += 65536)
        assert_int_equal(pwrite(fd, "another", 7, at), 7);
    close(fd);
    assert_int_equal(chmod(ROOT("/d/new"), 0600), 0);
    assert_int_equal(
        utimensat(AT_FDCWD, ROOT("/d/new"), (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
    assert_int_equal(rename(ROOT("/d/new"), ROOT(file)), 0);
}

/* Another mode would explain the stamp of a file of which not all parts are known, if it were the
 * same file. */
static void another_file_is_noticed_though_not_all_parts_are_known(void **state)
{
    static unsigned char bytes[65536];

    NEED_MOUNT;
    for (int all = 0; all < 2; all++) {
        int fd;

        new_file(all ? "f" : "g");
        node_write(ROOT(file), LARGE, BEFORE);
        fd = open(MOUNT(file), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        for (off_t at = LARGE - 65536; at > 0; at -= 65536) /* backwards: nothing is read ahead */
            assert_int_equal(pread(fd, bytes, sizeof(bytes), at), sizeof(bytes));
        replace(all ? LARGE : 65536);
        assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), -1);
        assert_int_equal(errno, ESTALE);
        close(fd);
    }
}

static void another_mtime_is_another_version(void **state)
{
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    int fd;

    NEED_MOUNT;
    fd = open_and_begin();
    assert_int_equal(utimensat(AT_FDCWD, ROOT(file), times, 0), 0);
    assert_int_equal(read_rest(fd, BEFORE), ESTALE);
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(attributes_may_change_under_a_reader),
        TEST(attributes_may_change_under_a_map),
        TEST(a_file_may_be_moved_under_a_reader),
        TEST(a_rewrite_in_place_is_noticed_though_its_mtime_is_put_back),
        TEST(what_nobody_has_read_may_change),
        TEST(another_file_is_noticed_though_not_all_parts_are_known),
        TEST(another_mtime_is_another_version),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
