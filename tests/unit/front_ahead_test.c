/* SPDX-License-Identifier: BSD-3-Clause */
/* What the FUSE front asks for before anybody does: the next names of a directory, what follows by
 * habit, libraries, what links lead to, listings. Counts are of storage: this node is its own root.
 */
#include "front_node.h"

#include <dirent.h>
#include <ftw.h>

#define DIRS    4
#define FILES   100
#define MODULES 20
#define RECORDS 7 /* large files of records */

#define WALKED       200 /* directories of a tree that is walked, */
#define WALKED_FILES 50  /* each with so many files */

static struct node node;
static uint64_t before[CU_COUNTER_COUNT];

static void make_dir(const char *path, int files)
{
    char name[64];

    assert_int_equal(mkdir(ROOT(path), 0755), 0);
    for (int i = 0; i < files; i++) {
        assert_true(snprintf(name, sizeof(name), "%s/f%03d.dat", path, i) < (int)sizeof(name));
        node_write(ROOT(name), 100, 0);
    }
}

static void make_dirs(void)
{
    char name[64];

    make_dir("/other", FILES);
    assert_int_equal(mkdir(ROOT("/data"), 0755), 0);
    for (int d = 0; d < DIRS; d++) {
        snprintf(name, sizeof(name), "/data/d%d", d);
        make_dir(name, FILES);
    }
}

static void make_modules(void)
{
    char name[64], target[64];

    assert_int_equal(mkdir(ROOT("/package"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/package/__pycache__"), 0755), 0);
    for (int i = 0; i < MODULES; i++) {
        snprintf(name, sizeof(name), "/package/m%d.py", i);
        node_write(ROOT(name), 100, 0);
        snprintf(name, sizeof(name), "/package/__pycache__/m%d.cpython-311.pyc", i);
        node_write(ROOT(name), 100, 0);
        snprintf(name, sizeof(name), "/package/lib%d.so", i);
        node_write(ROOT(name), 5 * NODE_CHUNK_BYTES, 0);
        snprintf(name, sizeof(name), "/package/link%d.so", i);
        snprintf(target, sizeof(target), "lib%d.so", i);
        assert_int_equal(symlink(target, ROOT(name)), 0);
    }
    node_write(ROOT("/package/large.so"), 5 << 20, 0);
    for (int i = 0; i < RECORDS; i++) {
        snprintf(name, sizeof(name), "/package/r%d.rec", i);
        assert_int_equal(link(ROOT("/package/large.so"), ROOT(name)), 0);
    }
    for (int i = 0; i < MODULES; i++) {
        snprintf(name, sizeof(name), "/package/sub%d", i);
        assert_int_equal(mkdir(ROOT(name), 0755), 0);
        snprintf(name, sizeof(name), "/package/sub%d/there", i);
        node_write(ROOT(name), 1, 0);
    }
}

static void make_all(void)
{
    make_dirs();
    make_modules();
}

static int setup(void **state)
{
    return node_setup(&node, state, 600000, make_all);
}

static uint64_t grown(enum cu_counter counter)
{
    return node_counter(&node, counter) - before[counter];
}

__attribute__((format(printf, 1, 2))) static void look(const char *format, ...)
{
    char name[64];
    struct stat st;
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    assert_int_equal(lstat(MOUNT(name), &st), 0);
}

__attribute__((format(printf, 1, 2))) static void read_first(const char *format, ...)
{
    char name[64], byte;
    va_list args;
    int fd;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    fd = open(MOUNT(name), O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    close(fd);
}

static void directories_are_walked_ahead(void **state)
{
    if (!*state)
        skip();
    assert_int_equal(access(MOUNT("/data"), F_OK), 0);
    node_counters(&node, before);
    for (int d = 0; d < DIRS; d++)
        for (int i = 0; i < FILES; i++)
            look("/data/d%d/f%03d.dat", d, i);
    /* Each of them, and the one above, of which four names were found. */
    assert_int_equal(grown(CU_COUNT_storage_readdir), DIRS + 1);
    assert_int_equal(grown(CU_COUNT_storage_stat), DIRS * FILES + DIRS);
    assert_true(grown(CU_COUNT_read_ahead) > DIRS * FILES * 3 / 4);
}

/* Names in no order: nothing says what comes next, and nothing more is asked than that. */
static void a_few_names_are_no_walk(void **state)
{
    if (!*state)
        skip();
    assert_int_equal(access(MOUNT("/data/d0"), F_OK), 0);
    node_counters(&node, before);
    for (int i = 0; i < 10; i++)
        look("/data/d%d/f%03d.dat", 0, (i * 37) % FILES);
    assert_int_equal(grown(CU_COUNT_storage_stat), 10);
    assert_true(grown(CU_COUNT_storage_readdir) <= 1);
}

static void companions_are_asked_for_ahead(void **state)
{
    uint64_t reads;

    if (!*state)
        skip();
    for (int i = 0; i < MODULES / 2; i++) {
        look("/package/m%d.py", i);
        read_first("/package/__pycache__/m%d.cpython-311.pyc", i);
    }
    node_counters(&node, before);
    look("/package/m%d.py", MODULES - 1);
    assert_true(grown(CU_COUNT_read_ahead) >= 1);
    reads = node_counter(&node, CU_COUNT_hit_storage);
    read_first("/package/__pycache__/m%d.cpython-311.pyc", MODULES - 1);
    assert_int_equal(node_counter(&node, CU_COUNT_hit_storage), reads);
    /* The .py and the .pyc once each, the latter with its content. */
    assert_int_equal(grown(CU_COUNT_storage_open), 1);
}

static void libraries_are_asked_for_ahead(void **state)
{
    if (!*state)
        skip();
    for (int i = 0; i < 6; i++)
        read_first("/package/lib%d.so", i);
    node_counters(&node, before);
    look("/package/lib%d.so", MODULES - 1);
    assert_int_equal(grown(CU_COUNT_read_ahead), 5);
    /* Of a large one the head and the end. */
    node_counters(&node, before);
    look("/package/large.so");
    assert_int_equal(grown(CU_COUNT_read_ahead), ((1 << 20) + (512 << 10)) / NODE_CHUNK_BYTES);
}

/* An index at the beginning and records here and there: of the next such file nothing is read. */
static void records_are_not_asked_for_ahead(void **state)
{
    static const int order[RECORDS - 1] = {3, 0, 5, 1, 4, 2}; /* no walk */
    char name[64], byte;
    int fd;

    if (!*state)
        skip();
    for (int i = 0; i < RECORDS - 1; i++) {
        snprintf(name, sizeof(name), "/package/r%d.rec", order[i]);
        fd = open(MOUNT(name), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
        for (int at = 0; at < 20; at++)
            assert_int_equal(pread(fd, &byte, 1, at * 7 % 20 * (200 << 10)), 1);
        close(fd);
    }
    node_counters(&node, before);
    look("/package/r%d.rec", RECORDS - 1);
    assert_int_equal(grown(CU_COUNT_read_ahead), 0);
}

static void what_a_link_leads_to_is_asked_for_ahead(void **state)
{
    uint64_t waited;

    if (!*state)
        skip();
    assert_int_equal(access(MOUNT("/package"), F_OK), 0);
    node_counters(&node, before);
    look("/package/link%d.so", 0);
    assert_int_equal(grown(CU_COUNT_read_ahead), 1);
    waited = node_counter(&node, CU_COUNT_hit_storage);
    look("/package/lib%d.so", 0);
    assert_int_equal(node_counter(&node, CU_COUNT_hit_storage), waited);
}

static void directories_are_listed_ahead(void **state)
{
    char name[64];

    if (!*state)
        skip();
    for (int i = 0; i < 6; i++) {
        DIR *dir;

        snprintf(name, sizeof(name), "/package/sub%d", i);
        dir = opendir(MOUNT(name));
        assert_non_null(dir);
        while (readdir(dir))
            continue;
        closedir(dir);
    }
    node_counters(&node, before);
    look("/package/sub%d", MODULES - 1);
    assert_int_equal(grown(CU_COUNT_read_ahead), 1);
}

static void make_tree(void)
{
    char name[64];

    assert_int_equal(mkdir(ROOT("/tree"), 0755), 0);
    for (int d = 0; d < WALKED; d++) {
        snprintf(name, sizeof(name), "/tree/d%03d", d);
        make_dir(name, WALKED_FILES);
    }
}

static int setup_tree(void **state)
{
    return node_setup(&node, state, 600000, make_tree);
}

static unsigned found;

static int find_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)path;
    (void)where;
    assert_true(type == FTW_F || type == FTW_D);
    found += S_ISREG(st->st_mode);
    return 0;
}

/* In the order in which directories are shown, the one above is gone on with after each of them: of
 * most only the first name is waited for, and the listings of the first few. */
static void a_tree_is_found_ahead(void **state)
{
    if (!*state)
        skip();
    node_counters(&node, before);
    found = 0;
    assert_int_equal(nftw(MOUNT("/tree"), find_one, 20, FTW_PHYS), 0);
    assert_int_equal(found, WALKED * WALKED_FILES);
    assert_in_range(grown(CU_COUNT_hit_storage), WALKED, WALKED + 16);
}

static void list(const char *path)
{
    DIR *dir = opendir(MOUNT(path));

    assert_non_null(dir);
    while (readdir(dir))
        continue;
    closedir(dir);
}

static void walk(const char *path)
{
    list(path);
    for (int i = 0; i < FILES; i++)
        look("%s/f%03d.dat", path, i);
}

static void a_walk_elsewhere_is_another_one(void **state)
{
    if (!*state)
        skip();
    walk("/data/d0");
    walk("/other");
    look("/data/d1");
    node_counters(&node, before);
    walk("/data/d1");
    /* its listing and its first name */
    assert_int_equal(grown(CU_COUNT_hit_storage), 2);
}

/* Who jumps in a directory beside one that was walked makes it an end to expect walks there. */
static void a_walk_that_is_none_is_the_last_one_expected(void **state)
{
    char name[64];

    if (!*state)
        skip();
    walk("/data/d0");
    for (int d = 1; d < 3; d++) {
        snprintf(name, sizeof(name), "/data/d%d", d);
        list(name);
        node_counters(&node, before);
        for (int i = 0; i < 10; i++)
            look("/data/d%d/f%03d.dat", d, (i * 37) % FILES);
        if (d == 1)
            assert_true(grown(CU_COUNT_read_ahead) > 10);
        else
            assert_int_equal(grown(CU_COUNT_read_ahead), 0);
    }
}

static void what_was_absent_is_looked_for_in_the_listing(void **state)
{
    char name[64];
    struct stat st;

    if (!*state)
        skip();
    assert_int_equal(access(MOUNT("/package"), F_OK), 0);
    for (int i = 0; i < MODULES; i++)
        look("/package/sub%d", i);
    node_counters(&node, before);
    for (int i = 0; i < MODULES; i++) {
        snprintf(name, sizeof(name), "/package/sub%d/absent", i);
        assert_int_equal(lstat(MOUNT(name), &st), -1);
        assert_int_equal(errno, ENOENT);
    }
    assert_int_equal(grown(CU_COUNT_storage_stat), 1);
    assert_int_equal(grown(CU_COUNT_storage_readdir), MODULES - 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(directories_are_walked_ahead),
        T(a_few_names_are_no_walk),
        T(companions_are_asked_for_ahead),
        T(libraries_are_asked_for_ahead),
        T(records_are_not_asked_for_ahead),
        T(what_a_link_leads_to_is_asked_for_ahead),
        T(directories_are_listed_ahead),
        T(what_was_absent_is_looked_for_in_the_listing),
        T(a_walk_elsewhere_is_another_one),
        T(a_walk_that_is_none_is_the_last_one_expected),
        cmocka_unit_test_setup_teardown(a_tree_is_found_ahead, setup_tree, node_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
