/* SPDX-License-Identifier: BSD-3-Clause */
/* What the FUSE front asks for before anybody does: the next names of a directory, what follows by
 * habit, libraries, what links lead to, listings. Counts are of storage: this node is its own root.
 */
#include "front_node.h"

#include <dirent.h>

#define DIRS    4
#define FILES   100
#define MODULES 20

static struct node node;
static uint64_t before[CU_COUNTER_COUNT];

static void make_dirs(void)
{
    char name[64];

    assert_int_equal(mkdir(ROOT("/data"), 0755), 0);
    for (int d = 0; d < DIRS; d++) {
        snprintf(name, sizeof(name), "/data/d%d", d);
        assert_int_equal(mkdir(ROOT(name), 0755), 0);
        for (int i = 0; i < FILES; i++) {
            snprintf(name, sizeof(name), "/data/d%d/f%03d.dat", d, i);
            node_write(ROOT(name), 100, 0);
        }
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
        T(what_a_link_leads_to_is_asked_for_ahead),
        T(directories_are_listed_ahead),
        T(what_was_absent_is_looked_for_in_the_listing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
