/* SPDX-License-Identifier: BSD-3-Clause */
/* Links through the FUSE front, as on storage or so that they stay in the view. */
#include "front_node.h"

static struct node node;
static atomic_bool shown = true; /* by the file system of the target */

static bool shows(void *context, const char *path, size_t len)
{
    (void)context;
    (void)path;
    (void)len;
    return atomic_load(&shown);
}

static struct {
    sem_t asked; /* once for each answer that has to wait */
    bool known;  /* the loop's */
} mounts = {.known = true};

static bool knows(void *context)
{
    (void)context;
    if (!mounts.known)
        sem_post(&mounts.asked);
    return mounts.known;
}

static void make(void)
{
    char target[PATH_MAX];

    assert_int_equal(mkdir(ROOT("/lus"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/lus/env"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/hidden"), 0755), 0);
    node_write(ROOT("/lus/file"), 5, 0);
    assert_int_equal(symlink("/lus/file", ROOT("/lus/env/absolute")), 0);
    assert_int_equal(symlink("/lus/env/absolute", ROOT("/lus/chain")), 0);
    assert_int_equal(symlink("../file", ROOT("/lus/env/relative")), 0);
    assert_int_equal(symlink("../../../lus/file", ROOT("/lus/env/over")), 0);
    assert_int_equal(symlink("/lus/nowhere", ROOT("/lus/env/dangling")), 0);
    assert_int_equal(symlink("/hidden/x", ROOT("/lus/env/hidden")), 0);
    assert_int_equal(symlink("/lus/file", ROOT("/top")), 0);
    memset(target, 'x', sizeof(target) - 1);
    for (size_t i = 0; i < sizeof(target) - 1; i += 100)
        target[i] = '/';
    target[sizeof(target) - 1] = '\0';
    assert_int_equal(symlink(target, ROOT("/lus/env/longest")), 0);
}

static int set_up(void **state, bool relink)
{
    const struct node_config config = {.hidden = "/hidden",
                                       .enoent_ttl_ms = 60000,
                                       .relink = relink,
                                       .knows = knows,
                                       .shows = shows};

    atomic_store(&shown, true);
    return node_setup_as(&node, state, config, make);
}

static int setup(void **state)
{
    return set_up(state, true);
}

static int setup_kept(void **state)
{
    return set_up(state, false);
}

/* What readlink(2) shows, twice: the second time it is the kernel's; and the length that it was
 * told. */
static void assert_target(const char *path, const char *expected)
{
    char text[PATH_MAX];
    struct stat st;
    ssize_t n;

    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_size, strlen(expected));
    for (int i = 0; i < 2; i++) {
        n = readlink(path, text, sizeof(text) - 1);
        assert_int_equal(n, strlen(expected));
        text[n] = '\0';
        assert_string_equal(text, expected);
    }
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_size, strlen(expected));
}

static void assert_as_on_storage(const char *path)
{
    char text[PATH_MAX], side[PATH_MAX];
    ssize_t n = readlink(node_path(side, "root", path), text, sizeof(text) - 1);

    assert_true(n > 0);
    text[n] = '\0';
    assert_target(node_path(side, "mount", path), text);
}

static void a_link_that_leads_out_stays_inside(void **state)
{
    struct stat st;

    if (!*state)
        skip();
    assert_target(MOUNT("/lus/env/absolute"), "../file");
    assert_target(MOUNT("/lus/chain"), "env/absolute");
    assert_target(MOUNT("/lus/env/over"), "../file");
    assert_target(MOUNT("/lus/env/dangling"), "../nowhere");
    assert_target(MOUNT("/top"), "lus/file");
    assert_int_equal(node_counter(&node, CU_COUNT_links_rewritten), 5);
    assert_int_equal(stat(MOUNT("/lus/chain"), &st), 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(stat(MOUNT("/lus/env/dangling"), &st), -1);
    assert_int_equal(errno, ENOENT);
}

static void others_are_as_on_storage(void **state)
{
    if (!*state)
        skip();
    assert_as_on_storage("/lus/env/relative");
    assert_as_on_storage("/lus/env/hidden");
    assert_as_on_storage("/lus/env/longest");
    atomic_store(&shown, false);
    assert_as_on_storage("/lus/env/absolute");
    assert_int_equal(node_counter(&node, CU_COUNT_links_rewritten), 0);
    /* It was told that it is so long. */
    atomic_store(&shown, true);
    node_refresh(&node, "/");
    assert_as_on_storage("/lus/env/absolute");
}

static void forget(struct node *n, void *arg)
{
    (void)n, (void)arg;
    mounts.known = false;
}

static void know(struct node *n, void *arg)
{
    (void)arg;
    mounts.known = true;
    cu_front_known(n->front);
}

static void *look(void *context)
{
    (void)context;
    assert_target(MOUNT("/lus/env/absolute"), "../file");
    return NULL;
}

/* Mounts have come or gone: by the table of before, it would be shown as it is on storage. */
static void it_waits_until_the_mounts_are_known(void **state)
{
    pthread_t thread;

    if (!*state)
        skip();
    assert_int_equal(sem_init(&mounts.asked, 0, 0), 0);
    node_call(&node, forget, NULL);
    atomic_store(&shown, false);
    assert_int_equal(pthread_create(&thread, NULL, look, NULL), 0);
    while (sem_wait(&mounts.asked) < 0)
        ;
    assert_int_equal(access(MOUNT("/lus/file"), F_OK), 0); /* others do not wait */
    atomic_store(&shown, true);
    node_call(&node, know, NULL);
    pthread_join(thread, NULL);
    sem_destroy(&mounts.asked);
}

static void without_the_option_all_are(void **state)
{
    if (!*state)
        skip();
    assert_as_on_storage("/lus/env/absolute");
    assert_as_on_storage("/lus/env/over");
    assert_as_on_storage("/lus/env/longest");
    assert_int_equal(node_counter(&node, CU_COUNT_links_rewritten), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_link_that_leads_out_stays_inside, setup, node_teardown),
        cmocka_unit_test_setup_teardown(others_are_as_on_storage, setup, node_teardown),
        cmocka_unit_test_setup_teardown(it_waits_until_the_mounts_are_known, setup, node_teardown),
        cmocka_unit_test_setup_teardown(without_the_option_all_are, setup_kept, node_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
