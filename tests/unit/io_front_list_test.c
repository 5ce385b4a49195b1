/* Listings through the FUSE front: a large directory is read once, and whoever stats what it lists
 * gets the attributes ahead. */
#include "front_node.h"

#include <dirent.h>

#define LARGE 5000 /* files in the large directory */

static struct node node;

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_large_directory_is_walked_once, setup, node_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
