/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings through the FUSE front: a large directory is read once, and whoever stats what it lists
 * gets the attributes ahead. */
#include "front_node.h"

#include "proto/dirview.h"

#include <dirent.h>
#include <sched.h>

#define LARGE 5000 /* files in the large directory */

static struct node node;

static atomic_uint made, made_on_loop; /* views of large listings */

int __real_cu_dirview_make(struct cu_buf *bytes, struct cu_dirview **view);
int __wrap_cu_dirview_make(struct cu_buf *bytes, struct cu_dirview **view);

int __wrap_cu_dirview_make(struct cu_buf *bytes, struct cu_dirview **view)
{
    if (cu_dirview_is_large(bytes)) {
        atomic_fetch_add(&made, 1);
        if (pthread_equal(pthread_self(), node.thread))
            atomic_fetch_add(&made_on_loop, 1);
    }
    return __real_cu_dirview_make(bytes, view);
}

static void make_large(void)
{
    char name[64];

    assert_int_equal(mkdir(ROOT("/large"), 0755), 0);
    for (unsigned i = 0; i < LARGE; i++) {
        snprintf(name, sizeof(name), "/large/a-file-%u", i);
        node_write(ROOT(name), 1, 0);
    }
}

static int setup(void **state)
{
    return node_setup(&node, state, 60000, make_large);
}

static void a_large_directory_is_walked_once(void **state)
{
    static unsigned char seen[LARGE];
    uint64_t before[CU_COUNTER_COUNT], after[CU_COUNTER_COUNT];
    struct stat st;
    unsigned i;
    DIR *d;

    if (!*state)
        skip();
    assert_int_equal(access(MOUNT(""), F_OK), 0);
    node_counters(&node, before);
    d = opendir(MOUNT("/large"));
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (sscanf(e->d_name, "a-file-%u", &i) != 1)
            continue;
        assert_true(i < LARGE && !seen[i]);
        seen[i] = 1;
        assert_int_equal(fstatat(dirfd(d), e->d_name, &st, 0), 0);
        assert_int_equal(st.st_size, 1);
    }
    closedir(d);
    for (i = 0; i < LARGE; i++)
        assert_true(seen[i]);
    node_counters(&node, after);
    assert_int_equal(after[CU_COUNT_storage_readdir] - before[CU_COUNT_storage_readdir], 1);
    assert_int_equal(after[CU_COUNT_storage_stat] - before[CU_COUNT_storage_stat], LARGE + 1);
    /* most attributes came ahead, with the listing */
    assert_true(after[CU_COUNT_fuse_lookup] - before[CU_COUNT_fuse_lookup] < LARGE / 4);
}

/* Walked, looked into for missing names, and walked again: by several processes at once. */
static void *use_large(void *arg)
{
    char name[64];
    struct stat st;
    uintptr_t failed = 0;
    unsigned names = 0;
    DIR *d = opendir(MOUNT("/large"));

    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "/large/none-%u-%u", (unsigned)(uintptr_t)arg, i);
        failed |= stat(MOUNT(name), &st) == 0 || errno != ENOENT;
    }
    while (d && readdir(d))
        names++;
    failed |= names != LARGE + 2;
    if (d)
        closedir(d);
    return (void *)failed;
}

static void a_large_listing_is_made_ready_once_and_not_on_the_loop(void **state)
{
    pthread_t threads[4];
    struct stat st;
    void *failed;

    if (!*state)
        skip();
    atomic_store(&made, 0);
    atomic_store(&made_on_loop, 0);
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_large, (void *)i), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(stat(MOUNT("/large/a-file-17"), &st), 0);
    assert_int_equal(atomic_load(&made), 1);
    assert_int_equal(atomic_load(&made_on_loop), 0);
    assert_int_equal(node_counter(&node, CU_COUNT_storage_readdir), 1);
    assert_in_range(node_counter(&node, CU_COUNT_hit_negative), 1, 80);
}

/* The mount goes while a listing is being made ready, or before. */
static void the_mount_ends_while_a_listing_is_made_ready(void **state)
{
    pthread_t thread;
    void *failed;

    if (!*state)
        skip();
    assert_int_equal(pthread_create(&thread, NULL, use_large, NULL), 0);
    while (atomic_load(&made) == 0)
        sched_yield();
    assert_int_equal(node_teardown(state), 0);
    *state = NULL;
    assert_int_equal(pthread_join(thread, &failed), 0);
}

static int setup_unmade(void **state)
{
    atomic_store(&made, 0);
    return setup(state);
}

static int teardown_if_up(void **state)
{
    return *state ? node_teardown(state) : 0;
}

static int setup_bounded(void **state)
{
    node_listing_bytes = 40000;
    return node_setup(&node, state, 60000, make_large);
}

static int teardown_bounded(void **state)
{
    node_listing_bytes = 0;
    return node_teardown(state);
}

/* Names over the bound are not shown, which is an error and no end; and are found all the same. */
static void a_listing_over_its_bound_fails_at_its_end(void **state)
{
    uint64_t counters[CU_COUNTER_COUNT];
    unsigned names = 0;
    char name[64];
    struct stat st;
    DIR *d;

    if (!*state)
        skip();
    for (int round = 0; round < 2; round++) {
        d = opendir(MOUNT("/large"));
        assert_non_null(d);
        errno = 0;
        for (names = 0; readdir(d); names++)
            ;
        assert_int_equal(errno, E2BIG);
        assert_in_range(names, 40000 / 30, 40000 / (11 + 8) + 2);
        closedir(d);
    }
    for (unsigned i = 0; i < LARGE; i += 10) {
        snprintf(name, sizeof(name), "/large/a-file-%u", i);
        assert_int_equal(stat(MOUNT(name), &st), 0);
        snprintf(name, sizeof(name), "/large/no-file-%u", i);
        assert_int_equal(stat(MOUNT(name), &st), -1);
        assert_int_equal(errno, ENOENT);
    }
    node_counters(&node, counters);
    assert_int_equal(counters[CU_COUNT_listings_cut], 1);
}

static void make_listed(void)
{
    assert_int_equal(mkdir(ROOT("/listed"), 0755), 0);
    node_write(ROOT("/listed/there"), 1, 0);
}

static int setup_listed(void **state)
{
    return node_setup(&node, state, 60000, make_listed);
}

/* After one absent name the directory is listed first; what the listing has is asked for then. */
static void what_a_listing_has_is_looked_up(void **state)
{
    uint64_t before[CU_COUNTER_COUNT], after[CU_COUNTER_COUNT];
    struct stat st;

    if (!*state)
        skip();
    assert_int_equal(stat(MOUNT("/listed/no"), &st), -1);
    node_counters(&node, before);
    assert_int_equal(stat(MOUNT("/listed/there"), &st), 0);
    assert_int_equal(st.st_size, 1);
    assert_int_equal(stat(MOUNT("/listed/neither"), &st), -1);
    assert_int_equal(errno, ENOENT);
    node_counters(&node, after);
    assert_int_equal(after[CU_COUNT_storage_readdir] - before[CU_COUNT_storage_readdir], 1);
    assert_int_equal(after[CU_COUNT_hit_negative] - before[CU_COUNT_hit_negative], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_large_directory_is_walked_once, setup, node_teardown),
        cmocka_unit_test_setup_teardown(what_a_listing_has_is_looked_up, setup_listed,
                                        node_teardown),
        cmocka_unit_test_setup_teardown(a_large_listing_is_made_ready_once_and_not_on_the_loop,
                                        setup, node_teardown),
        cmocka_unit_test_setup_teardown(the_mount_ends_while_a_listing_is_made_ready, setup_unmade,
                                        teardown_if_up),
        cmocka_unit_test_setup_teardown(a_listing_over_its_bound_fails_at_its_end, setup_bounded,
                                        teardown_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
